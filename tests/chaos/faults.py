"""Applies a fault plan: signals to processes, network faults, cut connections, a full disk."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from common.errors import StartupError
from common.postgres import DRIVER_ERRORS, connect
from tests.chaos.plan import (
    SIGNALS,
    TARGETS,
    Fault,
    FaultPlan,
)
from tests.chaos.proxy import CuttingProxy
from tests.chaos.targets import ProcessStarts, Targets

RECOVERY_LIMIT_SECONDS = 180.0
NOTABLE_RECOVERY_SECONDS = 10.0
POLL_SECONDS = 0.1
TERMINATE_CLIENTS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
)
MEBIBYTE = 1024 * 1024
KILL_SHARE = 0.1
"""The services are killed after this share of a freeze."""
AFFECTED_BY = {"disk": TARGETS, "freeze": (*TARGETS, "dagster-webserver")}
"""Kind of fault -> programs that must recover from it; for other kinds: bot, API and batch."""

Ready = Callable[[str, float], bool]
"""Takes a target and Unix seconds; tells whether the target has worked since then."""


@dataclass
class RunReport:
    """Counts of applied faults, and how long recovery from each took."""

    kills: int = 0
    faults: int = 0
    left_out: list[str] = field(default_factory=list)
    recoveries_seconds: list[float] = field(default_factory=list)
    bot_starts: list[float] = field(default_factory=list)
    """Unix seconds at which each process of the bot started."""


@dataclass(frozen=True, kw_only=True)
class FaultEnvironment:
    """The parts of a test stack that a fault run acts on.

    Args:
        ready: tells whether a target works again.
        filler: a file on the data directory's own small file system, or None where the disk
            cannot be filled without hurting the machine.
    """

    targets: Targets
    ready: Ready
    simulator_url: str
    database_url: str
    clickhouse: CuttingProxy
    filler: Path | None


class FaultRun:
    """Applies both sequences of a plan; `say` is called with each fault."""

    def __init__(
        self, plan: FaultPlan, environment: FaultEnvironment, *, say: Callable[[str], None]
    ) -> None:
        self._plan = plan
        self._environment = environment
        self._say = say
        self._simulator = httpx.Client(base_url=environment.simulator_url, timeout=10)
        self._started = 0.0
        self._is_over = threading.Event()
        self._counting = threading.Lock()
        self.report = RunReport()

    def run(self) -> None:
        """Apply the faults as planned, then clear those still active.

        Raises:
            StartupError: a target did not come back.
        """
        self._started = time.monotonic()
        starts = ProcessStarts(lambda: self._environment.targets.pids("bot"))
        sequences = (
            (self._plan.processes, self._apply_to_processes),
            (self._plan.wire, self._apply_to_wire),
        )
        with ThreadPoolExecutor(max_workers=len(sequences)) as pool:
            running = [pool.submit(self._run_sequence, *sequence) for sequence in sequences]
            try:
                for sequence in running:
                    sequence.result()
            except BaseException:
                # Stop the other sequence too, also on Ctrl-C.
                self._is_over.set()
                raise
        for target in TARGETS:
            if target != "batch":
                self._wait_ready(target, since=0.0)
        self._simulator.delete("/control/faults").raise_for_status()
        self._simulator.close()
        self.report.bot_starts = starts.end()

    def _run_sequence(self, faults: Iterable[Fault], apply: Callable[[Fault], bool]) -> None:
        try:
            for fault in faults:
                wait = self._started + fault.at - time.monotonic()
                if self._is_over.wait(max(wait, 0)):
                    return
                is_late = time.monotonic() - self._started >= self._plan.seconds
                if is_late and fault.kind != "freeze":
                    self.report.left_out.append(f"{fault} (no time left)")
                elif not apply(fault):
                    self.report.left_out.append(str(fault))
        except BaseException:
            self._is_over.set()
            raise

    # Processes, disk and connections.

    def _apply_to_processes(self, fault: Fault) -> bool:
        self._say(str(fault))
        if fault.kind in SIGNALS:
            if not self._environment.targets.send_signal(fault):
                return False
            self._count(kills=1)
            self._recover(fault.target)
            return True
        if fault.kind == "disk" and self._environment.filler is None:
            return False
        if fault.kind == "freeze":
            self._freeze(fault)
        elif fault.kind == "disk":
            self._fill_disk(self._environment.filler or Path(), fault.seconds)
        elif fault.target == "postgres":
            self._cut_postgres(fault.seconds)
        else:
            self._environment.clickhouse.cut()
            time.sleep(fault.seconds)
            self._environment.clickhouse.restore()
        self._count(faults=1)
        self._recover(*AFFECTED_BY.get(fault.kind, ("bot", "api", "batch")))
        return True

    def _freeze(self, fault: Fault) -> None:
        """Kill services while a store is frozen: they start again and wait for the store."""
        with self._environment.targets.frozen(fault.target):
            self._is_over.wait(fault.seconds * KILL_SHARE)
            killed = sum(self._environment.targets.kill(service) for service in fault.killed)
            self._is_over.wait(fault.seconds * (1 - KILL_SHARE))
        self._count(kills=killed)

    def _recover(self, *targets: str) -> None:
        since = time.time()
        seconds = sum(self._wait_ready(target, since=since) for target in targets)
        self.report.recoveries_seconds.append(seconds)
        if seconds > NOTABLE_RECOVERY_SECONDS:
            self._say(f"  recovered after {seconds:.1f} s")

    def _wait_ready(self, target: str, *, since: float) -> float:
        started = time.monotonic()
        while not self._is_over.is_set() and not self._environment.ready(target, since):
            self._environment.targets.restart_ended()
            if time.monotonic() - started > RECOVERY_LIMIT_SECONDS:
                raise StartupError(
                    f"{target} did not come back within {RECOVERY_LIMIT_SECONDS:.0f} s"
                )
            time.sleep(POLL_SECONDS)
        return time.monotonic() - started

    def _cut_postgres(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while True:
            asyncio.run(_terminate_clients(self._environment.database_url))
            if time.monotonic() >= end:
                return
            time.sleep(0.5)

    @staticmethod
    def _fill_disk(filler: Path, seconds: float) -> None:
        end = time.monotonic() + seconds
        try:
            with filler.open("wb", buffering=0) as file:
                while time.monotonic() < end:
                    try:
                        file.write(bytes(MEBIBYTE))
                    except OSError:
                        # The disk is full, as intended; fill any space that is freed.
                        time.sleep(POLL_SECONDS)
        finally:
            filler.unlink(missing_ok=True)

    # Network.

    def _apply_to_wire(self, fault: Fault) -> bool:
        self._say(str(fault))
        try:
            if fault.kind == "deliveries":
                answer = self._simulator.put("/control/deliveries", json=dict(fault.rule))
            else:
                path = f"/control/faults/{fault.kind}"
                answer = self._simulator.post(path, json=dict(fault.rule))
            answer.raise_for_status()
            self._is_over.wait(fault.seconds)
            self._simulator.delete("/control/faults").raise_for_status()
        except httpx.TransportError:
            # The simulator was down for part of the time and lost the fault.
            return False
        self._count(faults=1)
        return True

    def _count(self, *, kills: int = 0, faults: int = 0) -> None:
        with self._counting:
            self.report.kills += kills
            self.report.faults += faults


async def _terminate_clients(url: str) -> None:
    try:
        connection = await connect(url, application_name="chaos")
        try:
            await connection.execute(TERMINATE_CLIENTS)
        finally:
            await connection.close()
    except DRIVER_ERRORS:
        # The connection may have been cut too; the caller tries again.
        return
