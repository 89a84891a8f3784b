"""Operation: health, metrics, CORS, errors, logs, shutdown."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.testing import capture_logs

from api.answers.reader import InstrumentedReader
from api.metrics import ApiMetrics
from common.settings import DatabaseSettings
from tests.api.running import (
    PASSWORD,
    StartApi,
    api_settings,
    register,
)
from warehouse.errors import QueryFailedError

PROJECT = Path(__file__).parent.parent.parent


async def test_metrics_are_for_this_machine_or_the_token(start_api: StartApi) -> None:
    api = start_api(metrics_token="m" * 32)
    async with api.client() as client:
        assert (await client.get("/metrics")).status_code == 200
        proxied = {"X-Forwarded-For": "203.0.113.7"}
        assert (await client.get("/metrics", headers=proxied)).status_code == 403
        token = {**proxied, "Authorization": f"Bearer {'m' * 32}"}
        assert (await client.get("/metrics", headers=token)).status_code == 200
    behind = start_api(trusted_proxy_hops=1)
    async with behind.client() as client:
        assert (await client.get("/metrics", headers=proxied)).status_code == 403


async def test_every_metric_is_documented_and_the_clients_are_there(
    start_week: StartApi,
) -> None:
    api = start_week()
    async with api.client() as client:
        await register(client)
        await client.get("/api/v1/stats", auth=("ann", PASSWORD))
        await client.get("/api/v1/stats")
        text = (await client.get("/metrics")).text
    assert 'database_query_duration_seconds_count{query_name="head"}' in text
    assert 'stats_api_requests_total{format="json",outcome="computed",report="dashboard"}' in text
    assert "database_connection_pool_size 15.0" in text
    assert "database_connection_pool_available" in text
    exported = set(re.findall(r"^# TYPE (\S+) ", text, re.MULTILINE))
    exported = {name for name in exported if not name.endswith("_created")}
    page = (PROJECT / "docs" / "metrics" / "api.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"`([a-z_]+)`", page))
    assert exported - documented == set()


async def test_many_accounts_and_paths_make_no_new_series(start_api: StartApi) -> None:
    api = start_api()
    async with api.client() as client:

        async def series(start: int) -> int:
            for number in range(start, start + 20):
                await client.get(f"/api/v1/nothing/{number}")
                await client.get(f"/page-{number}")
                await client.get("/api/v1/auth/me", auth=(f"user{number}", "wrong"))
            lines = (await client.get("/metrics")).text.splitlines()
            return sum(1 for line in lines if not line.startswith("#"))

        assert await series(0) == await series(1000)


async def test_cors_lets_the_named_origins_in_with_credentials(start_api: StartApi) -> None:
    api = start_api(cors_origins="https://stats.example.org, http://localhost:5173")
    async with api.client() as client:
        for origin in ("https://stats.example.org", "http://localhost:5173"):
            preflight = await client.options(
                "/api/v1/stats",
                headers={
                    "Origin": origin,
                    "Access-Control-Request-Method": "GET",
                    "Access-Control-Request-Headers": "authorization",
                },
            )
            assert preflight.status_code == 200
            assert preflight.headers["access-control-allow-origin"] == origin
            assert preflight.headers["access-control-allow-credentials"] == "true"
            assert "PATCH" not in preflight.headers["access-control-allow-methods"]
            # A page can read refusals and the limits too.
            refused = await client.get("/api/v1/stats", headers={"Origin": origin})
            assert refused.status_code == 401
            assert refused.headers["access-control-allow-origin"] == origin
            assert "X-RateLimit-Remaining" in refused.headers["access-control-expose-headers"]
        stranger = await client.get("/api/v1/stats", headers={"Origin": "https://evil.example"})
        assert "access-control-allow-origin" not in stranger.headers
        preflight = await client.options(
            "/api/v1/stats",
            headers={"Origin": "https://evil.example", "Access-Control-Request-Method": "GET"},
        )
        assert preflight.status_code == 400


def test_any_origin_is_refused_in_production(database: DatabaseSettings) -> None:
    secret = "s" * 40
    production = {
        "environment": "production",
        "api_token_secret": secret,
        "admin_registration_token": secret,
        "data_key": secret,
        "password_hash_cost": 12,
    }
    assert api_settings(database, **production, cors_origins="https://a.example")
    for wrong in ("*", "https://a.example,*", "a.example", "https://a.example/path"):
        with pytest.raises(ValueError, match="CORS_ORIGINS"):
            api_settings(database, **production, cors_origins=wrong)
    with pytest.raises(ValueError, match="PASSWORD_HASH_COST"):
        api_settings(database, **{**production, "password_hash_cost": 9})
    with pytest.raises(ValueError, match="ADMIN_REGISTRATION_TOKEN"):
        api_settings(database, **{**production, "admin_registration_token": "k3yf0rt0d4y"})
    with pytest.raises(ValueError, match=r"admin_registration_token\n.*placeholder"):
        api_settings(database, **{**production, "admin_registration_token": "change-me"})


async def test_what_breaks_inside_is_500_without_a_cause_and_with_an_id(
    start_api: StartApi,
) -> None:
    async def broken(*_arguments: Any, **_named: Any) -> Any:
        raise RuntimeError("a secret of the inside")

    api = start_api(create={"resolve_snapshot": broken}, cors_origins="https://a.example")
    async with api.client() as client:
        await register(client)
        answer = await client.get(
            "/api/v1/stats", auth=("ann", PASSWORD), headers={"Origin": "https://a.example"}
        )
        assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
        assert "secret" not in answer.text
        assert answer.json()["request_id"] == answer.headers["x-request-id"]
        assert answer.headers["access-control-allow-origin"] == "https://a.example"


async def test_a_statement_that_clickhouse_refuses_leaks_nothing(start_api: StartApi) -> None:
    async def refused(*_arguments: Any, **_named: Any) -> Any:
        raise QueryFailedError("head", 60)

    api = start_api(create={"resolve_snapshot": refused})
    async with api.client() as client:
        await register(client)
        answer = await client.get("/api/v1/stats", auth=("ann", PASSWORD))
        assert answer.status_code == 500
        # The id of the request may hold the same digits.
        assert not re.search(r"\b60\b", answer.json()["message"])


async def test_a_request_id_is_kept_when_it_is_one(client: httpx.AsyncClient) -> None:
    kept = await client.get("/health", headers={"X-Request-Id": "trace-0123456789"})
    assert kept.headers["x-request-id"] == "trace-0123456789"
    forged = await client.get("/health", headers={"X-Request-Id": "a b\tc"})
    assert re.fullmatch("[0-9a-f]{16}", forged.headers["x-request-id"])


async def test_every_answer_carries_the_headers_of_safety(client: httpx.AsyncClient) -> None:
    for path in ("/health", "/api/v1/stats", "/api/v1/nothing", "/"):
        headers = (await client.get(path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]


class SlowReader:
    """A reader whose every query takes as long as it is told."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.explained: list[str] = []

    async def rows(self, name: str, sql: str, parameters: Any) -> list[dict[str, Any]]:
        del name, sql, parameters
        await asyncio.sleep(self._seconds)
        return [{"x": 1}]

    async def explain(self, name: str, sql: str, parameters: Any) -> str:
        del sql, parameters
        self.explained.append(name)
        return "ReadFromMergeTree"


