"""Checks of the Dockerfile: the linter's, and that it fits the source tree and the locks."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from deploy.problem import PROJECT, DeployProblem

DOCKERFILE = PROJECT / "Dockerfile"
# Rules of the linter that do not fit, and why.
IGNORED = {
    "DL3008": "a pinned version of binutils is gone from Debian's archive after its next update",
    "DL3059": "a stage installs in one step; joining unrelated RUN lines would hide which failed",
}
# Packages that must not reach an image, by service: what would make it large or let it do more.
FOREIGN = {
    "bot": ("dagster", "clickhouse-connect", "fastapi", "great-expectations", "chdb", "numpy"),
    "api": ("dagster", "aiogram", "great-expectations", "chdb", "numpy", "pandas"),
    "pipelines": ("aiogram", "fastapi", "chdb", "pytest"),
    "migrations": ("dagster", "aiogram", "fastapi", "great-expectations", "chdb"),
}


@dataclass
class ImageStage:
    """One FROM and what follows it."""

    name: str
    base: str
    copies: list[tuple[str, ...]] = field(default_factory=list)
    """Sources of every COPY from the build context, without the target."""
    user: str | None = None


def stages(text: str) -> dict[str, ImageStage]:
    """The stages by name."""
    found: dict[str, ImageStage] = {}
    stage: ImageStage | None = None
    for line in re.sub(r"\\\n", " ", text).splitlines():
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        match words:
            case ["FROM", base, "AS", name]:
                stage = found[name] = ImageStage(name=name, base=base)
            case ["COPY", *rest] if stage and not rest[0].startswith("--from="):
                stage.copies.append(tuple(rest[:-1]))
            case ["USER", user] if stage:
                stage.user = user
    return found


def ancestry(name: str, all_stages: Mapping[str, ImageStage]) -> list[ImageStage]:
    """A stage and what it is built from, the stage first."""
    line = []
    current = all_stages.get(name)
    while current is not None:
        line.append(current)
        current = all_stages.get(current.base)
    return line


def sources(name: str) -> list[str]:
    """Paths of the source tree that an image carries."""
    return [
        source
        for stage in ancestry(name, stages(DOCKERFILE.read_text(encoding="utf-8")))
        for copied in stage.copies
        for source in copied
    ]


def problems(targets: set[str]) -> Iterator[DeployProblem]:
    """Problems of the Dockerfile and of the targets that compose files build."""
    yield from _linted()
    found = stages(DOCKERFILE.read_text(encoding="utf-8"))
    yield from _copies(found)
    for target in sorted(targets):
        if target not in found:
            yield DeployProblem("Dockerfile", f"has no stage {target}")
            continue
        own = not found[target].base.startswith("grafana/")
        user = next((stage.user for stage in ancestry(target, found) if stage.user), None)
        if own and user in {None, "root", "0"}:
            yield DeployProblem("Dockerfile", f"{target} runs as root")
    for service, foreign in FOREIGN.items():
        lock = (PROJECT / "requirements" / f"{service}.lock").read_text(encoding="utf-8")
        for package in foreign:
            if re.search(rf"^{re.escape(package)}(\[[^\]]*\])?==", lock, re.MULTILINE):
                yield DeployProblem(f"requirements/{service}.lock", f"holds {package}")


def _copies(found: Mapping[str, ImageStage]) -> Iterator[DeployProblem]:
    allowed = _allowed()
    for stage in found.values():
        for source in (source for copied in stage.copies for source in copied):
            if not (PROJECT / source).exists():
                yield DeployProblem(
                    "Dockerfile", f"{stage.name} copies {source}, which does not exist"
                )
            if not any(source.startswith(prefix) for prefix in allowed):
                yield DeployProblem(".dockerignore", f"hides {source}, which {stage.name} copies")


def _allowed() -> list[str]:
    lines = (PROJECT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    return [line.removeprefix("!") for line in lines if line.startswith("!")]


def _linted() -> Iterator[DeployProblem]:
    linter = Path(sys.executable).parent / "hadolint"
    outcome = subprocess.run(
        [str(linter), "--format", "json", str(DOCKERFILE)],
        capture_output=True,
        text=True,
        check=False,
    )
    for finding in json.loads(outcome.stdout or "[]"):
        if finding["code"] not in IGNORED:
            line = f"Dockerfile line {finding['line']}"
            yield DeployProblem(line, f"{finding['code']}: {finding['message']}")
    if outcome.returncode not in {0, 1}:
        yield DeployProblem("Dockerfile", f"the linter failed: {outcome.stderr.strip()}")
