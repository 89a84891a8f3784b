"""Work on lanes: in order within one, many at a time. Knows nothing about what the work is.

A lane is claimed (its lock taken) together with its open updates, worked on until nothing is
left, and kept, idle, until the next claim gives it up. Claims of many lanes go in one statement.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Iterable

from bot.db.locks import (
    Entry,
    Leases,
    LeasesLostError,
    Notice,
)
from bot.metrics import Metrics
from bot.turns.cancellation import Cancellation
from common.log import get_logger

ENTRIES_AT_ONCE = 24
LONGEST_RECONNECT_PAUSE_SECONDS = 5.0
GRACE_SECONDS = 3.0
"""For a stopped turn to deliver what it has."""

log = get_logger(__name__)


class Line:
    """One lane while it is being worked on: its updates in order, and its running turn."""

    def __init__(self, lane: bytes, entries: Iterable[Entry], *, lanes: Lanes) -> None:
        self.lane = lane
        self.entries: deque[Entry] = deque(entries)
        self.cancellation = Cancellation()
        self.is_interrupted = False
        """A /stop was stored: what waits before it is to be read again and dropped."""
        self.is_dirty = False
        """More may have been stored since the last read."""
        self.is_lost = False
        """Another replica holds the lane now."""
        self.is_closing = False
        """The process ends: finish the current update, begin no other."""
        self._arrived = asyncio.Event()
        self._lanes = lanes

    async def refill(self) -> None:
        """Read the open updates again, all of them: what was read before may have changed."""
        self.is_dirty = False
        self._arrived.clear()
        self.entries = deque(await self._lanes.read_again(self.lane))

    async def wait_for_next(self, seconds: float) -> bool:
        """Wait until something arrives in this lane; False when nothing did."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._arrived.wait()
                return True
        return False

    def interrupt(self, reason: str) -> None:
        """Stop the running turn, and what waits."""
        self.is_interrupted = True
        self.stop(reason)

    def stop_edited(self, message_id: int, fingerprint: bytes) -> None:
        """Stop the running turn if it answers this message, which says something else now.

        Whatever came in between is the last question: then the running one is not.
        """
        running = self.cancellation.running
        if running is None:
            return
        if self.is_dirty or len(self.entries) > len(running.fingerprints):
            return
        if running.fingerprints.get(message_id, fingerprint) != fingerprint:
            running.stop("edited")

    def stop(self, reason: str) -> None:
        """Stop the running turn, if there is one."""
        self.cancellation.stop(reason)

    def touch(self) -> None:
        self.is_dirty = True
        self._arrived.set()


