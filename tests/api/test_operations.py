"""Operation: health, metrics, CORS, errors, logs, shutdown."""

from __future__ import annotations

import asyncio
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.testing import capture_logs

from api.accounts.__main__ import execute, parse, show
from api.accounts.store import AccountRepository
from api.answers.reader import InstrumentedReader
from api.health.schema_state import SchemaState
from api.metrics import ApiMetrics
from common.errors import StartupError
from common.postgres import Sessions
from common.settings import DatabaseSettings
from common.version import VERSION
from tests.api.running import (
    LONG_TIMEOUTS,
    PASSWORD,
    Refusal,
    StartApi,
    api_settings,
    bearer,
    process,
    process_environment,
    register,
    registrations_held,
    until_logged,
)
from tests.clickhouse_process import ClickHouseProcess
from tests.conftest import migrated
from warehouse.clickhouse.client import Writer
from warehouse.errors import QueryFailedError

PROJECT = Path(__file__).parent.parent.parent


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
                    "schema 0004: day_users.newest and 17 more columns",
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
    api = start_week(create={"patience": replace(LONG_TIMEOUTS, ping_seconds=2)})
    async with api.client() as client:
        await register(client)
        assert (await client.get("/api/v1/stats", auth=("ann", PASSWORD))).status_code == 200
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
        assert (await client.get("/api/v1/stats", auth=("ann", PASSWORD))).status_code == 200


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
            assert "DELETE" not in preflight.headers["access-control-allow-methods"]
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
        assert "60" not in answer.json()["message"]


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


async def test_operators_manage_accounts_from_the_command_line(
    client: httpx.AsyncClient, sessions: Sessions
) -> None:
    await register(client)
    accounts = AccountRepository(sessions)
    granted = await execute(parse(["grant", "Ann", "names:read", "admin"]), accounts)
    assert granted[0].scopes == {"stats:read", "names:read", "admin"}
    token = await bearer(client)
    assert (await client.get("/api/v1/admin/accounts", headers=token)).status_code == 200
    revoked = await execute(parse(["revoke", "ann", "admin"]), accounts)
    assert revoked[0].scopes == {"stats:read", "names:read"}
    disabled = await execute(parse(["disable", "ann"]), accounts)
    assert disabled[0].is_disabled
    enabled = await execute(parse(["enable", "ann"]), accounts)
    assert not enabled[0].is_disabled
    assert [account.username for account in await execute(parse(["list"]), accounts)] == ["ann"]
    with pytest.raises(StartupError, match="no account named bob"):
        await execute(parse(["grant", "bob", "admin"]), accounts)


async def test_the_command_line_lists_accounts(
    client: httpx.AsyncClient,
    database: DatabaseSettings,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    await register(client)
    monkeypatch.setenv("DATABASE_URL", database.libpq_url)
    await show(parse(["list"]))
    assert capsys.readouterr().out == "ann\tactive\tstats:read\n"
    with pytest.raises(StartupError, match="no account named bob"):
        await show(parse(["disable", "bob"]))


async def test_sigterm_finishes_what_is_in_flight_and_ends_with_zero(
    database: DatabaseSettings, engine: AsyncEngine, tmp_path: Path
) -> None:
    log = tmp_path / "api.log"
    with process(process_environment(database, PASSWORD_HASH_COST="10"), log) as (api, url):
        async with httpx.AsyncClient(base_url=url, timeout=90) as client:
            async with registrations_held(engine) as until_waiting:
                pending = asyncio.create_task(register(client))
                await until_waiting(1)
                api.send_signal(signal.SIGTERM)
                await asyncio.to_thread(until_logged, log, '"draining"')
            assert (await pending).status_code == 201
        assert await asyncio.to_thread(api.wait, 60) == 0
    events = log.read_text()
    assert '"draining"' in events
    assert '"stopped"' in events


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"DATA_KEY": ""}, "DATA_KEY"),
        ({"DATABASE_URL": "postgresql://127.0.0.1:nine/gone"}, "DATABASE_URL"),
    ],
)
def test_bad_settings_end_in_one_line_and_exit_code_two(
    database: DatabaseSettings, refusal: Refusal, values: dict[str, str], named: str
) -> None:
    assert refusal(process_environment(database, **values)).startswith(named)


def test_a_database_that_is_not_there_is_refused(
    database: DatabaseSettings, refusal: Refusal
) -> None:
    absent = re.sub(r"/[^/?]+(?=\?|$)", "/absent", database.libpq_url, count=1)
    line = refusal(process_environment(database, DATABASE_URL=absent))
    assert line.startswith("DATABASE_URL: PostgreSQL refuses it: ")


def test_the_api_serves_while_no_database_answers(
    database: DatabaseSettings, tmp_path: Path
) -> None:
    silent = process_environment(database, DATABASE_URL="postgresql://127.0.0.1:9/silent")
    with process(silent, tmp_path / "api.log") as (api, url):
        answer = httpx.get(f"{url}/ready", timeout=90)
        assert answer.status_code == 503
        assert answer.json()["checks"]["postgres"] == "does not answer"
        api.send_signal(signal.SIGTERM)
        assert api.wait(60) == 0


def test_a_taken_port_names_its_setting(
    database: DatabaseSettings, tmp_path: Path, clickhouse_server: ClickHouseProcess
) -> None:
    """By the real command, as all that end it at once."""
    port = re.search(r":(\d+)/", clickhouse_server.database("any").url)
    assert port
    outcome = subprocess.run(
        [sys.executable, "-m", "api"],
        env=process_environment(database, API_PORT=port.group(1)),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert outcome.returncode == 2
    assert outcome.stderr.splitlines()[-1].startswith("API_PORT: ")
