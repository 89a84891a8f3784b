"""Checks of a compose project: order, health, names, ports, secrets, hardening."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from deploy.problem import PROJECT, DeployProblem

Service = Mapping[str, Any]
_URL = re.compile(r"http://[^\s'\"]+")
OWN = frozenset({"bot", "api", "pipelines", "migrations"})
DATABASES = re.compile(r"postgres|clickhouse|keeper|redis")
# They write where their image says; their own entry scripts need a writable root to start.
WRITABLE_ROOT = re.compile(r"clickhouse|keeper")


def is_one_shot(service: Service) -> bool:
    """Runs to its end, as a migration does."""
    return service.get("restart") == "no"


@dataclass(frozen=True)
class Project:
    """A merged project and its name in messages."""

    title: str
    document: Mapping[str, Any]

    @property
    def services(self) -> Mapping[str, Service]:
        services: Mapping[str, Service] = self.document["services"]
        return services

    def problems(self) -> Iterator[DeployProblem]:
        yield from self._order()
        yield from self._names()
        yield from self._health()
        yield from self._commands()
        yield from self._hardening()

    def _where(self, service: str) -> str:
        return f"{self.title} {service}"

    def _order(self) -> Iterator[DeployProblem]:
        waits = {
            name: dict(service.get("depends_on", {})) for name, service in self.services.items()
        }
        for name, others in waits.items():
            for other, how in others.items():
                if other not in self.services:
                    yield DeployProblem(
                        self._where(name), f"waits for {other}, which does not exist"
                    )
                    continue
                condition = how.get("condition")
                wanted = (
                    "service_completed_successfully"
                    if is_one_shot(self.services[other])
                    else "service_healthy"
                )
                if condition != wanted:
                    yield DeployProblem(self._where(name), f"must wait for {other} by {wanted}")
        done: set[str] = set()
        while ready := {name for name in waits if name not in done and set(waits[name]) <= done}:
            done |= ready
        if stuck := set(waits) - done:
            yield DeployProblem(
                self.title, f"start order has a cycle among {', '.join(sorted(stuck))}"
            )

    def _names(self) -> Iterator[DeployProblem]:
        for name, service in self.services.items():
            for kind, mounted in (
                ("secrets", {_source(item) for item in service.get("secrets", [])}),
                ("networks", set(service.get("networks", []))),
                ("volumes", {_volume(item) for item in service.get("volumes", [])} - {None}),
            ):
                for missing in sorted(str(item) for item in mounted - set(self.document[kind])):
                    yield DeployProblem(self._where(name), f"{kind}: {missing} is not declared")
            for item in service.get("volumes", []):
                source = str(item).split(":", maxsplit=1)[0]
                if source.startswith("./") and not (PROJECT / source).exists():
                    yield DeployProblem(self._where(name), f"mounts {source}, which does not exist")

    def _health(self) -> Iterator[DeployProblem]:
        for name, service in self.services.items():
            if is_one_shot(service):
                continue
            test = service.get("healthcheck", {}).get("test")
            if not test:
                yield DeployProblem(self._where(name), "has no health check")
                continue
            package = package_of(service)
            for url in _URL.findall(" ".join(test)) if package else ():
                parts = urlsplit(url)
                if parts.port not in listening(service):
                    yield DeployProblem(self._where(name), f"health check asks port {parts.port}")
                if package in {"bot", "api"} and parts.path not in literals(package):
                    yield DeployProblem(self._where(name), f"no code answers {parts.path}")

    def _commands(self) -> Iterator[DeployProblem]:
        for name, service in self.services.items():
            package = package_of(service)
            if package is None:
                continue
            command = service.get("command") or ["python", "-m", package]
            if command[:2] != ["python", "-m"]:
                yield DeployProblem(self._where(name), "does not start with python -m")
                continue
            if not (PROJECT / command[2] / "__main__.py").exists():
                yield DeployProblem(self._where(name), f"python -m {command[2]} does not exist")
            for word in command[3:]:
                if word not in literals(command[2]):
                    yield DeployProblem(self._where(name), f"{command[2]} knows no {word!r}")
            for published in service.get("ports", []):
                port = int(str(published).rsplit(":", 1)[-1].split("/")[0])
                if port not in listening(service):
                    yield DeployProblem(
                        self._where(name), f"publishes {port}, where nothing listens"
                    )

    def _hardening(self) -> Iterator[DeployProblem]:
        for name, service in self.services.items():
            if service.get("cap_drop") != ["ALL"]:
                yield DeployProblem(self._where(name), "keeps capabilities")
            if "no-new-privileges:true" not in service.get("security_opt", []):
                yield DeployProblem(self._where(name), "may gain privileges")
            if DATABASES.fullmatch(name.split("-")[0]) and service.get("ports"):
                yield DeployProblem(self._where(name), "is a database and publishes a port")
            for published in service.get("ports", []):
                if name != "proxy" and not str(published).startswith("127.0.0.1:"):
                    yield DeployProblem(self._where(name), f"publishes {published} to everyone")

    def production_problems(self) -> Iterator[DeployProblem]:
        """Requirements of production only: limits, restarts, a read-only root."""
        for name, service in self.services.items():
            limits = service.get("deploy", {}).get("resources", {}).get("limits", {})
            if not {"cpus", "memory"} <= set(limits):
                yield DeployProblem(self._where(name), "has no limits of processor and memory")
            if not service.get("read_only") and not WRITABLE_ROOT.match(name):
                yield DeployProblem(self._where(name), "has a writable root file system")
            if service.get("restart") not in {"always", "no"}:
                yield DeployProblem(self._where(name), "is not restarted")


def package_of(service: Service) -> str | None:
    """The Python package that a service of ours runs; None for an image of others."""
    target = service.get("build", {}).get("target")
    return target if target in OWN else None


def listening(service: Service) -> set[int]:
    """Ports that the service is told to listen on."""
    environment = service.get("environment", {})
    return {int(value) for name, value in environment.items() if name.endswith("_PORT") and value}


def secret_targets(service: Service) -> dict[str, str]:
    """File name inside the container -> secret."""
    return {
        (item if isinstance(item, str) else str(item.get("target", item["source"]))): _source(item)
        for item in service.get("secrets", [])
    }


@cache
def literals(package: str) -> frozenset[str]:
    """Every string constant in the source of a package."""
    return frozenset(
        node.value
        for path in (PROJECT / package).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


def _source(item: Any) -> str:
    return item if isinstance(item, str) else str(item["source"])


def _volume(item: Any) -> str | None:
    source = str(item).split(":", maxsplit=1)[0]
    return None if source.startswith((".", "/")) else source
