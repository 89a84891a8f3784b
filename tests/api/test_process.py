"""The process and its command line: settings, start, shutdown, accounts."""

from __future__ import annotations

import asyncio
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from api.accounts.__main__ import execute, parse, show
from api.accounts.store import AccountRepository
from common.errors import StartupError
from common.postgres import Sessions
from common.settings import DatabaseSettings
from tests.api.running import (
    Refusal,
    bearer,
    process,
    process_environment,
    register,
    registrations_held,
    until_logged,
)
from tests.clickhouse_process import ClickHouseProcess


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
