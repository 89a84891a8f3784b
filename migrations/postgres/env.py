"""Runs the PostgreSQL migrations: one at a time, each in its own transaction."""

from __future__ import annotations

import asyncio

import asyncpg
from alembic import context
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine

from common.postgres import connect
from common.settings import DatabaseSettings, load
from migrations.postgres.declared import METADATA

# Two deployments must not migrate at once: the second waits, then finds nothing to do.
LOCK = 7_131_337_001
READER_EXISTS = text("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = 'dialytics_reader')")


def _migrate(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=METADATA,
        compare_type=True,
        compare_server_default=True,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()


async def _online(url: str) -> None:
    async def open_connection() -> asyncpg.Connection[asyncpg.Record]:
        return await connect(url, application_name="migrations")

    engine = create_async_engine("postgresql+asyncpg://", async_creator=open_connection)
    try:
        async with engine.connect() as holder, engine.connect() as connection:
            await holder.execute(text(f"SELECT pg_advisory_lock({LOCK})"))
            if (await holder.execute(READER_EXISTS)).scalar():
                # 0002 would need CREATEROLE even where an administrator has made the role.
                context.script.get_revision("0002").module.CREATE_READER = "SELECT"
            await connection.run_sync(_migrate)
            await connection.commit()
    finally:
        await engine.dispose()


if context.is_offline_mode():
    context.configure(dialect_name="postgresql", target_metadata=METADATA, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()
else:
    given = context.config.attributes.get("url")
    asyncio.run(_online(given or load(DatabaseSettings).asyncpg_url))
