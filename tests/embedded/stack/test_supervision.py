"""Programs under the supervisor: order, readiness, restart, refusal, and nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from common.errors import StartupError
from embedded.stack.keys import KeyRing
from embedded.stack.lifecycle import Progress, Stack
from embedded.stack.plan import MACHINE_VARIABLES, PROJECT
from embedded.stack.programs import Program
from embedded.stack.smoke import isolated_plan
from embedded.stack.supervision import Supervisor
from tests.running import command_lines, left_running

# Appends its name when it starts and when it is told to stop.
WORKER = """
import os, signal, sys, time
name, journal = sys.argv[1:]
def note(what):
    with open(journal, "a") as file:
        file.write(f"{name} {what}\\n")
def stop(*_):
    note("stopped")
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
note("started " + os.environ.get("COLOUR", ""))
while True:
    time.sleep(0.05)
"""


def environment(**more: str) -> dict[str, str]:
    base = {name: os.environ[name] for name in MACHINE_VARIABLES if name in os.environ}
    return {**base, "PYTHONPATH": str(PROJECT), **more}


def worker(name: str, journal: Path, **variables: str) -> Program:
    script = journal.with_name("worker.py")
    script.write_text(WORKER)
    return Program(
        name=name,
        title=name,
        command=[sys.executable, str(script), name, str(journal)],
        environment=environment(**variables),
        is_ready=lambda: journal.exists() and f"{name} started" in journal.read_text(),
        stop_seconds=10,
    )


def wait_until(claim: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not claim():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.05)


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "journal"


def supervised(programs: list[Program], directory: Path) -> Supervisor:
    return Supervisor(programs, keys=KeyRing(directory / "keys"), directory=directory)


def test_programs_stop_in_the_reverse_of_their_order(tmp_path: Path, journal: Path) -> None:
    names = ["first", "second", "third"]
    with supervised([worker(name, journal) for name in names], tmp_path) as supervisor:
        for name in names:
            list(supervisor.start(name))
    lines = journal.read_text().split("\n")
    assert [line for line in lines if line.endswith("stopped")] == [
        "third stopped",
        "second stopped",
        "first stopped",
    ]


def test_a_killed_program_comes_back(tmp_path: Path, journal: Path) -> None:
    with supervised([worker("one", journal)], tmp_path) as supervisor:
        list(supervisor.start("one"))
        wait_until(lambda: supervisor.pid_of("one") != 0)
        time.sleep(1.1)  # supervisord calls it running after one second
        killed = supervisor.pid_of("one")
        os.kill(killed, signal.SIGKILL)
        wait_until(lambda: journal.read_text().count("one started") == 2)
        assert supervisor.pid_of("one") != killed


def test_whoever_watches_while_the_supervisor_stops_starts_nothing(tmp_path: Path) -> None:
    started = tmp_path / "started"
    program = Program(
        name="slow",
        title="Slow",
        command=[
            "sh",
            "-c",
            f"trap 'sleep 2; exit 0' TERM; touch {started}; while :; do sleep 0.1; done",
        ],
        environment=environment(),
        is_ready=started.exists,
        stop_seconds=10,
    )
    with supervised([program], tmp_path) as supervisor:
        list(supervisor.start("slow"))
        os.kill(supervisor.pid, signal.SIGTERM)
        while supervisor.is_running:
            assert supervisor.restart_given_up() == []
            time.sleep(0.05)


@pytest.mark.parametrize("code", [0, 1, 2])
def test_a_program_that_was_ready_comes_back_however_it_ended(
    tmp_path: Path, journal: Path, code: int
) -> None:
    program = Program(
        name="brief",
        title="Brief",
        command=["sh", "-c", f"echo started >> {journal}; sleep 0.5; exit {code}"],
        environment=environment(),
        is_ready=journal.exists,
    )
    with supervised([program], tmp_path) as supervisor:
        list(supervisor.start("brief"))
        wait_until(lambda: journal.read_text().count("started") >= 3)
        assert {end.how for end in supervisor.ends()} == {f"exit status {code}"}
        assert {end.name for end in supervisor.ends()} == {"brief"}


def test_an_end_that_was_not_asked_for_is_said_on_the_terminal(
    tmp_path: Path, journal: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    brief = Program(
        name="brief",
        title="Brief program",
        command=["sh", "-c", f"echo started >> {journal}; sleep 0.5; exit 0"],
        environment=environment(),
        is_ready=journal.exists,
    )
    stack = Stack(isolated_plan(tmp_path), progress=Progress(), more=[brief])
    said = ""

    def is_said() -> bool:
        nonlocal said
        said += capsys.readouterr().out
        return "Brief program ended (exit status 0) and is started again" in said

    with ThreadPoolExecutor() as pool:
        with stack.supervisor:
            watching = pool.submit(stack.watch)
            list(stack.supervisor.start("brief"))
            wait_until(is_said)
        with pytest.raises(StartupError, match="supervisord ended"):
            watching.result()


def test_a_program_that_is_not_ready_is_waited_for_as_long_as_it_runs(
    tmp_path: Path, journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("embedded.stack.supervision.PATIENT_SECONDS", 0.5)
    slow = Program(
        name="slow",
        title="Slow",
        command=["sh", "-c", f"echo waiting for a database; sleep 3; touch {journal}; sleep 60"],
        environment=environment(),
        is_ready=journal.exists,
    )
    said: list[str] = []
    with supervised([slow], tmp_path) as supervisor:
        assert list(supervisor.start("slow", seconds=None, say=said.append)) == ["slow"]
    assert "  still waiting for Slow: waiting for a database" in said


def test_a_full_disk_costs_lines_of_log_and_no_program(tmp_path: Path, journal: Path) -> None:
    chatty = Program(
        name="chatty",
        title="chatty",
        command=["sh", "-c", f"echo hello; touch {journal}; exec sleep 60"],
        environment=environment(),
        is_ready=journal.exists,
    )
    with supervised([chatty], tmp_path) as supervisor:
        # From here on it can write to no file, as on a full disk.
        psutil.Process(supervisor.pid).rlimit(psutil.RLIMIT_FSIZE, (0, 0))
        list(supervisor.start("chatty"))
        journal.unlink()
        os.kill(supervisor.pid_of("chatty"), signal.SIGKILL)
        wait_until(journal.exists)
        assert supervisor.is_running


def test_a_program_sees_its_own_environment_and_no_other(
    tmp_path: Path, journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLOUR", "leaked")
    programs = [worker("green", journal, COLOUR='100% "green" = a, b'), worker("plain", journal)]
    with supervised(programs, tmp_path) as supervisor:
        list(supervisor.start("green"))
        list(supervisor.start("plain"))
    assert 'green started 100% "green" = a, b\n' in journal.read_text()
    assert "plain started \n" in journal.read_text()


def test_secrets_stand_on_no_command_line_and_in_no_readable_file(
    tmp_path: Path, journal: Path
) -> None:
    with supervised([worker("one", journal, PASSWORD="hunter2")], tmp_path) as supervisor:
        list(supervisor.start("one"))
        root = psutil.Process(supervisor.pid)
        lines = command_lines([root, *root.children()])
    assert not [line for line in lines if "hunter2" in line]
    for path in (tmp_path / "keys").iterdir():
        assert path.stat().st_mode & 0o077 == 0


def test_bad_input_is_reported_in_its_own_words_and_not_retried(tmp_path: Path) -> None:
    program = Program(
        name="picky",
        title="Picky",
        command=["sh", "-c", "echo 'COLOUR: is not set' >&2; exit 2"],
        environment=environment(),
        is_ready=lambda: False,
    )
    with (
        supervised([program], tmp_path) as supervisor,
        pytest.raises(StartupError, match=r"^COLOUR: is not set$"),
    ):
        list(supervisor.start("picky"))


def test_nothing_is_left_when_the_owner_is_killed(tmp_path: Path, journal: Path) -> None:
    script = textwrap.dedent(
        f"""
        import sys, time
        from pathlib import Path
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        from test_supervision import supervised, worker
        journal = Path({str(journal)!r})
        with supervised([worker("orphan", journal)], Path({str(tmp_path)!r})) as supervisor:
            list(supervisor.start("orphan"))
            print("up", flush=True)
            time.sleep(60)
        """
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], env=environment(), stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "up\n"
        children = psutil.Process(owner.pid).children(recursive=True)
        owner.kill()
    assert children
    assert left_running(children) == []
