"""PostgreSQL that does not answer is waited for; one that refuses ends the process."""

from __future__ import annotations

import asyncio
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.testing import capture_logs

from common.errors import SettingError, StartupError, UnavailableError
from common.postgres import check_reachable, create_engine, wait_until_ready
from common.settings import DatabaseSettings
from embedded.postgres import EmbeddedPostgres


@pytest.fixture
def server(tmp_path: Path) -> EmbeddedPostgres:
    """A prepared server that nobody has started."""
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


def engine_of(url: str) -> AsyncEngine:
    settings = DatabaseSettings(database_url=SecretStr(url))
    return create_engine(settings, application_name="tests")


@pytest.fixture
async def engine(server: EmbeddedPostgres) -> AsyncIterator[AsyncEngine]:
    engine = engine_of(server.url("postgres"))
    yield engine
    await engine.dispose()


async def test_a_server_that_starts_late_is_waited_for_with_one_line(
    server: EmbeddedPostgres, engine: AsyncEngine
) -> None:
    with capture_logs() as lines:
        waiting = asyncio.ensure_future(wait_until_ready(engine))
        await asyncio.sleep(2)
        assert not waiting.done()
        with run(server) as process:
            await asyncio.wait_for(waiting, timeout=60)
            process.send_signal(signal.SIGINT)  # fast: it waits for no client
    assert [line["event"] for line in lines] == [
        "PostgreSQL cannot be reached, waiting",
        "PostgreSQL answers",
    ]


async def test_a_command_is_told_that_the_server_does_not_answer(engine: AsyncEngine) -> None:
    with pytest.raises(UnavailableError, match="DATABASE_URL: PostgreSQL cannot be reached"):
        await check_reachable(engine)


async def test_a_database_that_is_not_there_is_refused_at_once(started: EmbeddedPostgres) -> None:
    await started.wait_until_ready()
    engine = engine_of(started.url("absent"))
    try:
        with pytest.raises(SettingError, match=r'DATABASE_URL: PostgreSQL refuses it: .*"absent"'):
            await wait_until_ready(engine)
    finally:
        await engine.dispose()


async def test_what_the_verification_refuses_is_not_waited_for(
    started: EmbeddedPostgres, engine: AsyncEngine
) -> None:
    await started.wait_until_ready()

    async def refuse() -> None:
        raise StartupError("DATA_KEY: is another one")

    async def fail() -> None:
        async with engine.connect() as connection:
            await connection.execute(text("SELECT FROM absent"))

    with pytest.raises(StartupError, match="DATA_KEY"):
        await wait_until_ready(engine, refuse)
    with pytest.raises(ProgrammingError):
        await wait_until_ready(engine, fail)
