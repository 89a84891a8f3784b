"""Checks that the code reads and accepts the settings in compose files."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from common.errors import SettingError
from common.settings import DatabaseSettings, Section, load
from common.version import VERSION
from deploy.problem import PROJECT, DeployProblem
from deploy.services import Project, Service, package_of, secret_targets
from deploy.settings import MACHINERY, fields_of, loaded_by
from warehouse.settings import WarehouseSettings

# Variables of compose files besides settings, with values for this check.
EXAMPLE = {
    "LLM_MODEL": "openai/gpt-4o-mini",
    "DOMAIN": "stats.example.org",
    "IMAGES": "registry.example.org/dialytics",
    "VERSION": VERSION,
}
SECRETS_FROM_OUTSIDE = {
    "telegram_token": "123456:ABCdefGHIjklMNOpqrsTUVwxyz0123456789",
    "openrouter_api_key": "sk-or-v1-0123456789abcdef",
}
# Set by the image itself, or without meaning in a container.
FIXED_IN_IMAGE = frozenset({"DATA_DIR", "DAGSTER_HOME", "WEB_DIST", "BIND_HOST", "ENVIRONMENT"})
# Parts of a section that the package loads for something else.
UNUSED: Mapping[str, frozenset[str]] = {
    # It takes the two addresses: one connection each, no pool, no report, no build.
    "migrations": (fields_of(DatabaseSettings) | fields_of(WarehouseSettings))
    - {"DATABASE_URL", "CLICKHOUSE_URL", "CLICKHOUSE_CLUSTER"},
    # They write, and read what they wrote as the same user.
    "pipelines": frozenset({"CLICKHOUSE_READER_URL"}),
}


@contextmanager
def example_secrets() -> Iterator[Path]:
    """A directory as deploy/make-secrets.sh makes it, with the two values it cannot make."""
    with tempfile.TemporaryDirectory() as directory:
        subprocess.run(
            ["bash", str(PROJECT / "deploy" / "make-secrets.sh"), directory],
            check=True,
            capture_output=True,
        )
        for name, value in SECRETS_FROM_OUTSIDE.items():
            path = Path(directory) / name
            path.unlink()
            path.write_text(value, encoding="utf-8")
        yield Path(directory)


def problems(project: Project, secrets: Path) -> Iterator[DeployProblem]:
    """Problems of the project's own services."""
    for name, secret in project.document["secrets"].items():
        if not (secrets / name).exists():
            yield DeployProblem(f"{project.title} secrets", f"make-secrets.sh does not make {name}")
        if not str(secret["file"]).endswith(f"/{name}"):
            yield DeployProblem(
                f"{project.title} secrets", f"{name} is another file: {secret['file']}"
            )
    for name, service in project.services.items():
        package = package_of(service)
        if package is None:
            continue
        where = f"{project.title} {name}"
        read = loaded_by(package)
        known = frozenset().union(*(fields_of(section) for section in read))
        given = set(service.get("environment", {}))
        mounted = {target.upper() for target in secret_targets(service)}
        for unknown in sorted((given | mounted) - known - MACHINERY):
            yield DeployProblem(where, f"sets {unknown}, which {package} does not read")
        reachable = given | mounted | FIXED_IN_IMAGE | UNUSED.get(package, frozenset())
        for unreachable in sorted(known - reachable):
            yield DeployProblem(where, f"offers no way to set {unreachable}")
        yield from _refused(where, service, read, secrets)


def _refused(
    where: str, service: Service, sections: frozenset[type[Section]], secrets: Path
) -> Iterator[DeployProblem]:
    """Loads the settings of one service from its configuration and returns the problems."""
    with tempfile.TemporaryDirectory() as mounted:
        for target, secret in secret_targets(service).items():
            if (secrets / secret).exists():
                (Path(mounted) / target).write_text(
                    (secrets / secret).read_text(encoding="utf-8"), encoding="utf-8"
                )
        environment = {
            name: str(value)
            for name, value in service.get("environment", {}).items()
            if value is not None
        }
        with _environment({**environment, "SECRETS_DIR": mounted, "ENV_FILE": os.devnull}):
            for section in sorted(sections, key=lambda section: section.__name__):
                try:
                    load(section)
                except SettingError as error:
                    yield DeployProblem(where, f"the code refuses it: {error}")


@contextmanager
def _environment(values: Mapping[str, Any]) -> Iterator[None]:
    """The process's environment replaced by `values` (and PATH)."""
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update({"PATH": before.get("PATH", ""), **values})
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
