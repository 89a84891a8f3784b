"""Reads compose files like the engine: replaces variables and merges overlays.

Knows the compose specification, nothing of this product.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator

from deploy.problem import DeployProblem

_VARIABLE = re.compile(
    r"\$(?:(?P<escaped>\$)|\{(?P<braced>\w+)(?:(?P<operator>:?[-?+])(?P<word>[^}]*))?\}|(?P<plain>\w+))"
)
# Lists that an overlay replaces; all others it adds to.
_REPLACED = frozenset({"command", "entrypoint", "test"})


def read(path: Path) -> dict[str, Any]:
    """One file, parsed and not resolved."""
    text = path.read_text(encoding="utf-8")
    content: dict[str, Any] = yaml.load(text, Loader=yaml.CSafeLoader)
    return content


def variables(path: Path) -> frozenset[str]:
    """Names that the file takes from the shell or .env: `${NAME…}`, and `NAME:` without a value."""
    text = path.read_text(encoding="utf-8")
    found = {match["braced"] or match["plain"] for match in _VARIABLE.finditer(text)}
    for service in read(path).get("services", {}).values():
        environment = service.get("environment", {})
        found |= {name for name, value in environment.items() if value is None}
    return frozenset(found - {None})


def interpolate(value: Any, given: Mapping[str, str]) -> Any:
    """Replace variables everywhere in a document."""
    if isinstance(value, str):
        return _VARIABLE.sub(lambda match: _replacement(match, given), value)
    if isinstance(value, list):
        return [interpolate(item, given) for item in value]
    if isinstance(value, dict):
        return {key: interpolate(item, given) for key, item in value.items()}
    return value


def _replacement(match: re.Match[str], given: Mapping[str, str]) -> str:
    if match["escaped"]:
        return "$"
    name = match["braced"] or match["plain"]
    found = given.get(name, "")
    operator, word = match["operator"], match["word"] or ""
    if operator in {":-", "-"}:
        return found or word
    return found


def overlay(base: Any, top: Any, *, key: str = "") -> Any:
    """`top` laid on `base`: mappings are merged, lists added to, the rest replaced."""
    if isinstance(base, dict) and isinstance(top, dict):
        merged = dict(base)
        for name, value in top.items():
            merged[name] = overlay(base[name], value, key=name) if name in base else value
        return merged
    if isinstance(base, list) and isinstance(top, list) and key not in _REPLACED:
        return [*base, *(item for item in top if item not in base)]
    # `depends_on` and `networks` may be lists or mappings; a list means no options.
    if isinstance(base, list) and isinstance(top, dict):
        return {**{name: {} for name in base}, **top}
    return top


def stack(*paths: Path, given: Mapping[str, str]) -> dict[str, Any]:
    """Several files as one project."""
    merged: dict[str, Any] = {}
    for path in paths:
        merged = overlay(merged, interpolate(read(path), given))
    return merged


def schema_problems(document: Mapping[str, Any], *, where: str) -> list[DeployProblem]:
    """Violations of the compose specification's JSON schema."""
    return _validate(document, "compose-spec.json", where=where)


def workflow_problems(path: Path) -> list[DeployProblem]:
    """Violations of the JSON schema of GitHub workflows."""
    # YAML 1.1 reads the key `on` as true.
    document = {"on" if str(key) == "True" else key: value for key, value in read(path).items()}
    return _validate(document, "github-workflows.json", where=path.name)


def _validate(document: Mapping[str, Any], name: str, *, where: str) -> list[DeployProblem]:
    schema = json.loads(
        (files("check_jsonschema") / "builtin_schemas" / "vendor" / name).read_text("utf-8")
    )
    return [
        DeployProblem(
            f"{where} {'.'.join(str(part) for part in error.absolute_path)}", error.message
        )
        for error in Draft202012Validator(schema).iter_errors(document)
    ]
