"""Two deployments that migrate at once: the second waits for the first, in both stores."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import psycopg
import pytest

from common.settings import DatabaseSettings
from migrations.__main__ import STORES
from tests.clickhouse_process import ClickHouseDatabase, ClickHouseProcess
from tests.conftest import PROJECT

WAITS = """
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
LONG = pytest.mark.long
LOCKS = {"postgres": 7_131_337_001, "clickhouse": 7_131_337_002}


def migrate(store: str, environment: dict[str, str], *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "migrations", store, *options],
        cwd=PROJECT,
        env={"PATH": os.environ["PATH"], **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.parametrize("store", STORES)
def test_a_migration_waits_while_another_runs_and_then_finds_nothing_to_do(
    store: str, database: DatabaseSettings, clickhouse_database: ClickHouseDatabase
) -> None:
    environment = {
        "DATABASE_URL": database.libpq_url,
        "CLICKHOUSE_URL": clickhouse_database.url,
    }
    with psycopg.connect(database.libpq_url, autocommit=True) as first:
        first.execute("SELECT pg_advisory_lock(%s)", (LOCKS[store],))
        second = migrate(store, environment)
        deadline = time.monotonic() + 200
        while first.execute(WAITS).fetchone() != (1,):
            assert second.poll() is None, second.communicate()[0]
            assert time.monotonic() < deadline
            time.sleep(0.1)
        first.execute("SELECT pg_advisory_unlock(%s)", (LOCKS[store],))
        output, _ = second.communicate(timeout=200)
    assert second.returncode == 0, output


def test_a_preview_of_postgresql_prints_statements_and_needs_no_database() -> None:
    preview = migrate("postgres", {}, "--sql")
    output, _ = preview.communicate(timeout=200)
    assert preview.returncode == 0, output
    assert "CREATE TABLE turns" in output
    assert "CREATE TRIGGER guard_ledger" in output


@pytest.mark.parametrize("store", STORES)
def test_a_preview_prints_what_this_database_has_not_run_and_nothing_when_nothing_is(
    store: str,
    database: DatabaseSettings,
    clickhouse_server: ClickHouseProcess,
    clickhouse_database: ClickHouseDatabase,
) -> None:
    environment = {
        "DATABASE_URL": database.libpq_url,
        "CLICKHOUSE_URL": clickhouse_database.url,
    }

    def run(*options: str) -> str:
        process = subprocess.run(
            [sys.executable, "-m", "migrations", store, *options],
            cwd=PROJECT,
            env={"PATH": os.environ["PATH"], **environment},
            capture_output=True,
            text=True,
            check=True,
            timeout=200,
        )
        return process.stdout

    if store == "clickhouse":
        assert "CREATE TABLE IF NOT EXISTS turns" in run("--sql")
    run()
    assert run("--sql") == ""
    older = "0001"
    if store == "clickhouse":
        versions = f"{clickhouse_database.name}.alembic_version"
        clickhouse_server.execute(f"TRUNCATE TABLE {versions}")
        clickhouse_server.execute(f"INSERT INTO {versions} (version_num) VALUES ('{older}')")
    else:
        with psycopg.connect(database.libpq_url, autocommit=True) as connection:
            connection.execute("UPDATE alembic_version SET version_num = %s", (older,))
    pending = run("--sql")
    assert "Running upgrade 0001 -> 0002" in pending
    assert "-> 0001" not in pending


@pytest.mark.parametrize(
    "options",
    [
        pytest.param((), id="run"),
        pytest.param(("--sql",), id="preview", marks=pytest.mark.long),
    ],
)
@pytest.mark.parametrize("store", STORES)
def test_a_store_that_does_not_answer_is_waited_for_and_ends_in_one_line(
    store: str, options: tuple[str, ...], database: DatabaseSettings
) -> None:
    nowhere = "127.0.0.1:9"
    process = migrate(
        store,
        {
            "DATABASE_URL": f"postgresql://u@{nowhere}/db"
            if store == "postgres"
            else database.libpq_url,
            "CLICKHOUSE_URL": f"http://u:word@{nowhere}/db",
            "MIGRATION_WAIT_SECONDS": "2",
        },
        *options,
    )
    output, _ = process.communicate(timeout=200)
    assert process.returncode == 1, output
    assert "Traceback" not in output
    assert "secret" not in output
    *waiting, last = output.splitlines()
    assert "did not answer within 2 s (MIGRATION_WAIT_SECONDS)" in last
    assert len(waiting) == 1
    assert "cannot be reached, waiting" in waiting[0]
