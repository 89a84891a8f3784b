"""Health and readiness: databases, schemas, draining."""

from __future__ import annotations

import asyncio
import re
import signal
import time
from dataclasses import replace

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from api.health.schema_state import SchemaState
from common.version import VERSION
from tests.api.running import (
    LONG_TIMEOUTS,
    PASSWORD,
    StartApi,
    register,
)
from tests.clickhouse_process import ClickHouseProcess
from tests.conftest import migrated
from warehouse.clickhouse.client import Writer


async def test_health_tells_the_database_its_pool_and_the_uptime(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.get("/health")
    assert answer.status_code == 200
    health = answer.json()
    assert health["status"] == "healthy"
    assert health["version"] == VERSION
    assert health["database"] == "connected"
    assert health["pool"]["most"] == 15
    assert health["uptime_seconds"] >= 0


async def test_health_is_red_without_the_database(start_api: StartApi) -> None:
    api = start_api(database_url="postgresql://127.0.0.1:9/gone")
    async with api.client() as client:
        answer = await client.get("/health")
        assert (answer.status_code, answer.json()["status"]) == (503, "unhealthy")
        stats = await client.get("/api/v1/stats", auth=("ann", PASSWORD))
        assert (stats.status_code, stats.json()["code"]) == (503, "database_unavailable")
        ready = await client.get("/ready")
        assert ready.json()["checks"]["postgres"] == "does not answer"


async def test_ready_runs_a_real_aggregate_and_ends_with_draining(
    start_week: StartApi,
) -> None:
    api = start_week()
    async with api.client() as client:
        ready = await client.get("/ready")
        assert ready.json() == {
            "ready": True,
            "checks": {"postgres": "ok", "warehouse": "ok", "lifecycle": "ok"},
        }
        api.app.state.lifecycle.is_draining = True
        ready = await client.get("/ready")
        assert (ready.status_code, ready.json()["checks"]["lifecycle"]) == (503, "draining")


async def not_ready(client: httpx.AsyncClient) -> dict[str, str]:
    ready = await client.get("/ready")
    assert ready.status_code == 503
    checks: dict[str, str] = ready.json()["checks"]
    return checks


async def test_ready_compares_the_tables_of_postgresql_and_says_what_to_do(
    start_week: StartApi, engine: AsyncEngine
) -> None:
    async with start_week().client() as client:
        # Each state is wrong, so none is kept.
        for changes, says in (
            (["ALTER TABLE turns ALTER reason TYPE jsonb USING NULL"], "turns.reason "),
            (["ALTER TABLE turns DROP COLUMN reason"], "turns.reason missing or of"),
            (["DROP SCHEMA public CASCADE", "CREATE SCHEMA public"], "there is no schema"),
        ):
            async with engine.begin() as connection:
                for change in changes:
                    await connection.execute(text(change))
            checks = await not_ready(client)
            assert says in checks["postgres"]
            assert "run python -m migrations postgres" in checks["postgres"]
            assert checks["warehouse"] == "ok"


async def test_ready_compares_the_tables_of_clickhouse_and_says_what_to_do(
    start_api: StartApi, clickhouse_server: ClickHouseProcess
) -> None:
    with migrated(clickhouse_server) as warehouse, Writer(warehouse) as writer:
        api = start_api(
            clickhouse_url=warehouse.writer_url, clickhouse_reader_url=warehouse.reader_url
        )
        async with api.client() as client:
            # Each state is wrong, so none is kept.
            for change, says in (
                ("ALTER TABLE day_users DROP COLUMN newest", "day_users.newest missing"),
                (
                    "DROP TABLE dialog_days SYNC",
                    "schema 0009: day_users.newest and 17 more columns",
                ),
            ):
                writer.run("change", sql=change)
                checks = await not_ready(client)
                assert says in checks["warehouse"]
                assert "run python -m migrations clickhouse" in checks["warehouse"]
                assert checks["postgres"] == "ok"


async def test_ready_names_a_clickhouse_that_is_too_old(
    start_week: StartApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("warehouse.clickhouse.server_version.MIN_SERVER_VERSION", (99, 1))
    async with start_week().client() as client:
        checks = await not_ready(client)
    assert re.fullmatch(
        r"ClickHouse 26\.[0-9.]+ is too old: 99\.1 or later is needed", checks["warehouse"]
    )


async def test_ready_needs_no_particular_revision_and_takes_newer_columns(
    start_api: StartApi, engine: AsyncEngine, clickhouse_server: ClickHouseProcess
) -> None:
    with migrated(clickhouse_server) as warehouse, Writer(warehouse) as writer:
        async with engine.begin() as connection:
            await connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
            await connection.execute(text("ALTER TABLE turns ADD COLUMN of_a_newer_version text"))
        writer.run("newer", sql="ALTER TABLE turns ADD COLUMN of_a_newer_version String")
        writer.run("empty", sql="TRUNCATE TABLE alembic_version")
        api = start_api(
            clickhouse_url=warehouse.writer_url, clickhouse_reader_url=warehouse.reader_url
        )
        async with api.client() as client:
            assert (await client.get("/ready")).status_code == 200


async def test_a_schema_that_was_right_is_kept_for_a_minute_and_one_that_was_not_is_not() -> None:
    moment, states = 0.0, iter(["wrong", "ok", "wrong"])

    async def look() -> str:
        return next(states)

    state = SchemaState(look, clock=lambda: moment)
    assert [await state.get() for _ in range(3)] == ["wrong", "ok", "ok"]
    moment = 59.0
    assert await state.get() == "ok"
    moment = 61.0
    assert await state.get() == "wrong"


async def test_ready_is_red_without_clickhouse_while_health_stays_green(
    client: httpx.AsyncClient,
) -> None:
    ready = await client.get("/ready")
    assert ready.status_code == 503
    assert ready.json()["checks"]["warehouse"] == "ClickHouse does not answer"
    assert (await client.get("/health")).status_code == 200


async def test_a_clickhouse_that_hangs_is_503_long_before_a_query_may_end(
    start_week: StartApi, clickhouse_server: ClickHouseProcess
) -> None:
    api = start_week(create={"timeouts": replace(LONG_TIMEOUTS, ping_seconds=2)})
    async with api.client() as client:
        await register(client)

        async def until_answered() -> None:
            # On a busy machine two seconds may be few for a ping.
            deadline = time.monotonic() + 60
            while (await client.get("/api/v1/stats", auth=("ann", PASSWORD))).status_code != 200:
                assert time.monotonic() < deadline

        await until_answered()
        started = time.monotonic()
        clickhouse_server.signal(signal.SIGSTOP)
        try:
            reports = ("/api/v1/stats?period=month", "/api/v1/stats/dialogs?format=csv")
            away = await asyncio.gather(
                *(client.get(path, auth=("ann", PASSWORD)) for path in reports)
            )
        finally:
            clickhouse_server.signal(signal.SIGCONT)
        assert [(one.status_code, one.json()["code"]) for one in away] == [
            (503, "warehouse_away")
        ] * 2
        assert time.monotonic() - started < api.settings.warehouse.query_max_seconds
        await until_answered()
