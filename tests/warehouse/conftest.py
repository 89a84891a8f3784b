"""A migrated ClickHouse per module, its two doors, and an empty replica."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from itertools import count
from uuid import uuid4

import pytest
from alembic import command

from tests.clickhouse_process import ClickHouseProcess
from tests.conftest import alembic_config
from tests.warehouse.constants import REPORT_ZONE
from tests.warehouse.replica import Replica
from warehouse.client import Reader, Writer
from warehouse.settings import WarehouseSettings

EPOCHS = count(1)


@pytest.fixture(scope="module")
def warehouse_settings(clickhouse_server: ClickHouseProcess) -> Iterator[WarehouseSettings]:
    name = f"test_{uuid4().hex}"
    clickhouse_server.execute(f"CREATE DATABASE {name}")
    database = clickhouse_server.database(name)
    command.upgrade(alembic_config("clickhouse", database.url), "head")
    yield WarehouseSettings.model_validate(
        {"clickhouse_url": database.url, "clickhouse_reader_url": database.reader_url}
    )
    clickhouse_server.execute(f"DROP DATABASE {name} SYNC")


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
