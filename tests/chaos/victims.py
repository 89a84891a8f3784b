"""Finds and strikes the processes of the stack, and restarts only what was asked to end."""

from __future__ import annotations

import os
import signal
import threading
import time
import xmlrpc.client
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from common.errors import StartupError
from embedded.stack.supervision import Supervisor
from tests.chaos.plan import Blow

BATCH = "batch"
MARK_OF_RUNS = "spawn_main"
"""On the command line of Dagster's runs. They outlive a killed code server."""
FIND_SECONDS = 20.0
GONE_SECONDS = 120.0
STARTED_FIELD = 19
"""Of /proc/<pid>/stat behind the name: ticks from the machine's start to the process's."""
SMART_SHUTDOWN_SECONDS = 10.0
"""PostgreSQL told with SIGTERM waits for its clients, which do not go; then it is told again."""
LOOK_SECONDS = 0.2


class Victims:
    """The processes that a storm may strike.

    Args:
        supervisor: of the stack.
        data_dir: by which a run of this stack is told from those of others.
        external: of a PostgreSQL outside of the stack.
    """

    def __init__(
        self, supervisor: Supervisor, *, data_dir: Path, external: Supervisor | None = None
    ) -> None:
        self._supervisor = supervisor
        self._external = external
        self._data_dir = str(data_dir)
        self._asked_to_end: set[str] = set()

    def pids(self, name: str) -> list[int]:
        """Of a program, or of the runs that move data now. Empty: it is not running."""
        if name == BATCH:
            return [process.pid for process in psutil.process_iter() if self._is_run(process)]
        try:
            pid = self._supervisor_of(name).pid_of(name)
        except (OSError, xmlrpc.client.Error):
            return []
        return [pid] if pid else []

    def _supervisor_of(self, name: str) -> Supervisor:
        if name == "postgres" and self._external is not None:
            return self._external
        return self._supervisor

    def _is_run(self, process: psutil.Process) -> bool:
        try:
            return (
                MARK_OF_RUNS in " ".join(process.cmdline())
                and process.environ().get("DATA_DIR") == self._data_dir
                and "DAGSTER_HOME" in process.environ()
            )
        except psutil.Error:
            # It ended while we looked.
            return False

    def strike(self, blow: Blow) -> bool:
        """Send the signal, and for SIGSTOP wait and let go on. False: there was nobody to hit."""
        deadline = time.monotonic() + FIND_SECONDS
        while not (pids := self.pids(blow.target)):
            if time.monotonic() > deadline:
                return False
            time.sleep(LOOK_SECONDS)
        if blow.kind == "SIGSTOP":
            with _suspended(pids) as family:
                time.sleep(blow.seconds if family else 0)
            return bool(family)
        number = signal.Signals[blow.kind]
        if number is signal.SIGTERM and blow.target != BATCH:
            self._asked_to_end.add(blow.target)
        struck = False
        for pid in pids:
            try:
                os.kill(pid, number)
                struck = True
            except ProcessLookupError:
                # It ended by itself in between.
                continue
        self._wait_gone(pids, insists=blow.target == "postgres")
        return struck

    @contextmanager
    def frozen(self, name: str) -> Iterator[None]:
        """A program and its children do nothing inside.

        Raises:
            StartupError: it does not run.
        """
        with _suspended(self.pids(name)) as family:
            if not family:
                raise StartupError(f"{name} does not run, so it cannot be frozen")
            yield

    def kill(self, name: str) -> int:
        """Kill it as it is now; how many processes that were."""
        killed = 0
        for pid in self.pids(name):
            with suppress(ProcessLookupError):  # it ended by itself in between
                os.kill(pid, signal.SIGKILL)
                killed += 1
        return killed

    def bring_back(self) -> None:
        """What an operator does: start again what they had asked to end. The rest heals alone."""
        for name in list(self._asked_to_end):
            if self._supervisor_of(name).start_if_ended(name) or self.pids(name):
                self._asked_to_end.discard(name)

    def _wait_gone(self, pids: list[int], *, insists: bool) -> None:
        started = time.monotonic()
        while time.monotonic() - started < GONE_SECONDS and any(map(psutil.pid_exists, pids)):
            if insists and time.monotonic() - started > SMART_SHUTDOWN_SECONDS:
                insists = False
                for pid in pids:
                    os.kill(pid, signal.SIGINT)
            time.sleep(LOOK_SECONDS)


class Births:
    """Notes when each process of one program began, whoever started it. A thread of its own."""

    def __init__(self, pids: Callable[[], list[int]]) -> None:
        self._pids = pids
        self._known: dict[int, float] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="births", daemon=True)
        self._thread.start()

    def end(self) -> list[float]:
        """Unix seconds of every birth, oldest first."""
        self._stop.set()
        self._thread.join(timeout=30)
        return sorted(self._known.values())

    def _run(self) -> None:
        while not self._stop.wait(LOOK_SECONDS):
            for pid in self._pids():
                if pid not in self._known:
                    try:
                        self._known[pid] = _born(pid)
                    except FileNotFoundError:
                        # Gone before it could do anything.
                        continue


def _born(pid: int) -> float:
    """Unix seconds, at most a tick after the birth and never before it.

    psutil adds the age to the moment of the machine's start, which is known to a second only: in
    that second the process before may still have asked.
    """
    after_name = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2]
    ticks = int(after_name.split()[STARTED_FIELD]) + 1
    age = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    return time.time() - age


@contextmanager
def _suspended(pids: list[int]) -> Iterator[list[psutil.Process]]:
    """These processes and their children do nothing inside; whatever happens, they go on after."""
    family: list[psutil.Process] = []
    for pid in pids:
        try:
            family += [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
        except psutil.Error:
            # It ended by itself in between.
            continue
    try:
        for process in family:
            _quietly(process.suspend)
        yield family
    finally:
        for process in family:
            _quietly(process.resume)


def _quietly(act: Callable[[], None]) -> None:
    try:
        act()
    except psutil.Error:
        # It ended by itself in between.
        return
