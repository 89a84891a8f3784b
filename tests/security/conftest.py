"""Fixtures of the attacks: the API's own, and one whose statements are watched."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from api.accounts.scopes import Scope
from api.app import create_app
from common.settings import DatabaseSettings
from embedded.postgres import EmbeddedPostgres
from tests.api.conftest import create_database, start_api, store_a_week
from tests.api.running import ADMIN_TOKEN, LONG_TIMEOUTS, NOW, PASSWORD, api_settings, serving
from tests.clickhouse_process import ClickHouseProcess
from tests.conftest import migrated
from tests.warehouse.replica import Replica, turn
from warehouse.clickhouse.client import ClickHouseReader, Writer
from warehouse.settings import WarehouseSettings

# Fixtures of the API's tests that the attacks share.
__all__ = ["start_api"]
# Never used over plain HTTP; making one for each client would cost more than the attacks.
TLS = ssl.create_default_context()


class WatchedDoor(ClickHouseReader):
    """The real reader; records its statements."""

    def __init__(self, settings: WarehouseSettings) -> None:
        super().__init__(settings)
        self.statements: list[str] = []

    async def rows(
        self, name: str, sql: str, parameters: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        self.statements.append(sql)
        return await super().rows(name, sql, parameters)


@dataclass
class Target:
    """An API with a week of numbers, opened by an account that may do everything."""

    url: str
    headers: dict[str, str]
    door: WatchedDoor
    warehouse: WarehouseSettings
    database: DatabaseSettings

    def client(self, **options: Any) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            base_url=self.url, headers=self.headers, timeout=90, verify=TLS, **options
        )


@pytest.fixture(scope="session")
def attacked_warehouse(clickhouse_server: ClickHouseProcess) -> Iterator[WarehouseSettings]:
    """A warehouse with a published week, one of its models named like an attack."""
    with migrated(clickhouse_server) as settings:
        with Writer(settings) as writer:
            replica = Replica(writer, zone="UTC")
            replica.store([turn(NOW - timedelta(hours=5), user=4, model_used="=cmd|' /C calc'!A0")])
            store_a_week(replica)
        yield settings


async def grant_everything(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute("UPDATE api_users SET scopes = $1", [scope.value for scope in Scope])
    await connection.close()


@pytest.fixture(scope="module")
def target(
    postgres_server: EmbeddedPostgres, attacked_warehouse: WarehouseSettings
) -> Iterator[Target]:
    name = f"test_{uuid4().hex}"
    asyncio.run(create_database(postgres_server, name))
    database = DatabaseSettings.model_validate({"database_url": postgres_server.url(name)})
    settings = api_settings(
        database,
        clickhouse_url=attacked_warehouse.reader_url,
        clickhouse_reader_url=attacked_warehouse.reader_url,
    )
    door = WatchedDoor(attacked_warehouse)
    with serving(
        create_app(settings, reader=door, clock=lambda: NOW, timeouts=LONG_TIMEOUTS)
    ) as url:
        account = {"username": "ann", "password": PASSWORD, "admin_token": ADMIN_TOKEN}
        httpx.post(f"{url}/api/v1/auth/register", json=account, timeout=90).raise_for_status()
        asyncio.run(grant_everything(database.libpq_url))
        login = {"username": "ann", "password": PASSWORD}
        token = httpx.post(f"{url}/api/v1/auth/token", data=login, timeout=90).json()[
            "access_token"
        ]
        yield Target(url, {"Authorization": f"Bearer {token}"}, door, attacked_warehouse, database)


def listed(client: httpx.Client, table: str) -> set[str]:
    """Names in a table of the engine."""
    return set(client.post("/", content=f"SELECT name FROM system.{table}").text.split())
