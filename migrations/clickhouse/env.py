"""Runs the ClickHouse migrations: one deployment at a time, every statement repeatable.

ClickHouse has no transaction around DDL: a migration that was cut short is simply run again,
because each statement is written to be harmless the second time.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit

import psycopg
from alembic import context
from alembic.operations import Operations
from clickhouse_connect.cc_sqlalchemy.alembic import ClickHouseImpl
from sqlalchemy import create_engine, text

from common.settings import DatabaseSettings, load
from warehouse.settings import ClusterSettings, WarehouseSettings

__all__ = ["ClickHouseImpl"]  # importing it teaches Alembic the dialect

LOCK = 7_131_337_002


@contextmanager
def _alone() -> Iterator[None]:
    """Hold the lock of the ClickHouse migrations. It lives in PostgreSQL: ClickHouse has none."""
    with psycopg.connect(load(DatabaseSettings).libpq_url, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", (LOCK,))
        yield


def _ensure_database(url: str, cluster: str) -> None:
    """Create the database of the address where it is missing (a fresh server, a new node)."""
    parts = urlsplit(url)
    name = parts.path.strip("/") or "default"
    engine = create_engine(urlunsplit(parts._replace(scheme="clickhousedb", path="/default")))
    try:
        with engine.connect() as connection:
            exists = connection.execute(
                text("SELECT count() FROM system.databases WHERE name = :name"), {"name": name}
            ).scalar_one()
            # Asked first: where it exists, the user may have no right to create one.
            if not exists or cluster:
                on_cluster = f" ON CLUSTER `{cluster}`" if cluster else ""
                connection.execute(text(f"CREATE DATABASE IF NOT EXISTS `{name}`{on_cluster}"))
    finally:
        engine.dispose()


def _repair_first_tables() -> None:
    """Repair what an earlier edition of 0001 made: the migrations before 0004 need its tables."""
    migration = context.get_context()
    if set(migration.get_current_heads()) <= {"0001"}:
        with Operations.context(migration):
            context.script.get_revision("0004").module.repair("0001")


def _migrate(url: str) -> None:
    given_cluster = context.config.attributes.get("cluster")
    _ensure_database(
        url, load(ClusterSettings).clickhouse_cluster if given_cluster is None else given_cluster
    )
    engine = create_engine(urlunsplit(urlsplit(url)._replace(scheme="clickhousedb")))
    try:
        with engine.connect() as connection:
            context.configure(
                connection=connection, cluster=context.config.attributes.get("cluster")
            )
            _repair_first_tables()
            with context.begin_transaction():
                context.run_migrations()
    finally:
        engine.dispose()


given = context.config.attributes.get("url")
if context.is_offline_mode():
    context.configure(dialect_name="clickhousedb", cluster=context.config.attributes.get("cluster"))
    with context.begin_transaction():
        context.run_migrations()
elif given:
    # A caller that names the database owns it alone.
    _migrate(str(given))
else:
    with _alone():
        _migrate(load(WarehouseSettings).writer_url)
