"""PostgreSQL that does not answer is waited for; one that refuses ends the process."""

from __future__ import annotations

import asyncio
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError
from structlog.testing import capture_logs

from common.errors import SettingError, StartupError, UnavailableError
from common.postgres import check_reachable, create_engine, wait_until_ready
from common.settings import DatabaseSettings
from embedded.postgres import EmbeddedPostgres


@pytest.fixture
def server(tmp_path: Path) -> EmbeddedPostgres:
    """A prepared server that was not started."""
    server = EmbeddedPostgres(tmp_path / "pg", durable=False)
    server.prepare()
    return server


@pytest.fixture
def started(server: EmbeddedPostgres) -> Iterator[EmbeddedPostgres]:
    with run(server) as process:
        yield server
        process.send_signal(signal.SIGINT)  # fast: it waits for no client


def run(server: EmbeddedPostgres) -> subprocess.Popen[bytes]:
    return subprocess.Popen(server.command(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def settings_of(url: str) -> DatabaseSettings:
    return DatabaseSettings(database_url=SecretStr(url))


@pytest.fixture
def settings(server: EmbeddedPostgres) -> DatabaseSettings:
    return settings_of(server.url("postgres"))


async def test_a_server_that_starts_late_is_waited_for_with_one_line(
    server: EmbeddedPostgres, settings: DatabaseSettings
) -> None:
    with capture_logs() as lines:
        waiting = asyncio.ensure_future(wait_until_ready(settings))
        await asyncio.sleep(2)
        assert not waiting.done()
        with run(server) as process:
            await asyncio.wait_for(waiting, timeout=60)
            process.send_signal(signal.SIGINT)  # fast: it waits for no client
    assert [line["event"] for line in lines] == [
        "PostgreSQL cannot be reached, waiting",
        "PostgreSQL answers",
    ]


async def test_a_command_is_told_that_the_server_does_not_answer(
    settings: DatabaseSettings,
) -> None:
    with pytest.raises(UnavailableError, match="DATABASE_URL: PostgreSQL cannot be reached"):
        await check_reachable(settings)


async def test_a_database_that_is_not_there_is_refused_at_once(started: EmbeddedPostgres) -> None:
    await started.wait_until_ready()
    with pytest.raises(SettingError, match=r'DATABASE_URL: PostgreSQL refuses it: .*"absent"'):
        await wait_until_ready(settings_of(started.url("absent")))


async def test_what_the_verification_refuses_is_not_waited_for(
    started: EmbeddedPostgres, settings: DatabaseSettings
) -> None:
    await started.wait_until_ready()
    engine = create_engine(settings, application_name="tests")

    async def refuse() -> None:
        raise StartupError("DATA_KEY: is another one")

    async def fail() -> None:
        async with engine.connect() as connection:
            await connection.execute(text("SELECT FROM absent"))

    with pytest.raises(StartupError, match="DATA_KEY"):
        await wait_until_ready(settings, refuse)
    with pytest.raises(ProgrammingError):
        await wait_until_ready(settings, fail)
    await engine.dispose()