@pytest.mark.parametrize(
    ("seconds", "level", "event"), [(0.0, "debug", "query"), (0.55, "warning", "slow_query")]
)
async def test_each_query_is_timed_and_slow_ones_are_warned_of(
    engine: AsyncEngine, seconds: float, level: str, event: str
) -> None:
    metrics = ApiMetrics(engine)
    reader = InstrumentedReader(SlowReader(seconds), metrics, explains=False)
    with capture_logs() as logs:
        await reader.rows("summary", "SELECT 1", {})
    assert len(logs) == 1
    if logs[0]["seconds"] > 0.5:
        # A busy machine makes a quick query a slow one.
        level, event = "warning", "slow_query"
    assert (logs[0]["log_level"], logs[0]["event"]) == (level, event)
    assert logs[0]["query_name"] == "summary"
    assert logs[0]["rows"] == 1
    assert logs[0]["seconds"] >= seconds


async def test_plans_are_logged_only_when_asked_for(engine: AsyncEngine) -> None:
    slow = SlowReader(0)
    with capture_logs() as logs:
        await InstrumentedReader(slow, ApiMetrics(engine), explains=True).rows(
            "summary", "SELECT 1", {}
        )
    assert logs[0]["event"] == "query_plan"
    assert logs[0]["plan"] == "ReadFromMergeTree"
    await InstrumentedReader(slow, ApiMetrics(engine), explains=False).rows(
        "activity", "SELECT 1", {}
    )
    assert slow.explained == ["summary"]
