"""A migrated ClickHouse per module, its two doors, and an empty replica."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from itertools import count

import pytest

from tests.clickhouse_process import ClickHouseProcess
from tests.conftest import migrated
from tests.warehouse.constants import REPORT_ZONE
from tests.warehouse.replica import Replica
from warehouse.client import Reader, Writer
from warehouse.settings import WarehouseSettings

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
async def reader(warehouse_settings: WarehouseSettings) -> AsyncIterator[Reader]:
    reader = Reader(warehouse_settings)
    yield reader
    await reader.close()


@pytest.fixture
def replica(writer: Writer) -> Replica:
    """A fresh epoch: what earlier tests stored is not part of it."""
    return Replica(writer, zone=REPORT_ZONE, epoch=next(EPOCHS))
