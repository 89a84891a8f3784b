"""Fixtures that every suite shares: a real PostgreSQL per session, a fresh database per test."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import subprocess
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn
from uuid import uuid4

import asyncpg
import pytest
import structlog
from alembic import command
from alembic.config import Config
from hypothesis import settings
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from bot.aiogram_models import import_aiogram
from common.postgres import Sessions, create_engine
from common.settings import DatabaseSettings
from embedded.postgres import EmbeddedPostgres
from simulator.app import Simulator, create_simulator, listening
from tests import programs
from tests.clickhouse_process import ClickHouseDatabase, ClickHouseProcess
from tests.starting import starts_programs
from warehouse.settings import WarehouseSettings

PROJECT = Path(__file__).parent.parent
TEMPLATE = "template_migrated"
SHARING = "tests/e2e/web/"
COVERING = (PROJECT / "tests" / "bot", PROJECT / "tests" / "api")
"""Suites whose tests must run nearly every line of their package."""
REPEATING = {
    *("test_conditional.py", "test_contract.py", "test_cross_origin.py", "test_docs_page.py"),
    *("test_fair.py", "test_faults.py", "test_joined.py", "test_kills.py", "test_limited_chats.py"),
    *("test_reference.py", "test_refused.py", "test_snapshots.py", "test_tables.py", "test_web.py"),
    "test_workers.py",
}
"""Long files of those suites that run few lines which the others do not run."""
USUAL_SECONDS = {"stores": 4.0, "database": 0.7, "warehouse_settings": 0.7}
"""Typical seconds of a test that uses the fixture."""
E2E_SECONDS = 100.0
LONG_SECONDS = 40.0
"""Files that take longer are begun first."""

# The same examples in every run, and no judgement of how fast the machine makes them. Others are
# tried by `pytest --hypothesis-profile=default`.
settings.load_profile("ci")
# Before any test module imports aiogram by itself, which takes several times as long.
import_aiogram()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first, so that none is left for the end; coverage where it is asked for.

    Taking it doubles the processor time of a test. Tests that need a server are marked.
    """
    seconds: Counter[Path] = Counter()
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        if starts_programs(item):
            item.add_marker("server")
        seconds[item.path] += sum(USUAL_SECONDS[name] for name in USUAL_SECONDS.keys() & fixtures)
        if item.get_closest_marker("e2e"):
            seconds[item.path] += E2E_SECONDS
        is_covering = any(map(item.path.is_relative_to, COVERING))
        if not is_covering or item.path.name in REPEATING:
            item.add_marker("no_cover")
    items.sort(key=lambda item: seconds[item.path] < LONG_SECONDS)


class ByFile(LoadFileScheduling):  # type: ignore[misc] # xdist states no types
    """One process for each file, and one for all files of the page: they share a dashboard."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        return SHARING if file.startswith(SHARING) else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByFile:
    """Scheduler of the processes that run the tests."""
    return ByFile(config, log)


def pytest_configure() -> None:
    """Sends logs to pytest, which shows those of a test that fails.

    Lines that a thread logs between two tests are dropped: standard error is then pytest's own.
    """
    # No test calls a machine outside. Otherwise each HTTP client reads all root certificates,
    # which takes longer than most of the requests.
    os.environ.pop("SSL_CERT_FILE", None)
    os.environ["SSL_CERT_DIR"] = os.devnull
    logging.getLogger().addHandler(logging.NullHandler())
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            # Unconfigured, structlog draws every variable of a traceback, which takes seconds.
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(default=str),
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
    )


# A hook: it notes which programs were missing.
pytest_terminal_summary = programs.pytest_terminal_summary


def alembic_config(store: str, url: str) -> Config:
    config = Config(PROJECT / "migrations" / store / "alembic.ini")
    config.attributes["url"] = url
    return config


@pytest.fixture(scope="session", autouse=True)
def _no_settings_file() -> Iterator[None]:
    """The developer's .env must not change the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ENV_FILE", os.devnull)
        yield


