"""The order of work on chats, on a fake clock and with locks kept in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, cast

from bot.db.locks import LocksLostError, Notification, QueuedUpdate
from bot.inbox.chat_workers import ChatQueue, ChatWorkers
from bot.metrics import BotMetrics
from tests.fake_clock import now, with_fake_clock

SWEEP_SECONDS = 5.0


def queued(chat_key: bytes, update_id: int) -> QueuedUpdate:
    return QueuedUpdate(
        chat_key=chat_key,
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
    """Replaces the database: the open updates of each chat, and the holder of its lock."""

    def __init__(self) -> None:
        self.open_updates: dict[bytes, list[int]] = {}
        self.held: set[bytes] = set()
        self.of_others: set[bytes] = set()
        self.broadcasts: list[Notification] = []
        self.claims = 0
        self.is_unavailable = False
        self.received: Callable[[Notification], None] = lambda _notice: None

    def listen(self, on_notice: Callable[[Notification], None]) -> None:
        self.received = on_notice

    async def open(self) -> None:
        self._fail_if_unavailable()
        self.held.clear()

    async def claim(
        self,
        *,
        released: Iterable[bytes] = (),
        held: Iterable[bytes] = (),
        wanted: Iterable[bytes] = (),
        max_updates: int,
    ) -> dict[bytes, list[QueuedUpdate]]:
        await asyncio.sleep(0.01)
        self._fail_if_unavailable()
        self.claims += 1
        self.held -= set(released)
        taken = [chat_key for chat_key in wanted if chat_key not in self.of_others]
        self.held |= set(taken)
        return {
            chat_key: [
                queued(chat_key, number)
                for number in self.open_updates.get(chat_key, [])[:max_updates]
            ]
            for chat_key in (*held, *taken)
        }

    async def open_chats(self) -> set[bytes]:
        self._fail_if_unavailable()
        return {chat_key for chat_key, updates in self.open_updates.items() if updates}

    async def broadcast(self, notice: Notification) -> None:
        self.broadcasts.append(notice)

    def _fail_if_unavailable(self) -> None:
        if self.is_unavailable:
            raise LocksLostError("unavailable")


class Workers:
    """Chat workers under test, with a record of their work."""

    def __init__(self, *, max_chats: int = 10, seconds: float = 1.0) -> None:
        self.locks = Locks()
        self.seconds = seconds
        self.done: list[tuple[bytes, int, float]] = []
        self.at_once = self.max_at_once = 0
        self.metrics = BotMetrics([])
        self.workers = ChatWorkers(
            cast("Any", self.locks),
            self.work,
            metrics=self.metrics,
            max_chats=max_chats,
            sweep_seconds=SWEEP_SECONDS,
        )
        self.hold: Callable[[ChatQueue], Awaitable[None]] = self._take_time

    async def _take_time(self, _queue: ChatQueue) -> None:
        await asyncio.sleep(self.seconds)

    async def work(self, queue: ChatQueue) -> None:
        while queue.updates and not queue.is_closing:
            self.at_once += 1
            self.max_at_once = max(self.max_at_once, self.at_once)
            update = queue.updates.popleft()
            await self.hold(queue)
            self.at_once -= 1
            self.locks.open_updates[queue.chat_key].remove(update.update_id)
            self.done.append((queue.chat_key, update.update_id, round(now(), 1)))

    def arrive(self, chat_key: bytes, *updates: int, is_notified: bool = True) -> None:
        self.locks.open_updates.setdefault(chat_key, []).extend(updates)
        if is_notified:
            self.workers.notify([chat_key])

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.workers.run())
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
    assert [number for chat_key, number, _ in workers.done if chat_key == b"a"] == [1, 2, 3]
    ended = {number: moment for _, number, moment in workers.done}
    assert ended[4] == ended[1] < ended[2] < ended[3]


@with_fake_clock
async def test_an_update_that_arrives_during_work_on_its_chat_is_done_next() -> None:
    workers = Workers()
    async with workers.running():
        workers.arrive(b"a", 1)
        await asyncio.sleep(0.5)
        workers.arrive(b"a", 2)
        await workers.rest()
    assert [number for _, number, _ in workers.done] == [1, 2]
    assert workers.done[1][2] < SWEEP_SECONDS, "no sweep was needed"


@with_fake_clock
async def test_the_number_of_chats_worked_on_at_once_is_limited_and_all_are_done() -> None:
    workers = Workers(max_chats=3)
    async with workers.running():
        for number in range(10):
            workers.arrive(b"%d" % number, number)
        await workers.rest()
    assert workers.max_at_once == 3
    assert sorted(number for _, number, _ in workers.done) == list(range(10))
    assert workers.done[-1][2] < 2 * SWEEP_SECONDS


@with_fake_clock
async def test_a_sweep_finds_updates_without_a_notification() -> None:
    workers = Workers()
    async with workers.running():
        workers.arrive(b"a", 1, is_notified=False)
        await workers.rest()
    [(_, _, moment)] = workers.done
    assert SWEEP_SECONDS < moment < SWEEP_SECONDS + 2


@with_fake_clock
async def test_a_chat_of_another_replica_is_left_to_it_and_the_replica_is_notified() -> None:
    workers = Workers()
    workers.locks.of_others.add(b"a")
    async with workers.running():
        workers.arrive(b"a", 1)
        await asyncio.sleep(1)
        assert workers.locks.broadcasts == [{"wake": b"a".hex()}]
        workers.locks.of_others.clear()
        await workers.rest()
    assert [number for _, number, _ in workers.done] == [1]


@with_fake_clock
async def test_an_idle_process_sends_no_claims_between_sweeps() -> None:
    workers = Workers()
    async with workers.running():
        workers.arrive(b"a", 1)
        await workers.rest(10)
        claims = workers.locks.claims
        await workers.rest(10 * SWEEP_SECONDS)
    assert workers.locks.claims == claims
    assert workers.locks.held == set()


@with_fake_clock
async def test_lost_locks_are_taken_again_after_growing_pauses() -> None:
    workers = Workers()
    async with workers.running():
        workers.locks.is_unavailable = True
        workers.arrive(b"a", 1)
        await asyncio.sleep(30)
        assert workers.done == []
        workers.locks.is_unavailable = False
        await workers.rest()
    assert [number for _, number, _ in workers.done] == [1]
    assert workers.done[0][2] <= 30.1 + 5 + 1.1


@with_fake_clock
async def test_at_shutdown_running_work_is_finished_and_no_other_begins() -> None:
    workers = Workers(seconds=3)
    async with workers.running():
        workers.arrive(b"a", 1, 2)
        await asyncio.sleep(1)
        unfinished = await workers.workers.finish(20)
        workers.arrive(b"b", 3)
        await workers.rest()
    assert unfinished == 0
    assert [number for _, number, _ in workers.done] == [1]


@with_fake_clock
async def test_work_that_does_not_end_in_time_is_left_unfinished() -> None:
    workers = Workers(seconds=3_600)
    async with workers.running():
        workers.arrive(b"a", 1)
        await asyncio.sleep(1)
        began = now()
        assert await workers.workers.finish(20) == 1
        assert 20 <= now() - began < 30
    assert workers.locks.open_updates == {b"a": [1]}


@with_fake_clock
async def test_a_claim_that_returns_during_shutdown_starts_no_work() -> None:
    workers = Workers()
    async with workers.running():
        workers.arrive(b"a", 1)
        await asyncio.sleep(0.005)  # the claim is under way
        assert await workers.workers.finish(20) == 0
        await workers.rest()
    assert workers.done == []
    assert workers.locks.open_updates == {b"a": [1]}
