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
from tests.clickhouse_process import ClickHouseDatabase
from tests.conftest import PROJECT

WAITS = """
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
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
