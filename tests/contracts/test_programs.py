"""A missing program that tests drive is installed, or its tests are skipped and counted."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests import programs

PROJECT = Path(__file__).parents[2]
SKIPS = re.compile(r"pytest\.(?:skip|importorskip|xfail)\b|mark\.(?:skip|skipif|xfail)\b")
# Brings its program on the second call, as `update` is the first, and notes how it was called.
APT_GET = """#!/bin/sh
echo "$DEBIAN_FRONTEND $RUNLEVEL $*" >>{calls}
if [ "$2" = install ]; then {outcome}; fi
"""
PRETENDED_TESTS = """
import pytest
from tests.programs import program

@pytest.mark.parametrize("name", ["promtool", "promtool", "amtool", "sh"])
def test_drives(name):
    program(name) if name != "sh" else None
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only directory in PATH, of a user who may become root; nothing is there yet."""
    directory = tmp_path / "programs"
    directory.mkdir()
    (directory / "env").symlink_to("/usr/bin/env")
    script(directory / "sudo", '#!/bin/sh\nshift; [ "$1" = true ] || exec "$@"\n')
    monkeypatch.setenv("PATH", str(directory))
    monkeypatch.delenv("REQUIRE_ALL", raising=False)
    return directory


def script(path: Path, content: str) -> None:
    path.write_text(content)
    path.chmod(0o755)


def apt_get(place: Path, outcome: str) -> Path:
    calls = place.parent / "calls"
    script(place / "apt-get", APT_GET.format(calls=calls, outcome=outcome))
    return calls


@pytest.mark.parametrize("user", [0, 1000])
def test_root_and_who_may_become_root_get_the_packages_in_one_line(
    user: int, place: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: user)
    bring = f"/bin/cp {place}/env {place}/promtool; /bin/cp {place}/env {place}/prometheus"
    calls = apt_get(place, bring)
    assert programs.main(["promtool", "prometheus"]) == 0
    assert calls.read_text().splitlines() == [
        "noninteractive 1 -qq update",
        "noninteractive 1 -qq install --yes --no-install-recommends prometheus",
    ]
    printed = capfd.readouterr()
    assert printed.out.splitlines() == [
        "Installing prometheus with apt-get, for the tests that drive them"
    ]
    assert printed.err == ""


def test_a_failure_of_apt_is_one_line_and_a_missing_program_another(
    place: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    apt_get(place, "echo 'W: slow' >&2; echo 'E: Unable to locate package' >&2; exit 100")
    assert programs.main(["amtool"]) == 2
    assert capfd.readouterr().err.splitlines() == [
        "prometheus-alertmanager could not be installed: E: Unable to locate package",
        "amtool: missing, and tests drive it: apt-get install prometheus-alertmanager",
    ]


def test_who_may_not_become_root_installs_nothing(
    place: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    script(place / "sudo", "#!/bin/sh\nexit 1\n")
    calls = apt_get(place, "true")
    programs.get(["amtool"])
    assert not calls.exists()
    assert capfd.readouterr().err == ""


def run_pretended_tests(
    directory: Path, *options: str, **environment: str
) -> tuple[int, str, Counter[str]]:
    """Exit code, output, and how many tests were skipped for which program."""
    (directory / "test_pretended.py").write_text(PRETENDED_TESTS)
    (directory / "conftest.py").write_text("from tests.programs import pytest_terminal_summary")
    skipped = directory / "skipped"
    outcome = subprocess.run(
        [sys.executable, "-m", "pytest", "-ra", "--rootdir", directory, directory, *options],
        cwd=PROJECT,
        env={
            "PATH": str(directory),
            "SKIPPED_FILE": str(skipped),
            # The plugins that are not asked for take longer than the tests.
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    names = skipped.read_text().split() if skipped.exists() else []
    return outcome.returncode, outcome.stdout, Counter(names)


def test_these_tests_note_what_they_skip(pytestconfig: pytest.Config) -> None:
    hooks = pytestconfig.hook.pytest_terminal_summary.get_hookimpls()
    assert programs.pytest_terminal_summary in [hook.function for hook in hooks]


@pytest.mark.parametrize("options", [(), ("-p", "xdist", "-n", "2")])
def test_tests_without_their_program_are_skipped_and_counted_by_name(
    options: tuple[str, ...], tmp_path: Path
) -> None:
    code, output, skipped = run_pretended_tests(tmp_path, *options)
    assert code == 0, output
    assert "1 passed, 3 skipped" in output
    assert "promtool is missing: apt-get install prometheus" in output
    assert programs.summary(skipped) == (
        "3 tests skipped: promtool (2), amtool (1):"
        " apt-get install prometheus prometheus-alertmanager"
    )


def test_where_all_are_required_a_missing_program_fails_its_test(tmp_path: Path) -> None:
    code, output, skipped = run_pretended_tests(tmp_path, REQUIRE_ALL="1")
    assert code == 1
    assert "1 passed" in output
    assert "3 failed" in output
    assert not skipped


def test_nothing_else_is_skipped_and_every_program_is_asked_for() -> None:
    sources = {path: path.read_text(encoding="utf-8") for path in (PROJECT / "tests").rglob("*.py")}
    skipping = {path.name for path, source in sources.items() if SKIPS.search(source)}
    assert skipping == {"programs.py"}
    asked = set().union(*(re.findall(r'program\("([a-z-]+)"\)', one) for one in sources.values()))
    assert asked == set(programs.PROGRAMS)
