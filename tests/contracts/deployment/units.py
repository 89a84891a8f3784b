"""Installs the product for systemd in a directory and starts services as their units say."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from embedded.postgres import as_unprivileged

PROJECT = Path(__file__).parents[3]
TARGET = "/opt/dialytics"
UNITS = PROJECT / "deploy" / "systemd"
HARDENING = UNITS / "dialytics-.service.d" / "hardening.conf"
SERVICES = tuple(sorted(path.stem for path in UNITS.glob("*.service")))


def directives(path: Path, name: str) -> list[str]:
    """The values of a directive, in order."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line.partition("=")[2] for line in lines if line.startswith(f"{name}=")]


def credentials(unit: str) -> dict[str, str]:
    """Name that the service sees -> file below /etc/dialytics/secrets."""
    pairs = (value.split(":") for value in directives(UNITS / f"{unit}.service", "LoadCredential"))
    return {name: Path(file).name for name, file in pairs}


@dataclass(frozen=True)
class Installation:
    """The files that `make install-systemd DESTDIR=root` wrote."""

    root: Path

    @property
    def code(self) -> Path:
        return self.root / TARGET.lstrip("/")

    @property
    def units(self) -> Path:
        return self.root / "etc" / "systemd" / "system"

    @property
    def secrets(self) -> Path:
        return self.root / "etc" / "dialytics" / "secrets"

    def set_secret(self, name: str, value: str) -> None:
        (self.secrets / name).unlink(missing_ok=True)
        (self.secrets / name).write_text(value, encoding="utf-8")

    def command(self, unit: str) -> list[str]:
        """ExecStart, from where this installation is, as a user without rights."""
        (line,) = directives(self.units / f"{unit}.service", "ExecStart")
        command = shlex.split(line.replace(TARGET, str(self.code)))
        user = as_unprivileged()
        # The directories of the tests are closed to others; access(2) too must look past that.
        return [*user, *(["--securebits=+no_setuid_fixup"] if user else []), *command]

    def environment(self, unit: str, **settings: str) -> dict[str, str]:
        """The environment that systemd sets; credentials and state are directories here."""
        given = self.root / "run" / unit
        shutil.rmtree(given, ignore_errors=True)
        given.mkdir(parents=True)
        for name, file in credentials(unit).items():
            shutil.copy(self.secrets / file, given / name)
        state = self.root / "var" / "lib"
        for name in directives(self.units / f"{unit}.service", "StateDirectory"):
            (state / name).mkdir(parents=True, exist_ok=True)
            (state / name).chmod(0o777)
        environment = {"PATH": os.environ["PATH"], "ENV_FILE": os.devnull}
        for file in (self.units / HARDENING.relative_to(UNITS), self.units / f"{unit}.service"):
            for words in directives(file, "Environment"):
                environment |= dict(word.split("=", 1) for word in words.split())
        places = {"%d": str(given), "%S": str(state), TARGET: str(self.code)}
        for placeholder, place in places.items():
            environment = {
                name: value.replace(placeholder, place) for name, value in environment.items()
            }
        return environment | settings

    @contextmanager
    def started(self, unit: str, log: Path, **settings: str) -> Iterator[None]:
        """The service while the block runs; then it must end by SIGTERM with 0."""
        with log.open("wb") as file:
            process = subprocess.Popen(
                self.command(unit),
                cwd=self.code,
                env=self.environment(unit, **settings),
                stdout=file,
                stderr=file,
            )
        try:
            yield
        finally:
            process.terminate()
            assert process.wait(timeout=100) == 0, log.read_text()

    def run(self, unit: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """A job, to its end."""
        return subprocess.run(
            self.command(unit),
            cwd=self.code,
            env=self.environment(unit, **settings),
            capture_output=True,
            text=True,
            check=False,
        )


def install(root: Path) -> Installation:
    """Installs below `root`, with the packages of the tests instead of those of the locks."""
    outcome = subprocess.run(
        ["bash", UNITS / "install.sh"],
        env={"PATH": os.environ["PATH"], "DESTDIR": str(root), "UV": "true", "PYTHON": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stderr
    installation = Installation(root)
    (installation.code / ".venv").symlink_to(Path(sys.prefix))
    return installation
