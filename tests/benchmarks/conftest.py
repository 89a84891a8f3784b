"""A small ledger, the same rows in both stores, published."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import pytest

from benchmarks.data.ledger import fill_clickhouse, fill_postgres, publish
from benchmarks.data.stores import migrate
from common.settings import DatabaseSettings
from tests.clickhouse_process import ClickHouseProcess
from warehouse.clickhouse.client import ClickHouseReader, Writer
from warehouse.settings import WarehouseSettings

TURNS = 200_000
PEOPLE = 3_000


@pytest.fixture
def ledger(database: DatabaseSettings) -> DatabaseSettings:
    """The ledger in PostgreSQL, indexed."""
    fill_postgres(database.libpq_url, TURNS, people=PEOPLE)
    return database


@pytest.fixture(scope="module")
def warehouse(clickhouse_server: ClickHouseProcess) -> Iterator[WarehouseSettings]:
    """The same ledger in ClickHouse, every day built and published."""
    name = f"test_{uuid4().hex}"
    clickhouse_server.execute(f"CREATE DATABASE {name}")
    found = clickhouse_server.database(name)
    migrate("clickhouse", found.url)
    settings = WarehouseSettings.model_validate(
        {"clickhouse_url": found.url, "clickhouse_reader_url": found.reader_url}
    )
    with Writer(settings) as writer:
        fill_clickhouse(writer, TURNS, people=PEOPLE)
        publish(writer)
    yield settings
    clickhouse_server.execute(f"DROP DATABASE {name} SYNC")


@pytest.fixture
async def reader(warehouse: WarehouseSettings) -> AsyncIterator[ClickHouseReader]:
    reader = ClickHouseReader(warehouse)
    yield reader
    await reader.close()
