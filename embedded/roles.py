"""A role per service in the embedded PostgreSQL, with the rights of deploy/postgres/grants.sql."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import asyncpg

from embedded.postgres import EmbeddedPostgres

OWNER, BOT, API, PIPELINES = (
    "dialytics_owner",
    "dialytics_bot",
    "dialytics_api",
    "dialytics_pipelines",
)
DAGSTER = "dagster"
GRANTS = Path(__file__).parents[1] / "deploy" / "postgres" / "grants.sql"

# Stacks of older versions created everything as the superuser.
OF_ANOTHER = """
SELECT format('ALTER TABLE %s OWNER TO %I', oid::regclass, $1::text)
FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm')
    AND pg_get_userbyid(relowner) <> $1
UNION ALL
SELECT format('ALTER ROUTINE %s OWNER TO %I', oid::regprocedure, $1::text)
FROM pg_proc
WHERE pronamespace = 'public'::regnamespace AND pg_get_userbyid(proowner) <> $1
UNION ALL
SELECT format('ALTER TYPE %s OWNER TO %I', oid::regtype, $1::text)
FROM pg_type
WHERE typnamespace = 'public'::regnamespace AND typtype = 'e'
    AND pg_get_userbyid(typowner) <> $1
"""


async def ensure_roles(
    server: EmbeddedPostgres, *, database: str = "dialytics", dagster: str = "dagster"
) -> None:
    """Make the roles, and give each database with all that is in it to its owner."""
    connection = await asyncpg.connect(server.url(database))
    try:
        async with connection.transaction():
            # As deploy/postgres/roles.sh does on a server, but without passwords: only this user
            # can open the socket.
            await _make_roles(connection)
            await connection.execute(
                f"ALTER ROLE {OWNER} CREATEROLE;"
                f" GRANT dialytics_reader TO {OWNER} WITH ADMIN OPTION;"
                f' GRANT CONNECT ON DATABASE "{database}" TO {BOT}, {API}, {PIPELINES}'
            )
            await _hand_over(connection, database, OWNER)
    finally:
        await connection.close()
    connection = await asyncpg.connect(server.url(dagster))
    try:
        async with connection.transaction():
            await _hand_over(connection, dagster, DAGSTER)
    finally:
        await connection.close()


async def apply_grants(server: EmbeddedPostgres, *, database: str = "dialytics") -> None:
    """Give each service the rights that it needs on the tables that exist now."""
    connection = await asyncpg.connect(server.url(database))
    try:
        await connection.execute(GRANTS.read_text(encoding="utf-8"))
    finally:
        await connection.close()


async def _make_roles(connection: asyncpg.Connection) -> None:
    existing = {row["rolname"] for row in await connection.fetch("SELECT rolname FROM pg_roles")}
    for role in _missing((OWNER, BOT, API, PIPELINES, DAGSTER), existing):
        await connection.execute(f"CREATE ROLE {role}")
    for role in (OWNER, BOT, API, PIPELINES, DAGSTER):
        # A restore makes roles that may not log in.
        await connection.execute(f"ALTER ROLE {role} LOGIN NOSUPERUSER")
    for role in _missing(("dialytics_reader",), existing):
        await connection.execute(f"CREATE ROLE {role} NOLOGIN")


def _missing(roles: Iterable[str], existing: set[str]) -> list[str]:
    return [role for role in roles if role not in existing]


async def _hand_over(connection: asyncpg.Connection, database: str, owner: str) -> None:
    await connection.execute(
        f'ALTER DATABASE "{database}" OWNER TO {owner};'
        f' REVOKE CONNECT, TEMPORARY ON DATABASE "{database}" FROM PUBLIC;'
        f" ALTER SCHEMA public OWNER TO {owner}"
    )
    for (statement,) in await connection.fetch(OF_ANOTHER, owner):
        await connection.execute(statement)
