"""`python -m deploy.check`: checks the container files without running them.

Prints each problem, then one line of JSON.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import yaml

from common.process import run
from deploy import clickhouse_files, compose, configuration, images
from deploy.problem import PROJECT, DeployProblem
from deploy.services import Project, is_one_shot, listening, package_of
from deploy.settings import names

BASE = PROJECT / "compose.yaml"
OVERLAYS = {
    "compose": (BASE,),
    "prod": (BASE, PROJECT / "compose.prod.yaml"),
    "cluster": (BASE, PROJECT / "compose.cluster.yaml"),
    "prod+cluster": (BASE, PROJECT / "compose.prod.yaml", PROJECT / "compose.cluster.yaml"),
}
# Variables of the compose files themselves; deployment.md explains each.
OF_COMPOSE = frozenset(
    {
        "IMAGES",
        "VERSION",
        "DOMAIN",
        "WEBHOOK_PATH",
        "SECRETS_PATH",
        "PROMETHEUS_PORT",
        "GRAFANA_PORT",
    }
)
GUIDE = PROJECT / "docs" / "guides" / "production-deployment.md"
OF_SYSTEM_MIB = 512
"""Memory that the system itself and the container engine need."""
UNITS = {"M": 0, "G": 10}
CLUSTER_NODES = PROJECT / "deploy" / "prometheus" / "cluster" / "nodes.yml"
WORKFLOW = PROJECT / ".github" / "workflows" / "ci.yml"


def projects() -> dict[str, Project]:
    """Every combination of files that the documents name."""
    return {
        title: Project(title, compose.stack(*paths, given=configuration.EXAMPLE))
        for title, paths in OVERLAYS.items()
    }


def problems() -> Iterator[DeployProblem]:
    """All problems."""
    files = {path for paths in OVERLAYS.values() for path in paths}
    for path in sorted(files):
        document = compose.interpolate(compose.read(path), configuration.EXAMPLE)
        yield from compose.schema_problems(document, where=path.name)
        for name in sorted(compose.variables(path) - names() - OF_COMPOSE):
            yield DeployProblem(path.name, f"{name} is neither a setting nor explained")
    found = projects()
    with configuration.example_secrets() as secrets:
        for project in found.values():
            yield from compose.schema_problems(project.document, where=project.title)
            yield from project.problems()
            yield from configuration.problems(project, secrets)
    for title in ("prod", "prod+cluster"):
        yield from found[title].production_problems()
    yield from addresses(found["prod"])
    yield from too_much_memory(found["prod"])
    yield from unscraped(found["cluster"])
    yield from images.problems(
        {
            service["build"]["target"]
            for service in found["compose"].services.values()
            if "build" in service
        }
    )
    yield from clickhouse_files.problems(found["cluster"].services["clickhouse"]["environment"])
    yield from compose.workflow_problems(WORKFLOW)


def addresses(project: Project) -> Iterator[DeployProblem]:
    """The proxy and Prometheus use services of the project, at ports on which they listen."""
    for path, pattern in (
        (PROJECT / "deploy/proxy/Caddyfile", r"reverse_proxy ([a-z-]+):(\d+)"),
        (PROJECT / "deploy/prometheus/prometheus.yml", r"\"([a-z-]+):(\d+)\""),
    ):
        where = str(path.relative_to(PROJECT))
        for host, port in re.findall(pattern, path.read_text(encoding="utf-8")):
            service = project.services.get(host)
            if service is None:
                yield DeployProblem(where, f"{host} is no service")
            elif package_of(service) and int(port) not in listening(service):
                yield DeployProblem(where, f"asks port {port} of {host}, where nothing listens")


def too_much_memory(project: Project) -> Iterator[DeployProblem]:
    """Limits that a server as large as the guide asks for cannot give all services at once."""
    limits = {
        name: service["deploy"]["resources"]["limits"]["memory"]
        for name, service in project.services.items()
        if not is_one_shot(service) and "deploy" in service and "profiles" not in service
    }
    total = sum(int(limit[:-1]) << UNITS[limit[-1]] for limit in limits.values())
    asked = re.search(r"(\d+) GiB", GUIDE.read_text(encoding="utf-8"))
    server = int(asked.group(1)) << UNITS["G"] if asked else 0
    if total > server - OF_SYSTEM_MIB:
        yield DeployProblem(
            project.title, f"limits of memory are {total} MiB of a server's {server}"
        )


def unscraped(project: Project) -> Iterator[DeployProblem]:
    """Nodes of a cluster that Prometheus does not scrape, and targets that are none."""
    targets = {
        target.partition(":")[0]
        for group in yaml.safe_load(CLUSTER_NODES.read_text(encoding="utf-8"))
        for target in group["targets"]
    } | {"clickhouse"}
    nodes = {name for name in project.services if name.startswith(("clickhouse", "keeper"))}
    for node in sorted(targets ^ nodes):
        what = "is not scraped" if node in nodes else "is no node"
        yield DeployProblem(str(CLUSTER_NODES.relative_to(PROJECT)), f"{node} {what}")


def checked_files() -> list[Path]:
    """The checked files."""
    compose_files = {path for paths in OVERLAYS.values() for path in paths}
    deployed = {
        path
        for path in (PROJECT / "deploy").rglob("*")
        if path.is_file() and path.suffix not in {".py", ".pyc"}
    }
    return sorted({*compose_files, *deployed, images.DOCKERFILE, WORKFLOW})


def main() -> int:
    # A mistake in compose.yaml appears in every project built on it: report it once.
    found = list({problem.key: problem for problem in problems()}.values())
    for problem in found:
        sys.stdout.write(f"{problem}\n")
    result = {
        "files": len(checked_files()),
        "services": len(projects()["prod+cluster"].services),
        "problems": len(found),
        "ok": not found,
    }
    sys.stdout.write(json.dumps(result) + "\n")
    return 0 if result["ok"] else 1


if __name__ == "__main__":
    run(main)
