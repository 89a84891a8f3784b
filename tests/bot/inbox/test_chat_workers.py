"""Which chats are worked on when, by a clock that no test waits for; locks are kept in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, cast

from bot.db.locks import Entry, LeasesLostError, Notice
from bot.inbox.chat_workers import Lanes, Line
from bot.metrics import Metrics
from tests.fake_clock import now, with_fake_clock

SWEEP_SECONDS = 5.0


def entry(lane: bytes, update_id: int) -> Entry:
    return Entry(
        lane=lane,
        update_id=update_id,
        received_at=datetime(2026, 3, 18, tzinfo=UTC),
        kind="message",
        payload=b"",
        attempts=0,
        turn_id=None,
        user_key=1,
        wrapped_key=b"",
        language=None,
        telegram_hmac=b"",
    )


class Locks:
    """Stands for the database: the open updates of each chat, and who holds its lock."""

    def __init__(self) -> None:
        self.open_updates: dict[bytes, list[int]] = {}
        self.held: set[bytes] = set()
        self.of_others: set[bytes] = set()
        self.told: list[Notice] = []
        self.claims = 0
        self.is_away = False
        self.hear: Callable[[Notice], None] = lambda _notice: None

    def listen(self, on_notice: Callable[[Notice], None]) -> None:
        self.hear = on_notice

    async def open(self) -> None:
        self._refuse_if_away()
        self.held.clear()

    async def claim(
        self,
        *,
        released: Iterable[bytes] = (),
        held: Iterable[bytes] = (),
        wanted: Iterable[bytes] = (),
        most: int,
    ) -> dict[bytes, list[Entry]]:
        await asyncio.sleep(0.01)
        self._refuse_if_away()
        self.claims += 1
        self.held -= set(released)
        taken = [lane for lane in wanted if lane not in self.of_others]
        self.held |= set(taken)
        return {
            lane: [entry(lane, number) for number in self.open_updates.get(lane, [])[:most]]
            for lane in (*held, *taken)
        }

    async def open_lanes(self) -> set[bytes]:
        self._refuse_if_away()
        return {lane for lane, updates in self.open_updates.items() if updates}

    async def notify(self, notice: Notice) -> None:
        self.told.append(notice)

    def _refuse_if_away(self) -> None:
        if self.is_away:
            raise LeasesLostError("away")


class Workers:
    """Chat workers under test, and what they did when."""

    def __init__(self, *, most: int = 10, seconds: float = 1.0) -> None:
        self.locks = Locks()
        self.seconds = seconds
        self.done: list[tuple[bytes, int, float]] = []
        self.most_at_once = 0
        self.metrics = Metrics([])
        self.lanes = Lanes(
            cast("Any", self.locks),
            self.work,
            metrics=self.metrics,
            most=most,
            sweep_seconds=SWEEP_SECONDS,
        )
        self.hold: Callable[[Line], Awaitable[None]] = self._take_time

    async def _take_time(self, _line: Line) -> None:
        await asyncio.sleep(self.seconds)

    async def work(self, line: Line) -> None:
        while line.entries and not line.is_closing:
            self.most_at_once = max(self.most_at_once, self.lanes.active)
            update = line.entries.popleft()
            await self.hold(line)
            self.locks.open_updates[line.lane].remove(update.update_id)
            self.done.append((line.lane, update.update_id, round(now(), 1)))

    def arrive(self, lane: bytes, *updates: int, is_told: bool = True) -> None:
        self.locks.open_updates.setdefault(lane, []).extend(updates)
        if is_told:
            self.lanes.wake([lane])

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.lanes.run())
        await asyncio.sleep(0.1)  # the first sweep
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def rest(self, seconds: float = 60) -> None:
        await asyncio.sleep(seconds)


@with_fake_clock
async def test_one_chat_keeps_its_order_and_another_is_worked_on_beside_it() -> None:
    workers = Workers()
    async with workers.running():
        workers.arrive(b"a", 1, 2, 3)
        workers.arrive(b"b", 4)
        await workers.rest()
    assert [number for lane, number, _ in workers.done if lane == b"a"] == [1, 2, 3]
    ended = {number: moment for _, number, moment in workers.done}
    assert ended[4] == ended[1] < ended[2] < ended[3]


@with_fake_clock
async def test_what_arrives_during_the_work_of_its_chat_is_done_after_it() -> None:
    workers = Workers()
    async with workers.running():
        workers.arrive(b"a", 1)
        await asyncio.sleep(0.5)
        workers.arrive(b"a", 2)
        await workers.rest()
    assert [number for _, number, _ in workers.done] == [1, 2]
    assert workers.done[1][2] < SWEEP_SECONDS, "no sweep was needed"


@with_fake_clock
async def test_only_so_many_chats_are_worked_on_at_once_and_none_is_forgotten() -> None:
    workers = Workers(most=3)
    async with workers.running():
        for number in range(10):
            workers.arrive(b"%d" % number, number)
        await workers.rest()
    assert workers.most_at_once == 3
    assert sorted(number for _, number, _ in workers.done) == list(range(10))
    assert workers.done[-1][2] < 2 * SWEEP_SECONDS


@with_fake_clock
async def test_a_sweep_finds_what_no_notice_told() -> None:
    workers = Workers()
    async with workers.running():
        workers.arrive(b"a", 1, is_told=False)
        await workers.rest()
    [(_, _, moment)] = workers.done
    assert SWEEP_SECONDS < moment < SWEEP_SECONDS + 2


@with_fake_clock
async def test_a_chat_of_another_replica_is_left_to_it_and_the_replica_is_told() -> None:
    workers = Workers()
    workers.locks.of_others.add(b"a")
    async with workers.running():
        workers.arrive(b"a", 1)
        await asyncio.sleep(1)
        assert workers.locks.told == [{"wake": b"a".hex()}]
        workers.locks.of_others.clear()
        await workers.rest()
    assert [number for _, number, _ in workers.done] == [1]


@with_fake_clock
async def test_a_quiet_process_asks_no_more_than_its_sweeps() -> None:
    workers = Workers()
    async with workers.running():
        workers.arrive(b"a", 1)
        await workers.rest(10)
        claims = workers.locks.claims
        await workers.rest(10 * SWEEP_SECONDS)
    assert workers.locks.claims == claims
    assert workers.locks.held == set()


@with_fake_clock
async def test_locks_that_were_lost_are_taken_again_after_growing_pauses() -> None:
    workers = Workers()
    async with workers.running():
        workers.locks.is_away = True
        workers.arrive(b"a", 1)
        await asyncio.sleep(30)
        assert workers.done == []
        workers.locks.is_away = False
        await workers.rest()
    assert [number for _, number, _ in workers.done] == [1]
    assert workers.done[0][2] <= 30.1 + 5 + 1.1


@with_fake_clock
async def test_at_the_end_what_runs_is_finished_and_nothing_else_begins() -> None:
    workers = Workers(seconds=3)
    async with workers.running():
        workers.arrive(b"a", 1, 2)
        await asyncio.sleep(1)
        handed_back = await workers.lanes.finish(20)
        workers.arrive(b"b", 3)
        await workers.rest()
    assert handed_back == 0
    assert [number for _, number, _ in workers.done] == [1]


@with_fake_clock
async def test_what_does_not_end_in_time_is_handed_back() -> None:
    workers = Workers(seconds=3_600)
    async with workers.running():
        workers.arrive(b"a", 1)
        await asyncio.sleep(1)
        began = now()
        assert await workers.lanes.finish(20) == 1
        assert 20 <= now() - began < 30
    assert workers.locks.open_updates == {b"a": [1]}


@with_fake_clock
async def test_a_claim_that_returns_during_the_end_begins_nothing() -> None:
    workers = Workers()
    async with workers.running():
        workers.arrive(b"a", 1)
        await asyncio.sleep(0.005)  # the claim is under way
        assert await workers.lanes.finish(20) == 0
        await workers.rest()
    assert workers.done == []
    assert workers.locks.open_updates == {b"a": [1]}
