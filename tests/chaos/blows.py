"""Carries out the plan: signals to processes, faults on the wire, cut connections, a full disk."""

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
    VICTIMS,
    Blow,
    Plan,
)
from tests.chaos.proxy import CuttingProxy
from tests.chaos.victims import Births, Victims

RECOVERY_LIMIT_SECONDS = 180.0
NOTABLE_RECOVERY_SECONDS = 10.0
LOOK_SECONDS = 0.1
TERMINATE_CLIENTS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
)
MEBIBYTE = 1024 * 1024
KILL_SHARE = 0.1
"""Of a freeze, after which the services are killed."""
STRUCK_BY = {"disk": VICTIMS, "freeze": (*VICTIMS, "dagster-webserver")}
"""What a blow of a kind may have hurt, where it is not bot, API and batch."""

Ready = Callable[[str, float], bool]
"""Whether a victim works again after a moment (Unix seconds)."""


@dataclass
class Damage:
    """What was done, and how long it took until everything worked again."""

    kills: int = 0
    faults: int = 0
    left_out: list[str] = field(default_factory=list)
    recoveries_seconds: list[float] = field(default_factory=list)
    bot_births: list[float] = field(default_factory=list)
    """Unix seconds at which each process of the bot began."""


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What a storm falls on.

    Args:
        ready: tells when a victim works again.
        filler: a file on the data directory's own small file system, or None where the disk
            cannot be filled without hurting the machine.
    """

    victims: Victims
    ready: Ready
    simulator_url: str
    database_url: str
    clickhouse: CuttingProxy
    filler: Path | None


class Storm:
    """Both lanes of a plan. `say` is told each blow."""

    def __init__(self, plan: Plan, scene: Scene, *, say: Callable[[str], None]) -> None:
        self._plan = plan
        self._scene = scene
        self._say = say
        self._simulator = httpx.Client(base_url=scene.simulator_url, timeout=10)
        self._started = 0.0
        self._is_over = threading.Event()
        self._counting = threading.Lock()
        self.damage = Damage()

    def rage(self) -> None:
        """Strike as planned, then take back what is still in force.

        Raises:
            StartupError: a victim did not come back.
        """
        self._started = time.monotonic()
        births = Births(lambda: self._scene.victims.pids("bot"))
        lanes = (
            (self._plan.processes, self._strike_process),
            (self._plan.wire, self._strike_wire),
        )
        with ThreadPoolExecutor(max_workers=len(lanes)) as pool:
            running = [pool.submit(self._run, *lane) for lane in lanes]
            try:
                for lane in running:
                    lane.result()
            except BaseException:
                # Also Ctrl-C: the other lane must not go on until its plan is done.
                self._is_over.set()
                raise
        for victim in VICTIMS:
            if victim != "batch":
                self._wait_ready(victim, since=0.0)
        self._simulator.delete("/control/faults").raise_for_status()
        self._simulator.close()
        self.damage.bot_births = births.end()

    def _run(self, blows: Iterable[Blow], strike: Callable[[Blow], bool]) -> None:
        try:
            for blow in blows:
                wait = self._started + blow.at - time.monotonic()
                if self._is_over.wait(max(wait, 0)):
                    return
                is_late = time.monotonic() - self._started >= self._plan.seconds
                if is_late and blow.kind != "freeze":
                    self.damage.left_out.append(f"{blow} (no time left)")
                elif not strike(blow):
                    self.damage.left_out.append(str(blow))
        except BaseException:
            self._is_over.set()
            raise

    # Processes, disk, connections.

    def _strike_process(self, blow: Blow) -> bool:
        self._say(str(blow))
        if blow.kind in SIGNALS:
            if not self._scene.victims.strike(blow):
                return False
            self._count(kills=1)
            self._recover(blow.target)
            return True
        if blow.kind == "disk" and self._scene.filler is None:
            return False
        if blow.kind == "freeze":
            self._freeze(blow)
        elif blow.kind == "disk":
            self._fill_disk(self._scene.filler or Path(), blow.seconds)
        elif blow.target == "postgres":
            self._cut_postgres(blow.seconds)
        else:
            self._scene.clickhouse.cut()
            time.sleep(blow.seconds)
            self._scene.clickhouse.mend()
        self._count(faults=1)
        self._recover(*STRUCK_BY.get(blow.kind, ("bot", "api", "batch")))
        return True

    def _freeze(self, blow: Blow) -> None:
        """Kill services while a store is frozen: they start, and wait for it."""
        with self._scene.victims.frozen(blow.target):
            self._is_over.wait(blow.seconds * KILL_SHARE)
            killed = sum(self._scene.victims.kill(service) for service in blow.killed)
            self._is_over.wait(blow.seconds * (1 - KILL_SHARE))
        self._count(kills=killed)

    def _recover(self, *victims: str) -> None:
        since = time.time()
        seconds = sum(self._wait_ready(victim, since=since) for victim in victims)
        self.damage.recoveries_seconds.append(seconds)
        if seconds > NOTABLE_RECOVERY_SECONDS:
            self._say(f"  recovered after {seconds:.1f} s")

    def _wait_ready(self, victim: str, *, since: float) -> float:
        started = time.monotonic()
        while not self._is_over.is_set() and not self._scene.ready(victim, since):
            self._scene.victims.bring_back()
            if time.monotonic() - started > RECOVERY_LIMIT_SECONDS:
                raise StartupError(
                    f"{victim} did not come back within {RECOVERY_LIMIT_SECONDS:.0f} s"
                )
            time.sleep(LOOK_SECONDS)
        return time.monotonic() - started

    def _cut_postgres(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while True:
            asyncio.run(_terminate_clients(self._scene.database_url))
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
                        # No space left: that is the point. What gets free is taken too.
                        time.sleep(LOOK_SECONDS)
        finally:
            filler.unlink(missing_ok=True)

    # The wire.

    def _strike_wire(self, blow: Blow) -> bool:
        self._say(str(blow))
        try:
            if blow.kind == "deliveries":
                answer = self._simulator.put("/control/deliveries", json=dict(blow.rule))
            else:
                path = f"/control/faults/{blow.kind}"
                answer = self._simulator.post(path, json=dict(blow.rule))
            answer.raise_for_status()
            self._is_over.wait(blow.seconds)
            self._simulator.delete("/control/faults").raise_for_status()
        except httpx.TransportError:
            # The simulator itself was down for a part of it; the fault died with it.
            return False
        self._count(faults=1)
        return True

    def _count(self, *, kills: int = 0, faults: int = 0) -> None:
        with self._counting:
            self.damage.kills += kills
            self.damage.faults += faults


async def _terminate_clients(url: str) -> None:
    try:
        connection = await connect(url, application_name="chaos")
        try:
            await connection.execute(TERMINATE_CLIENTS)
        finally:
            await connection.close()
    except DRIVER_ERRORS:
        # Two may cut each other at the same moment; the next pulse follows.
        return