@pytest.fixture(scope="session", autouse=True)
def _no_other_program() -> Iterator[None]:
    """`make test-fast` runs what starts no other program; this finds those that do."""

    def refuse(*_arguments: object, **_options: object) -> NoReturn:
        raise AssertionError("it starts a program, which tests/starting.py does not see")

    with pytest.MonkeyPatch.context() as patch:
        if os.environ.get("FAST"):
            patch.setattr("subprocess.Popen.__init__", refuse)
        yield


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """A throw-away PostgreSQL with a migrated template database."""
    with running_postgres(tmp_path_factory.mktemp("pg"), TEMPLATE) as server:
        template = DatabaseSettings.model_validate({"database_url": server.url(TEMPLATE)})
        command.upgrade(alembic_config("postgres", template.asyncpg_url), "head")
        yield server


@contextmanager
def running_postgres(directory: Path, *databases: str) -> Iterator[EmbeddedPostgres]:
    """A throw-away PostgreSQL with empty databases."""
    server = EmbeddedPostgres(directory, durable=False)
    server.prepare()
    log = (server.directory / "server.log").open("wb")
    process = subprocess.Popen(server.command(), stdout=log, stderr=log)

    async def prepare() -> None:
        await server.wait_until_ready()
        await server.ensure_databases(*databases)

    try:
        asyncio.run(prepare())
        yield server
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=100)
        log.close()


@pytest.fixture
async def database(postgres_server: EmbeddedPostgres) -> AsyncIterator[DatabaseSettings]:
    """Settings that point at a fresh, migrated database, dropped after the test."""
    name = f"test_{uuid4().hex}"
    admin = await asyncpg.connect(postgres_server.url("postgres"))
    try:
        # Without durability files are copied for a fifth of the processor time of the usual way.
        await admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{TEMPLATE}" STRATEGY file_copy')
        yield DatabaseSettings.model_validate(
            {
                "database_url": postgres_server.url(name),
                "db_pool_size": 5,
                "db_max_overflow": 10,
            }
        )
        await admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    finally:
        await admin.close()


@pytest.fixture
async def engine(database: DatabaseSettings) -> AsyncIterator[AsyncEngine]:
    engine = create_engine(database, application_name="tests")
    yield engine
    await engine.dispose()


@pytest.fixture
def sessions(engine: AsyncEngine) -> Sessions:
    return async_sessionmaker(engine, expire_on_commit=False)


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    """A Telegram and a model that listen on a free port, both without faults."""
    async with listening(create_simulator()) as simulator:
        yield simulator


@pytest.fixture(scope="session")
def clickhouse_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseProcess]:
    """The embedded ClickHouse server, real HTTP on a free port."""
    server = ClickHouseProcess(tmp_path_factory.mktemp("clickhouse"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def clickhouse_database(clickhouse_server: ClickHouseProcess) -> Iterator[ClickHouseDatabase]:
    """A fresh, empty database (`url` for the writer, `reader_url`), dropped after the test."""
    with clickhouse_server.fresh_database() as database:
        yield database


@pytest.fixture
def warehouse_settings(clickhouse_server: ClickHouseProcess) -> Iterator[WarehouseSettings]:
    """Settings that point at a fresh, migrated warehouse, dropped after the test."""
    with migrated(clickhouse_server) as settings:
        yield settings


@contextmanager
def migrated(server: ClickHouseProcess) -> Iterator[WarehouseSettings]:
    """A fresh, migrated warehouse: a copy of one that was migrated, which takes a third."""
    if server.execute(f"EXISTS DATABASE {TEMPLATE}") == "0\n":
        command.upgrade(alembic_config("clickhouse", server.database(TEMPLATE).url), "head")
    with server.fresh_database() as database:
        server.copy_tables(TEMPLATE, database.name)
        yield WarehouseSettings.model_validate(
            {"clickhouse_url": database.url, "clickhouse_reader_url": database.reader_url}
        )
