"""The next snapshot and its days are there before an answer needs them, while somebody asks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import date, timedelta
from typing import Any

import pytest

from api.answers.snapshots import AHEAD_SECONDS, Snapshots
from tests.api.running import NOW
from tests.warehouse.replica import Replica, turn
from warehouse.client import Reader
from warehouse.errors import WarehouseUnavailableError
from warehouse.settings import WarehouseSettings

FRESH = 0.1


class Watched:
    """A reader that tells what it was asked for, and can be cut off."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.asked: list[str] = []
        self.fails_with: Exception | None = None
        self._bell = asyncio.Event()

    async def rows(self, name: str, sql: str, parameters: Any) -> list[dict[str, Any]]:
        self.asked.append(name)
        self._bell.set()
        if self.fails_with:
            raise self.fails_with
        return await self._reader.rows(name, sql, parameters)

    async def explain(self, name: str, sql: str, parameters: Any) -> str:
        return await self._reader.explain(name, sql, parameters)

    async def until(self, happened: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not happened():
                self._bell.clear()
                await self._bell.wait()

    async def asks_nothing(self) -> bool:
        before = len(self.asked)
        await asyncio.sleep(5 * FRESH)
        return len(self.asked) == before


@pytest.fixture
async def watched(warehouse_settings: WarehouseSettings) -> AsyncIterator[Watched]:
    reader = Reader(warehouse_settings)
    yield Watched(reader)
    await reader.close()


@asynccontextmanager
async def looking_ahead(
    watched: Watched, clock: Callable[[], float] = time.monotonic
) -> AsyncIterator[Snapshots]:
    snapshots = Snapshots(watched, fresh_seconds=FRESH, clock=clock)
    task = asyncio.create_task(snapshots.look_ahead())
    try:
        yield snapshots
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def turns_of(watched: Watched, snapshots: Snapshots) -> int:
    snapshot = await snapshots.current()
    days = await snapshot.bot_days(watched, date.min, date.max, bot_id=None)
    assert days is not None
    return sum(day.sums[0] for day in days)


async def test_what_is_published_is_read_before_anybody_asks(replica: Replica, watched: Watched):
    replica.store([turn(NOW - timedelta(days=number)) for number in (1, 2)])
    replica.publish(NOW)
    async with looking_ahead(watched) as snapshots:
        assert await turns_of(watched, snapshots) == 2
        replica.store([turn(NOW - timedelta(days=1))])
        replica.publish(NOW)

        await watched.until(lambda: watched.asked.count("bot_days") == 2)
        await watched.until(lambda: watched.asked[-1] == "news")

        assert await turns_of(watched, snapshots) == 3
        assert watched.asked.count("bot_days") == 2


async def test_nobody_asks_for_long_and_nothing_is_prepared(replica: Replica, watched: Watched):
    replica.store([turn(NOW)])
    replica.publish(NOW)
    passed = 0.0
    async with looking_ahead(watched, lambda: time.monotonic() + passed) as snapshots:
        assert await watched.asks_nothing()
        await snapshots.current(is_wanted_again=False)
        assert await watched.asks_nothing()

        await snapshots.current()
        await watched.until(lambda: watched.asked.count("news") >= 3)
        passed = AHEAD_SECONDS
        await asyncio.sleep(2 * FRESH)
        assert await watched.asks_nothing()


@pytest.mark.parametrize("error", [WarehouseUnavailableError("cut off"), ValueError("a bug")])
async def test_what_cannot_be_read_is_not_asked_for_until_somebody_does(
    replica: Replica, watched: Watched, error: Exception
):
    replica.store([turn(NOW)])
    replica.publish(NOW)
    async with looking_ahead(watched) as snapshots:
        await snapshots.current()
        watched.fails_with = error
        await watched.until(lambda: watched.asked[-1] == "news")
        await asyncio.sleep(2 * FRESH)
        assert await watched.asks_nothing()
        with pytest.raises(type(error)):
            await snapshots.current()

        watched.fails_with = None
        await snapshots.current()
        before = len(watched.asked)
        await watched.until(lambda: len(watched.asked) > before)
