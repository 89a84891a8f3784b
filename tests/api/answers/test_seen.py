"""Queries in the log: all of them, slow ones, and a full pool."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.testing import capture_logs

from api.http.timeouts import DEFAULT_TIMEOUTS
from common.settings import DatabaseSettings
from tests.api.constants import STATS
from tests.api.running import NOW, PASSWORD, RunningApi, StartApi, bearer, register
from tests.api.scopes import grant
from tests.warehouse.replica import Replica
from warehouse.clickhouse.client import ClickHouseReader, Writer
from warehouse.settings import WarehouseSettings


class Delayed(ClickHouseReader):
    """The real reader, but some statements take their time."""

    def __init__(self, settings: WarehouseSettings, seconds: Mapping[str, float]) -> None:
        super().__init__(settings)
        self._seconds = seconds

    async def rows(self, name: str, sql: str, parameters: Mapping[str, Any]) -> Any:
        await asyncio.sleep(self._seconds.get(name, 0))
        return await super().rows(name, sql, parameters)


async def test_each_query_is_logged_with_its_name_period_rows_and_request(
    start_week: StartApi,
) -> None:
    api = start_week()
    async with api.client() as client:
        account = (await register(client)).json()
        client.headers.update(await bearer(client))
        with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as logs:
            answer = await client.get(STATS, params={"period": "month"})
    request = answer.headers["x-request-id"]
    queries = [entry for entry in logs if entry["event"] in {"query", "slow_query"}]
    # Queries that prepare the next snapshot belong to no request.
    asked = [entry for entry in queries if "request_id" in entry]
    prepared = {entry["query_name"] for entry in queries if "request_id" not in entry}
    assert prepared <= {"head", "news", "builds"}
    assert {"head", "figures", "top_users_named", "dialogs_of_days"} <= {
        entry["query_name"] for entry in asked
    }
    for entry in asked:
        assert entry["request_id"] == request
        assert entry["account_id"] == account["id"]
        assert account["username"] not in str(entry)
        assert entry["rows"] >= 0
        assert entry["seconds"] >= 0
    reports = [entry for entry in asked if entry["query_name"] not in {"head", "builds"}]
    assert {entry["period"] for entry in reports} == {"month/day"}
    [whole] = [entry for entry in logs if entry["event"] in {"answer", "slow_answer"}]
    assert (whole["report"], whole["period"]) == ("dashboard", "month/day")


async def test_a_slow_part_and_a_slow_answer_are_warned_of(
    start_week: StartApi, week_warehouse: WarehouseSettings
) -> None:
    api = start_week(create={"reader": Delayed(week_warehouse, {"figures": 1.05})})
    async with api.client() as client:
        await register(client)
        with capture_logs() as logs:
            assert (await client.get(STATS, auth=("ann", PASSWORD))).status_code == 200
    slow = {entry["event"]: entry for entry in logs if entry["log_level"] == "warning"}
    assert slow["slow_answer"]["report"] == "dashboard"
    assert slow["slow_answer"]["seconds"] > 1
    assert "figures" in {entry["query_name"] for entry in logs if entry["event"] == "slow_query"}


async def test_ready_waits_two_seconds_and_no_longer(
    start_week: StartApi, week_warehouse: WarehouseSettings
) -> None:
    api = start_week(
        create={
            "reader": Delayed(week_warehouse, {"freshness": 60}),
            "timeouts": DEFAULT_TIMEOUTS,
        }
    )
    async with api.client() as client:
        deadline = asyncio.get_running_loop().time() + 60
        while True:
            ready = await client.get("/ready")
            assert ready.status_code == 503
            assert ready.json()["checks"]["warehouse"] == "no answer within 2 s"
            if ready.json()["checks"]["postgres"] == "ok":
                break
            # On a busy machine the first connection may take that long.
            assert asyncio.get_running_loop().time() < deadline


async def test_a_pool_that_runs_out_is_warned_of(
    start_api: StartApi, database: DatabaseSettings, engine: AsyncEngine
) -> None:
    api = start_api(database_url=database.libpq_url, db_pool_size=5, db_max_overflow=1)
    async with api.client() as client, engine.connect() as other:
        await register(client)
        await grant(engine, ["texts:read"])
        client.headers.update(await bearer(client))
        await client.get("/api/v1/auth/me")
        await other.execute(text("LOCK TABLE dialogs IN ACCESS EXCLUSIVE MODE"))
        held = [
            asyncio.create_task(client.get(f"/api/v1/dialogs/{uuid4()}/text")) for _ in range(5)
        ]
        deadline = asyncio.get_running_loop().time() + 60
        # Not by a request: the API watches its pool itself.
        with capture_logs() as logs:
            while not (warned := [e for e in logs if e["event"] == "pool_nearly_exhausted"]):
                assert asyncio.get_running_loop().time() < deadline, logs
                await asyncio.sleep(0.1)
        assert (warned[0]["log_level"], warned[0]["most"]) == ("warning", 6)
        # The API may use one more itself for a moment.
        assert warned[0]["in_use"] in {5, 6}
        health = (await client.get("/health")).json()
        # One is free for a moment between two requests.
        while health["pool"] != {"checked_out": 5, "checked_in": 1, "most": 6}:
            assert asyncio.get_running_loop().time() < deadline, health
            health = (await client.get("/health")).json()
        await other.rollback()
        assert [(await answer).status_code for answer in held] == [404] * 5


async def test_a_cycle_without_new_data_makes_answers_younger(
    start_stats: StartApi,
    published: Replica,
    warehouse_settings: WarehouseSettings,
) -> None:
    assert published.turns
    api = start_stats()
    async with api.client() as client:
        await register(client)
        first = await client.get(STATS, auth=("ann", PASSWORD))
        with Writer(warehouse_settings) as writer:
            writer.insert(
                "freshness",
                [
                    {
                        "publication": writer.value("reports/head"),
                        "data_through": NOW - timedelta(seconds=1),
                        "checked_at": datetime.now(UTC),
                    }
                ],
            )
        tag = {"If-None-Match": first.headers["etag"]}
        deadline = asyncio.get_running_loop().time() + 60
        through = "2026-03-18T20:43:11Z"
        while (younger := await client.get(STATS, auth=("ann", PASSWORD), headers=tag)).headers[
            "X-Data-Through"
        ] != through:
            assert asyncio.get_running_loop().time() < deadline
            await asyncio.sleep(0.1)
        # The content is the same: only the age moved, and the headers carry it.
        assert younger.status_code == 304
        assert float(younger.headers["X-Lag-Seconds"]) == 1.0
        whole = (await client.get(STATS, auth=("ann", PASSWORD))).json()
        assert (whole["data_through"], whole["lag_seconds"]) == (through, 1.0)
        assert whole["summary"] == first.json()["summary"]


async def test_the_example_of_the_document_runs_with_both_logins(week_api: RunningApi) -> None:
    async with week_api.client() as client:
        document = (await client.get("/openapi.json")).json()
        [example] = document["components"]["schemas"]["QueryBody"]["examples"]
        for options in ({"auth": ("ann", PASSWORD)}, {"headers": await bearer(client)}):
            answer = await client.post("/api/v1/query", json=example, **options)  # type: ignore[arg-type]
            assert answer.status_code == 200, answer.text
            assert answer.json()["results"]


async def test_money_that_is_not_known_is_a_warning_of_the_query(week_api: RunningApi) -> None:
    async with week_api.client() as client:
        answer = await client.post(
            "/api/v1/query",
            json={"metrics": ["cost_usd"], "date_range": "30d"},
            auth=("ann", PASSWORD),
        )
    assert answer.json()["warnings"] == ["cost_usd: 1 turns have no known cost and are not in it"]


@pytest.mark.parametrize("period", ["day", "week", "month"])
async def test_periods_are_cut_as_their_names_say(week_api: RunningApi, period: str) -> None:
    async with week_api.client() as client:
        found = await get(client, period)
    since, until, buckets, bucket = {
        "day": ("2026-03-17T21:00:00Z", "2026-03-18T21:00:00Z", 24, "hour"),
        "week": ("2026-03-12T00:00:00Z", "2026-03-19T00:00:00Z", 7, "day"),
        "month": ("2026-02-17T00:00:00Z", "2026-03-19T00:00:00Z", 30, "day"),
    }[period]
    assert found["period"] == {
        "name": period, "since": since, "until": until, "tz": "UTC", "bucket": bucket,
    }  # fmt: skip
    assert len(found["activity"]["points"]) == buckets


async def get(client: httpx.AsyncClient, period: str) -> Any:
    answer = await client.get(STATS, params={"period": period}, auth=("ann", PASSWORD))
    assert answer.status_code == 200, answer.text
    return answer.json()
