"""A reader tells a ClickHouse that hangs from a query that takes long."""

from __future__ import annotations

import asyncio
import signal
import time

import pytest

from tests.clickhouse_process import ClickHouseProcess
from warehouse.clickhouse.client import ClickHouseReader
from warehouse.clickhouse.liveness import Liveness
from warehouse.errors import WarehouseUnavailableError
from warehouse.settings import WarehouseSettings

SLOW = "SELECT sum(sleepEachRow(0.5)) AS slept FROM numbers(3)"


async def test_queries_of_a_server_that_hangs_end_and_later_ones_are_answered(
    clickhouse_server: ClickHouseProcess, warehouse_settings: WarehouseSettings
) -> None:
    reader = ClickHouseReader(warehouse_settings, ping_seconds=4)
    assert await reader.rows("before", "SELECT 1 AS one", {}) == [{"one": 1}]
    started = time.monotonic()
    clickhouse_server.signal(signal.SIGSTOP)
    try:
        asked = [reader.rows("hangs", "SELECT 1 AS one", {}) for _ in range(3)]
        ended = await asyncio.gather(*asked, return_exceptions=True)
    finally:
        clickhouse_server.signal(signal.SIGCONT)
    assert [type(one) for one in ended] == [WarehouseUnavailableError] * 3
    assert time.monotonic() - started < warehouse_settings.query_max_seconds
    assert await reader.rows("after", "SELECT 1 AS one", {}) == [{"one": 1}]
    await reader.close()


async def test_a_reader_that_never_asked_before_does_not_wait_either(
    clickhouse_server: ClickHouseProcess, warehouse_settings: WarehouseSettings
) -> None:
    reader = ClickHouseReader(warehouse_settings, ping_seconds=0.2)
    clickhouse_server.signal(signal.SIGSTOP)
    try:
        with pytest.raises(WarehouseUnavailableError):
            await asyncio.wait_for(reader.rows("hangs", "SELECT 1", {}), 20)
    finally:
        clickhouse_server.signal(signal.SIGCONT)
        await reader.close()


async def test_a_long_query_is_not_cut_by_pings(
    warehouse_settings: WarehouseSettings, reader: ClickHouseReader
) -> None:
    liveness = Liveness(warehouse_settings.reader_url, ping_seconds=60, quiet_seconds=0.05)
    assert await liveness.watch(reader.rows("long", SLOW, {})) == [{"slept": 0}]
