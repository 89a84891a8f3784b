"""Throw-away PostgreSQL and ClickHouse for one measurement, migrated, gone afterwards."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config

from common.settings import DatabaseSettings
from embedded.child import die_with_parent
from embedded.postgres import EmbeddedPostgres
from warehouse.settings import WarehouseSettings

PROJECT = Path(__file__).parents[2]
PASSWORD = "benchmark-only"  # noqa: S105 # of servers that live for this run
DATABASE = "dialytics"
# Usual settings of a PostgreSQL with a machine of its own.
POSTGRES_OPTIONS: Mapping[str, str] = {
    "shared_buffers": "2GB",
    "work_mem": "256MB",
    "maintenance_work_mem": "512MB",
    "max_wal_size": "8GB",
    "effective_cache_size": "8GB",
    "jit": "off",
}

# A benchmark that is killed takes its servers with it.
LEAVES_NOTHING: Mapping[str, Any] = {"preexec_fn": die_with_parent}


@contextmanager
def postgres(
    directory: Path, *, options: Mapping[str, str] = POSTGRES_OPTIONS
) -> Iterator[DatabaseSettings]:
    """PostgreSQL from the wheel with the project's schema."""
    server = EmbeddedPostgres(directory, durable=False)
    server.prepare()
    given = (argument for item in options.items() for argument in ("-c", "=".join(item)))
    with (directory / "postgres.log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 # the wheel's own program
            [*server.command(), *given], stdout=log, stderr=log, **LEAVES_NOTHING
        )
    try:
        asyncio.run(_create(server))
        settings = DatabaseSettings.model_validate({"database_url": server.url(DATABASE)})
        migrate("postgres", settings.asyncpg_url)
        yield settings
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=120)


async def _create(server: EmbeddedPostgres) -> None:
    await server.wait_until_ready()
    await server.ensure_databases(DATABASE)


@contextmanager
def clickhouse(directory: Path) -> Iterator[WarehouseSettings]:
    """The embedded ClickHouse on a free port with the project's schema."""
    directory.mkdir(parents=True, exist_ok=True)
    log = directory / "clickhouse.log"
    environment = {
        **os.environ,
        "DATA_DIR": str(directory),
        "CLICKHOUSE_PORT": "0",
        "CLICKHOUSE_WRITER_PASSWORD": PASSWORD,
        "CLICKHOUSE_READER_PASSWORD": PASSWORD,
        "LOG_FORMAT": "json",
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "embedded.clickhouse"],
            cwd=PROJECT,
            env=environment,
            stdout=output,
            stderr=output,
            **LEAVES_NOTHING,
        )
    try:
        address = f"127.0.0.1:{_port(log)}/{DATABASE}"
        url = f"http://writer:{PASSWORD}@{address}"
        migrate("clickhouse", url)
        yield WarehouseSettings.model_validate(
            {
                "clickhouse_url": url,
                "clickhouse_reader_url": f"http://reader:{PASSWORD}@{address}",
            }
        )
    finally:
        process.terminate()
        process.wait(timeout=120)


def migrate(store: str, url: str) -> None:
    config = Config(PROJECT / "migrations" / store / "alembic.ini")
    config.attributes["url"] = url
    command.upgrade(config, "head")


def _port(log: Path) -> int:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for line in log.read_bytes().splitlines():
            if b'"clickhouse_ready"' in line:
                return int(json.loads(line)["port"])
        time.sleep(0.05)
    raise TimeoutError(log.read_text())
