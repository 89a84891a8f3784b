"""The embedded PostgreSQL has a role per service, also when its tables had another owner."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest
from alembic import command

from common.settings import DatabaseSettings
from embedded.postgres import EmbeddedPostgres
from embedded.roles import apply_grants, ensure_roles
from tests.conftest import alembic_config

BOT_WITHOUT_LOGIN = """
DO $$ BEGIN
    CREATE ROLE dialytics_bot;
EXCEPTION WHEN duplicate_object THEN
    ALTER ROLE dialytics_bot NOLOGIN;
END $$
"""


async def of_an_older_version(server: EmbeddedPostgres, *databases: str) -> None:
    """Everything belongs to the superuser."""
    connection = await asyncpg.connect(server.url("postgres"))
    for name in databases:
        await connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    await server.ensure_databases(*databases)
    # As a restore leaves it.
    await connection.execute(BOT_WITHOUT_LOGIN)
    await connection.close()
    settings = DatabaseSettings.model_validate({"database_url": server.url(databases[0])})
    config = alembic_config("postgres", settings.asyncpg_url)
    await asyncio.to_thread(command.upgrade, config, "head")


async def test_a_database_of_the_superuser_is_handed_over_with_all_that_is_in_it(
    postgres_server: EmbeddedPostgres,
) -> None:
    server, names = postgres_server, {"database": "handed_over", "dagster": "handed_over_runs"}
    await of_an_older_version(server, *names.values())
    for _ in range(2):  # harmless to repeat
        await ensure_roles(server, **names)
        await apply_grants(server, database="handed_over")
    owner = await asyncpg.connect(server.url("handed_over", role="dialytics_owner"))
    owners = await owner.fetch(
        "SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class"
        " WHERE relnamespace = 'public'::regnamespace"
        " UNION SELECT DISTINCT pg_get_userbyid(proowner) FROM pg_proc"
        " WHERE pronamespace = 'public'::regnamespace"
    )
    assert [row[0] for row in owners] == ["dialytics_owner"]
    # The next migration is run by it.
    await owner.execute("ALTER TABLE users ADD COLUMN new integer")
    await owner.close()
    bot = await asyncpg.connect(server.url("handed_over", role="dialytics_bot"))
    await bot.execute(
        "INSERT INTO users (telegram_hmac, wrapped_key, sealed_profile) VALUES ('a', 'b', 'c')"
    )
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await bot.execute("DELETE FROM sealing_marker")
    await bot.close()
    pipelines = await asyncpg.connect(server.url("handed_over", role="dialytics_pipelines"))
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await pipelines.fetch("SELECT content FROM messages")
    await pipelines.close()
    dagster = await asyncpg.connect(server.url("handed_over_runs", role="dagster"))
    await dagster.execute("CREATE TABLE runs (id integer)")
    await dagster.close()
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await asyncpg.connect(server.url("handed_over", role="dagster"))
