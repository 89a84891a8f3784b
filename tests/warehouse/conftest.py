"""Fixtures: a migrated ClickHouse per module, its writer and reader, and replicas."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from datetime import datetime
from itertools import count
from typing import Protocol

import pytest

from tests.clickhouse_process import ClickHouseProcess
from tests.conftest import migrated
from tests.warehouse.constants import REPORT_ZONE
from tests.warehouse.replica import Replica, Turn
from warehouse.clickhouse.client import ClickHouseReader, Writer
from warehouse.settings import WarehouseSettings
from warehouse.snapshot import Snapshot
from warehouse.snapshot import resolve as resolve_snapshot

EPOCHS = count(1)


@pytest.fixture(scope="module")
def warehouse_settings(clickhouse_server: ClickHouseProcess) -> Iterator[WarehouseSettings]:
    with migrated(clickhouse_server) as settings:
        yield settings


@pytest.fixture(scope="module")
def writer(warehouse_settings: WarehouseSettings) -> Iterator[Writer]:
    with Writer(warehouse_settings) as writer:
        yield writer


@pytest.fixture
async def reader(warehouse_settings: WarehouseSettings) -> AsyncIterator[ClickHouseReader]:
    reader = ClickHouseReader(warehouse_settings)
    yield reader
    await reader.close()


class PublishOnce(Protocol):
    """Publishes turns in an epoch of their own; their snapshot stays while others are published."""

    def __call__(self, turns: Iterable[Turn], at: datetime) -> Snapshot: ...


@pytest.fixture(scope="module")
def publish_once(warehouse_settings: WarehouseSettings, writer: Writer) -> PublishOnce:
    async def newest() -> Snapshot:
        reader = ClickHouseReader(warehouse_settings)
        snapshot = await resolve_snapshot(reader)
        await reader.close()
        return snapshot

    def publish(turns: Iterable[Turn], at: datetime) -> Snapshot:
        replica = Replica(writer, zone=REPORT_ZONE, epoch=next(EPOCHS))
        replica.store(turns)
        replica.publish(at)
        return asyncio.run(newest())

    return publish


@pytest.fixture
def replica(writer: Writer) -> Replica:
    """A fresh epoch: what earlier tests stored is not part of it."""
    return Replica(writer, zone=REPORT_ZONE, epoch=next(EPOCHS))
