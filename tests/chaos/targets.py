"""Finds the stack's processes, signals them, and restarts those that ended on SIGTERM."""

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
from tests.chaos.plan import Fault

BATCH = "batch"
RUN_MARK = "spawn_main"
"""Part of the command line of Dagster's run processes, which outlive a killed code server."""
FIND_SECONDS = 20.0
GONE_SECONDS = 120.0
START_FIELD = 19
"""Index in /proc/<pid>/stat after the name: ticks from the machine's start to the process's."""
SMART_SHUTDOWN_SECONDS = 10.0
"""On SIGTERM PostgreSQL waits for its clients, which do not disconnect; then it gets SIGINT."""
POLL_SECONDS = 0.2


class Targets:
    """The processes that faults may be applied to.

    Args:
        supervisor: supervisor of the stack.
        data_dir: data directory of the stack, which identifies its Dagster runs.
        external: supervisor of a PostgreSQL outside of the stack.
    """

    def __init__(
        self, supervisor: Supervisor, *, data_dir: Path, external: Supervisor | None = None
    ) -> None:
        self._supervisor = supervisor
        self._external = external
        self._data_dir = str(data_dir)
        self._asked_to_end: set[str] = set()

    def pids(self, name: str) -> list[int]:
        """Processes of a program, or the current Dagster runs; empty when it is not running."""
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
                RUN_MARK in " ".join(process.cmdline())
                and process.environ().get("DATA_DIR") == self._data_dir
                and "DAGSTER_HOME" in process.environ()
            )
        except psutil.Error:
            # It ended in between.
            return False

    def send_signal(self, fault: Fault) -> bool:
        """Send the signal, and resume after SIGSTOP. False if no process was found."""
        deadline = time.monotonic() + FIND_SECONDS
        while not (pids := self.pids(fault.target)):
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL_SECONDS)
        if fault.kind == "SIGSTOP":
            with _suspended(pids) as family:
                time.sleep(fault.seconds if family else 0)
            return bool(family)
        number = signal.Signals[fault.kind]
        if number is signal.SIGTERM and fault.target != BATCH:
            self._asked_to_end.add(fault.target)
        was_sent = False
        for pid in pids:
            try:
                os.kill(pid, number)
                was_sent = True
            except ProcessLookupError:
                # It ended by itself in between.
                continue
        self._wait_gone(pids, repeats=fault.target == "postgres")
        return was_sent

    @contextmanager
    def frozen(self, name: str) -> Iterator[None]:
        """Suspend a program and its children inside the block.

        Raises:
            StartupError: it does not run.
        """
        with _suspended(self.pids(name)) as family:
            if not family:
                raise StartupError(f"{name} does not run, so it cannot be frozen")
            yield

    def kill(self, name: str) -> int:
        """Kill its current processes; return how many there were."""
        killed = 0
        for pid in self.pids(name):
            with suppress(ProcessLookupError):  # it ended by itself in between
                os.kill(pid, signal.SIGKILL)
                killed += 1
        return killed

    def restart_ended(self) -> None:
        """Start again the programs that were stopped by SIGTERM, as an operator would."""
        for name in list(self._asked_to_end):
            if self._supervisor_of(name).start_if_ended(name) or self.pids(name):
                self._asked_to_end.discard(name)

    def _wait_gone(self, pids: list[int], *, repeats: bool) -> None:
        started = time.monotonic()
        while time.monotonic() - started < GONE_SECONDS and any(map(psutil.pid_exists, pids)):
            if repeats and time.monotonic() - started > SMART_SHUTDOWN_SECONDS:
                repeats = False
                for pid in pids:
                    os.kill(pid, signal.SIGINT)
            time.sleep(POLL_SECONDS)


class ProcessStarts:
    """Records, in its own thread, when each process of one program started."""

    def __init__(self, pids: Callable[[], list[int]]) -> None:
        self._pids = pids
        self._known: dict[int, float] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="process-starts", daemon=True)
        self._thread.start()

    def end(self) -> list[float]:
        """Stop; return Unix seconds of every start, oldest first."""
        self._stop.set()
        self._thread.join(timeout=30)
        return sorted(self._known.values())

    def _run(self) -> None:
        while not self._stop.wait(POLL_SECONDS):
            for pid in self._pids():
                if pid not in self._known:
                    try:
                        self._known[pid] = _started_at(pid)
                    except FileNotFoundError:
                        # It ended before its start could be read.
                        continue


def _started_at(pid: int) -> float:
    """Unix seconds, at most a tick after the start and never before it.

    psutil adds the age to the boot time, which is known to a second only. Within that second the
    process before may still have asked a model.
    """
    after_name = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2]
    ticks = int(after_name.split()[START_FIELD]) + 1
    age = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    return time.time() - age


@contextmanager
def _suspended(pids: list[int]) -> Iterator[list[psutil.Process]]:
    """Suspend these processes and their children inside the block, and always resume them."""
    family: list[psutil.Process] = []
    for pid in pids:
        try:
            family += [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
        except psutil.Error:
            # It ended by itself in between.
            continue
    try:
        for process in family:
            _ignore_ended(process.suspend)
        yield family
    finally:
        for process in family:
            _ignore_ended(process.resume)


def _ignore_ended(act: Callable[[], None]) -> None:
    try:
        act()
    except psutil.Error:
        # It ended by itself in between.
        return
