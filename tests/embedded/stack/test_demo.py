"""The demo on external servers, and its end by Ctrl-C: nothing started that is not needed,
nothing left running.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import psutil
import pytest

from embedded.postgres import EmbeddedPostgres
from embedded.stack.readiness import free_ports
from tests.clickhouse_process import ClickHouseDatabase, ClickHouseProcess
from tests.embedded.constants import PORTS
from tests.running import command_lines, left_running, mentioning, until

RUNNING = "Ctrl-C stops everything."


@pytest.fixture
def data() -> Iterator[Path]:
    """Short: a Unix socket is in it."""
    with tempfile.TemporaryDirectory(prefix="demo-") as directory:
        yield Path(directory) / "data"


def query(url: str, statement: str) -> int:
    async def ask() -> int:
        connection = await asyncpg.connect(url)
        try:
            return int(await connection.fetchval(statement))
        finally:
            await connection.close()

    return asyncio.run(ask())


@pytest.mark.e2e
@pytest.mark.long
@pytest.mark.timeout(900)
def test_the_demo_works_on_given_servers_and_ctrl_c_leaves_nothing_running(
    data: Path,
    postgres_server: EmbeddedPostgres,
    clickhouse_server: ClickHouseProcess,
    clickhouse_database: ClickHouseDatabase,
) -> None:
    databases = [f"demo_{uuid4().hex}", f"dagster_{uuid4().hex}"]
    asyncio.run(postgres_server.ensure_databases(*databases))
    product, dagster = map(postgres_server.url, databases)
    with subprocess.Popen(
        [sys.executable, "-m", "embedded.stack", "demo"],
        env={
            "PATH": os.environ["PATH"],
            "HOME": os.environ.get("HOME", "/"),
            "ENV_FILE": os.devnull,
            "DATA_DIR": str(data),
            "DATABASE_URL": product,
            "DAGSTER_DATABASE_URL": dagster,
            "CLICKHOUSE_URL": clickhouse_database.url,
            "CLICKHOUSE_READER_URL": clickhouse_database.reader_url,
            "SIMULATOR_PEOPLE": "5",
            "SIMULATOR_DAYS": "5",
            **dict(zip(PORTS, map(str, free_ports(len(PORTS))), strict=True)),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as demo:
        assert demo.stdout is not None
        said = ""
        try:
            for line in demo.stdout:
                said += line
                if RUNNING in line:
                    break
            assert RUNNING in said, said
            programs = psutil.Process(demo.pid).children(recursive=True)
            commands = command_lines(programs)
            assert any("-m bot" in command for command in commands)
            assert not [line for line in commands if "embedded.clickhouse" in line]
            assert not [line for line in commands if "bin/postgres" in line]
            assert not (data / "postgres").exists()
            assert not (data / "clickhouse").exists()

            admins = "SELECT count(*) FROM api_users WHERE 'admin' = ANY(scopes)"
            assert query(product, admins) == 1
            assert "Login        demo (an administrator)" in said

            history = query(product, "SELECT count(*) FROM turns")
            until(lambda: query(product, "SELECT count(*) FROM turns") > history, seconds=300)
            table = f"{clickhouse_database.name}.turns"
            until(
                lambda: clickhouse_server.execute(f"SELECT count() FROM {table}").strip() != "0",
                seconds=300,
            )
            # Those that were started meanwhile too.
            programs += psutil.Process(demo.pid).children(recursive=True)
        finally:
            demo.send_signal(signal.SIGINT)
            said += demo.stdout.read()
            code = demo.wait(timeout=200)
    assert code == 0, said
    assert "Stopped" in said
    assert left_running([*programs, *mentioning(str(data))]) == []
