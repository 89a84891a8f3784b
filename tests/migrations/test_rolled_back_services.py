"""Services of an older version start on a schema that a newer one left: migrate changes nothing."""

from __future__ import annotations

import os
import subprocess
import sys

import psycopg

from common.settings import DatabaseSettings
from tests.clickhouse_process import ClickHouseDatabase, ClickHouseProcess
from tests.conftest import PROJECT

COLUMNS = """
SELECT table_name, column_name FROM information_schema.columns
WHERE table_schema = 'public' ORDER BY 1, 2
"""
RECORDED = "SELECT version_num FROM alembic_version"


def migrate(
    database: DatabaseSettings, clickhouse: ClickHouseDatabase, *stores: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "migrations", *stores],
        cwd=PROJECT,
        env={
            "PATH": os.environ["PATH"],
            "DATABASE_URL": database.libpq_url,
            "CLICKHOUSE_URL": clickhouse.url,
            "LOG_FORMAT": "json",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )


def test_an_older_migrate_leaves_newer_schemas_as_they_are_and_succeeds(
    database: DatabaseSettings,
    clickhouse_server: ClickHouseProcess,
    clickhouse_database: ClickHouseDatabase,
) -> None:
    first = migrate(database, clickhouse_database)
    assert first.returncode == 0, first.stderr
    versions = f"{clickhouse_database.name}.alembic_version"
    clickhouse_server.execute(f"TRUNCATE TABLE {versions}")
    clickhouse_server.execute(f"INSERT INTO {versions} (version_num) VALUES ('9999')")
    tables = f"SHOW TABLES FROM {clickhouse_database.name}"
    tables_before = clickhouse_server.execute(tables)
    with psycopg.connect(database.libpq_url, autocommit=True) as connection:
        connection.execute("ALTER TABLE users ADD COLUMN from_a_newer_version integer")
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        columns_before = connection.execute(COLUMNS).fetchall()

        older = migrate(database, clickhouse_database)

        assert older.returncode == 0, older.stderr
        assert connection.execute(COLUMNS).fetchall() == columns_before
        assert connection.execute(RECORDED).fetchall() == [("9999",)]
    assert clickhouse_server.execute(tables) == tables_before
    assert clickhouse_server.execute(f"SELECT version_num FROM {versions}") == "9999\n"
    said = [line for line in older.stderr.splitlines() if "schema_is_newer" in line]
    assert len(said) == 2
    assert all('"schema": "9999"' in line for line in said)


def test_a_revision_that_is_unknown_and_not_newer_is_an_error(
    database: DatabaseSettings, clickhouse_database: ClickHouseDatabase
) -> None:
    with psycopg.connect(database.libpq_url, autocommit=True) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0000'")
    outcome = migrate(database, clickhouse_database, "postgres")
    assert outcome.returncode == 1
    assert "Can't locate revision identified by '0000'" in outcome.stderr