class Lanes:
    """Runs `work` on every lane that has open updates and that this process could lock.

    Args:
        work: handles the line until it is empty; whatever it leaves is tried again later.
        most: lanes worked on at the same time.
    """

    def __init__(
        self,
        leases: Leases,
        work: Callable[[Line], Awaitable[None]],
        *,
        metrics: Metrics,
        most: int,
        sweep_seconds: float,
    ) -> None:
        self._leases = leases
        self._work = work
        self._metrics = metrics
        self._most = most
        self._sweep_seconds = sweep_seconds
        self._lines: dict[bytes, Line] = {}
        self._tasks: dict[bytes, asyncio.Task[None]] = {}
        self._idle: set[bytes] = set()
        self._wanted: dict[bytes, None] = {}
        self._rereads: dict[bytes, asyncio.Future[list[Entry]]] = {}
        self._notices: set[asyncio.Task[None]] = set()
        self._bell = asyncio.Event()
        self._is_taking = True
        leases.listen(self._noticed)

    # What others call.

    def wake(self, lanes: Iterable[bytes]) -> None:
        """These lanes have new updates."""
        for lane in lanes:
            if line := self._lines.get(lane):
                line.touch()
            else:
                self._wanted[lane] = None
        self._bell.set()

    def interrupt(self, lane: bytes, reason: str = "stopped") -> None:
        """Stop the running turn of this lane, here or in another replica."""
        if line := self._lines.get(lane):
            line.interrupt(reason)
        else:
            self._tell({"stop": lane.hex(), "reason": reason})

    def stop_edited(self, lane: bytes, message_id: int, fingerprint: bytes) -> None:
        """Stop the running turn of this lane if it answers what this message said before."""
        if line := self._lines.get(lane):
            line.stop_edited(message_id, fingerprint)
        else:
            self._tell({"edited": lane.hex(), "message": message_id, "says": fingerprint.hex()})

    def interrupt_person(self, user_key: int, reason: str) -> None:
        """Stop every running turn of this person, in every replica."""
        self._stop_person(user_key, reason)
        self._tell({"stop_person": user_key, "reason": reason})

    async def read_again(self, lane: bytes) -> list[Entry]:
        """The open updates of a lane that is being worked on."""
        future = self._rereads.get(lane)
        if future is None:
            future = self._rereads[lane] = asyncio.get_running_loop().create_future()
            self._bell.set()
        return await future

    @property
    def active(self) -> int:
        return len(self._tasks)

    # The loop.

    async def run(self) -> None:
        """Claim and work until cancelled."""
        clock = asyncio.get_running_loop().time
        next_sweep = clock()
        while True:
            try:
                if clock() >= next_sweep:
                    await self._sweep()
                    next_sweep = clock() + self._sweep_seconds
                await self._claim()
            except LeasesLostError as error:
                log.warning("lane locks lost", cause=str(error))
                await self._reconnect()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(next_sweep - clock(), 0)):
                    await self._bell.wait()

    async def _sweep(self) -> None:
        if self._is_taking:
            for lane in await self._leases.open_lanes():
                if lane not in self._lines:
                    self._wanted.setdefault(lane, None)

    async def _claim(self) -> None:
        self._bell.clear()
        room = max(self._most - len(self._lines), 0) if self._is_taking else 0
        wanted = list(self._wanted)[:room]
        rereads = list(self._rereads)
        held = [lane for lane in wanted if lane in self._idle]
        released = self._idle - set(held)
        if not (wanted or rereads or released):
            return
        new = [lane for lane in wanted if lane not in self._idle]
        for lane in wanted:
            # Removed before the read: whoever wakes the lane during it means a newer state.
            del self._wanted[lane]
        try:
            claimed = await self._leases.claim(
                released=released, held=[*held, *rereads], wanted=new, most=ENTRIES_AT_ONCE
            )
        except LeasesLostError:
            self._wanted |= dict.fromkeys(wanted)
            raise
        self._idle -= released
        for lane in rereads:
            future = self._rereads.pop(lane, None)
            if future and not future.done():
                future.set_result(claimed.get(lane, []))
        for lane in wanted:
            if lane not in claimed:
                self._tell({"wake": lane.hex()})
            elif claimed[lane] and self._is_taking:
                self._start(lane, claimed[lane])
            else:
                self._idle.add(lane)

    def _start(self, lane: bytes, entries: list[Entry]) -> None:
        line = Line(lane, entries, lanes=self)
        self._idle.discard(lane)
        self._lines[lane] = line
        if self._wanted.pop(lane, 0) is None:
            line.touch()
        task = asyncio.create_task(self._work_on(line), name="lane")
        self._tasks[lane] = task
        self._metrics.lanes_active.set(len(self._tasks))
        task.add_done_callback(lambda done: self._ended(line, done))

    async def _work_on(self, line: Line) -> None:
        while True:
            await self._work(line)
            if not (line.is_dirty and self._is_taking):
                return
            await line.refill()

    def _ended(self, line: Line, task: asyncio.Task[None]) -> None:
        del self._lines[line.lane]
        del self._tasks[line.lane]
        if not line.is_lost:
            self._idle.add(line.lane)
        self._rereads.pop(line.lane, None)
        self._metrics.lanes_active.set(len(self._tasks))
        if not task.cancelled() and (error := task.exception()):
            log.error("lane failed, will be tried again", exc_info=error)
        if line.is_dirty:
            self._wanted[line.lane] = None
        if self._wanted:
            self._bell.set()

    # Losing and regaining the connection.

    async def _reconnect(self) -> None:
        pause = 0.1
        while True:
            try:
                await self._leases.open()
                self._idle.clear()
                ours = await self._leases.claim(wanted=self._lines, most=1)
                break
            except LeasesLostError as error:
                log.warning("PostgreSQL cannot be reached", cause=str(error), retry_in=pause)
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_RECONNECT_PAUSE_SECONDS)
        self._idle &= ours.keys()  # lines that ended while the locks were taken again
        for lane in self._lines.keys() - ours.keys():
            # Another replica was faster: it decides what became of the update.
            self._lines[lane].is_lost = True
            self._tasks[lane].cancel()
        self._bell.set()

    # Notices between replicas.

    def _tell(self, notice: Notice) -> None:
        task = asyncio.create_task(self._notify(notice), name="notice")
        self._notices.add(task)
        task.add_done_callback(self._notices.discard)

    async def _notify(self, notice: Notice) -> None:
        # A lost notice costs a delay: the sweep finds the lane as well.
        with contextlib.suppress(LeasesLostError):
            await self._leases.notify(notice)

    def _noticed(self, notice: Notice) -> None:
        match notice:
            case {"wake": str(lane)}:
                mine = bytes.fromhex(lane)
                if mine in self._lines or mine in self._idle:
                    self.wake([mine])
            case {"stop": str(lane), "reason": str(reason)}:
                line = self._lines.get(bytes.fromhex(lane))
                if line:
                    line.interrupt(reason)
            case {"edited": str(lane), "message": int(message_id), "says": str(fingerprint)}:
                line = self._lines.get(bytes.fromhex(lane))
                if line:
                    line.stop_edited(message_id, bytes.fromhex(fingerprint))
            case {"stop_person": int(user_key), "reason": str(reason)}:
                self._stop_person(user_key, reason)
            case _:
                log.warning("notice of another version")

    def _stop_person(self, user_key: int, reason: str) -> None:
        for line in self._lines.values():
            running = line.cancellation.running
            if running and running.user_key == user_key:
                line.stop(reason)

    # Ending.

    async def finish(self, seconds: float) -> int:
        """Take nothing new; wait for what runs; returns how many lanes were handed back."""
        self._is_taking = False
        for line in self._lines.values():
            line.is_closing = True
        tasks = set(self._tasks.values())
        if not tasks:
            return 0
        _, running = await asyncio.wait(tasks, timeout=seconds)
        for line in self._lines.values():
            line.stop("shutdown")
        if running:
            _, running = await asyncio.wait(running, timeout=GRACE_SECONDS)
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running, timeout=1)
        return len(running)
