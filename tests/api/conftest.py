"""Fixtures of the API's tests: a running API on a fresh PostgreSQL database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import count
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from api.__main__ import main
from api.app import create_app
from api.health.routes import ProcessLifecycle
from common.process import run
from common.settings import DatabaseSettings
from embedded.postgres import EmbeddedPostgres
from tests.api.running import (
    ADMIN_TOKEN,
    LONG_TIMEOUTS,
    NOW,
    PASSWORD,
    Refusal,
    RunningApi,
    StartApi,
    api_settings,
    serving,
)
from tests.clickhouse_process import ClickHouseProcess
from tests.conftest import TEMPLATE, migrated
from tests.warehouse.replica import Replica, turn
from warehouse.clickhouse.client import Writer
from warehouse.settings import WarehouseSettings

EPOCHS = count(1)


@pytest.fixture
def start_api(database: DatabaseSettings) -> Iterator[StartApi]:
    """Start an API; settings by name, `create` passes arguments to `create_app`."""
    running = []

    def start(create: dict[str, Any] | None = None, **values: Any) -> RunningApi:
        settings = api_settings(database, **values)
        options = {"timeouts": LONG_TIMEOUTS, **(create or {})}
        app = create_app(settings, lifecycle=ProcessLifecycle(), **options)
        context = serving(app)
        url = context.__enter__()
        running.append(context)
        return RunningApi(url=url, app=app, settings=settings)

    yield start
    for context in reversed(running):
        context.__exit__(None, None, None)


@pytest.fixture
def api(start_api: StartApi) -> RunningApi:
    return start_api()


@pytest.fixture
async def client(api: RunningApi) -> AsyncIterator[httpx.AsyncClient]:
    async with api.client() as client:
        yield client


@pytest.fixture
def refusal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Refusal:
    """The line with which `python -m api` ends under an environment, without another process."""

    def line(environment: dict[str, str]) -> str:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(SystemExit) as ended:
            run(main)
        assert ended.value.code == 2
        [line] = capsys.readouterr().err.splitlines()
        return line

    monkeypatch.setattr("api.__main__.configure_logging", lambda *_a, **_b: None)
    return line


@pytest.fixture(scope="session")
def warehouse_settings(clickhouse_server: ClickHouseProcess) -> Iterator[WarehouseSettings]:
    """A warehouse shared by the API's tests: each opens an epoch of its own."""
    with migrated(clickhouse_server) as settings:
        yield settings


@pytest.fixture(scope="session")
def week_warehouse(clickhouse_server: ClickHouseProcess) -> Iterator[WarehouseSettings]:
    """A warehouse in which the week is published, and nothing else ever."""
    with migrated(clickhouse_server) as settings:
        with Writer(settings) as writer:
            store_a_week(Replica(writer, zone="UTC"))
        yield settings


@pytest.fixture
def replica(warehouse_settings: WarehouseSettings) -> Iterator[Replica]:
    """An empty ledger in the warehouse; `publish` makes what was stored visible."""
    with opened_replica(warehouse_settings) as replica:
        yield replica


@contextmanager
def opened_replica(warehouse: WarehouseSettings) -> Iterator[Replica]:
    """An empty ledger, the newest of the warehouse."""
    with Writer(warehouse) as writer:
        yield Replica(writer, zone="UTC", epoch=next(EPOCHS))


def store_a_week(replica: Replica) -> None:
    """Six turns of three people within the week, one of them rated, one a month ago; published."""
    rated = turn(NOW - timedelta(hours=1), user=1, language="ru")
    replica.store(
        [
            rated,
            turn(NOW - timedelta(hours=2), user=1, user_messages=3, cost_usd=None),
            turn(NOW - timedelta(hours=3), user=2, model_used="large", fallback_cause="timeout"),
            turn(NOW - timedelta(days=1), user=2, chat_type="group"),
            turn(NOW - timedelta(days=2), user=3, status="failed", reason="timeout"),
            turn(NOW - timedelta(days=6), user=3),
            turn(NOW - timedelta(days=29), user=3, source="ads"),
        ]
    )
    replica.rate(rated)
    replica.happen(NOW - timedelta(hours=1), "command", "usage")
    replica.publish(NOW - timedelta(seconds=5))


@pytest.fixture
def published(replica: Replica) -> Replica:
    store_a_week(replica)
    return replica


@pytest.fixture(scope="module")
def week_api(
    postgres_server: EmbeddedPostgres, week_warehouse: WarehouseSettings
) -> Iterator[RunningApi]:
    """One API for a whole module that only reads: the week is published, `ann` is registered."""
    name = f"test_{uuid4().hex}"
    asyncio.run(create_database(postgres_server, name))
    settings = api_settings(
        DatabaseSettings.model_validate({"database_url": postgres_server.url(name)}),
        clickhouse_url=week_warehouse.writer_url,
        clickhouse_reader_url=week_warehouse.reader_url,
    )
    app = create_app(settings, clock=lambda: NOW, timeouts=LONG_TIMEOUTS)
    with serving(app) as url:
        account = {"username": "ann", "password": PASSWORD, "admin_token": ADMIN_TOKEN}
        httpx.post(f"{url}/api/v1/auth/register", json=account, timeout=90).raise_for_status()
        yield RunningApi(url=url, app=app, settings=settings)


async def create_database(server: EmbeddedPostgres, name: str) -> None:
    admin = await asyncpg.connect(server.url("postgres"))
    await admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{TEMPLATE}" STRATEGY file_copy')
    await admin.close()


@pytest.fixture
def start_stats(start_api: StartApi, warehouse_settings: WarehouseSettings) -> StartApi:
    """Start an API on the warehouse, with its clock at NOW."""
    return at_now(start_api, warehouse_settings)


@pytest.fixture
def start_week(start_api: StartApi, week_warehouse: WarehouseSettings) -> StartApi:
    """The same where the week is published: for a test that publishes nothing itself."""
    return at_now(start_api, week_warehouse)


def at_now(start_api: StartApi, warehouse: WarehouseSettings) -> StartApi:
    def start(create: dict[str, Any] | None = None, **values: Any) -> RunningApi:
        return start_api(
            create={"clock": lambda: NOW, **(create or {})},
            clickhouse_url=warehouse.writer_url,
            clickhouse_reader_url=warehouse.reader_url,
            **values,
        )

    return start
