"""Lists all settings of the product from their classes."""

from __future__ import annotations

import ast
import importlib
import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from common.settings import Section
from deploy.problem import PROJECT

PACKAGES = (
    "common",
    "bot",
    "api",
    "pipelines",
    "warehouse",
    "migrations",
    "embedded",
    "simulator",
    "benchmarks",
)
# Variables that the settings machinery itself reads (common.settings).
MACHINERY = frozenset({"ENV_FILE", "SECRETS_DIR"})


@dataclass(frozen=True)
class Setting:
    """One field of one section."""

    name: str
    """Upper case, as in the environment."""
    section: type[Section]
    field: FieldInfo

    @property
    def meaning(self) -> str:
        """The field's docstring on one line; empty without one."""
        return " ".join((self.field.description or "").split())

    @property
    def module(self) -> str:
        return self.section.__module__

    @property
    def is_required(self) -> bool:
        return self.field.is_required()

    @property
    def is_secret(self) -> bool:
        return "SecretStr" in str(self.field.annotation) or self.field.annotation is SecretStr

    @property
    def default(self) -> str:
        """As one would write it; empty for unset."""
        value = self.field.get_default(call_default_factory=True, validated_data={})
        if value is PydanticUndefined or value is None or value in ((), {}):
            return ""
        return str(value).lower() if isinstance(value, bool) else str(value)


@cache
def section_modules() -> tuple[str, ...]:
    """Modules whose source defines a section, by path."""
    found = []
    for package in PACKAGES:
        for path in sorted((PROJECT / package).rglob("*.py")):
            if "node_modules" in path.parts or not _defines_section(path):
                continue
            name = path.relative_to(PROJECT).with_suffix("").as_posix().replace("/", ".")
            found.append(name.removesuffix(".__init__"))
    return tuple(found)


def _defines_section(path: Path) -> bool:
    source = path.read_text(encoding="utf-8")
    return "Section" in source and any(
        isinstance(node, ast.ClassDef)
        and any(isinstance(base, ast.Name) and base.id == "Section" for base in node.bases)
        for node in ast.walk(ast.parse(source))
    )


@cache
def sections() -> tuple[type[Section], ...]:
    """Every section, in the order of its module and its source."""
    found: list[type[Section]] = []
    for name in section_modules():
        module = importlib.import_module(name)
        found.extend(
            value
            for value in vars(module).values()
            if inspect.isclass(value)
            and issubclass(value, Section)
            and value is not Section
            and value.__module__ == name
        )
    return tuple(found)


@cache
def settings() -> tuple[Setting, ...]:
    """Every field of every section, inherited ones once."""
    return tuple(
        Setting(name.upper(), section, section.model_fields[name])
        for section in sections()
        for name in section.__annotations__
        if name in section.model_fields
    )


def names() -> frozenset[str]:
    return frozenset(setting.name for setting in settings())


def fields_of(section: type[Section]) -> frozenset[str]:
    """Names of all settings that loading this section reads."""
    return frozenset(name.upper() for name in section.model_fields)


@cache
def loaded_by(*packages: str) -> frozenset[type[Section]]:
    """The sections that the code of these packages loads."""
    by_path = {f"{section.__module__}.{section.__name__}": section for section in sections()}
    found = set()
    for package in packages:
        for path in sorted((PROJECT / package).rglob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            imported = {
                alias.asname or alias.name: f"{node.module}.{alias.name}"
                for node in ast.walk(tree)
                if isinstance(node, ast.ImportFrom) and node.module
                for alias in node.names
            }
            here = path.relative_to(PROJECT).with_suffix("").as_posix().replace("/", ".")
            for name in _loaded_names(tree):
                section = by_path.get(imported.get(name, f"{here}.{name}"))
                if section is not None:
                    found.add(section)
    return frozenset(found)


def _loaded_names(tree: ast.Module) -> Iterator[str]:
    """Arguments of `load`, and the types of fields of classes, for `load_sections`."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id="load"), args=[ast.Name(id=name), *_]):
                yield name
            case ast.AnnAssign(target=ast.Name(), annotation=ast.Name(id=name)):
                yield name
