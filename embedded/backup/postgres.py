"""Dumps and restores a PostgreSQL database, and counts what it holds."""

from __future__ import annotations

import asyncio
import os
import subprocess
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import asyncpg

from common.errors import StartupError, UnavailableError
from common.log import redact
from common.postgres import DRIVER_ERRORS, connect, first_line, is_transient
from common.postgres_url import PostgresUrl
from embedded.backup.archive import Contents
from embedded.postgres import BINARIES
from pipelines.source.postgres import LOCK as PIPELINES_LOCK

NAME = "backup"
LOCK_SECONDS = 120.0
AFTER_RESTORE = Path(__file__).resolve().parents[2] / "deploy" / "postgres" / "after-restore.sql"
# A backup takes as long as it takes. The text of a row must not depend on the server's settings.
SESSION = """
SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0;
SET datestyle = 'ISO'; SET intervalstyle = 'postgres'; SET bytea_output = 'hex';
SET extra_float_digits = 1
"""
POSTGRES_TABLES = """
SELECT relname FROM pg_class
WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 1
"""
POSTGRES_CONTENTS = """
SELECT count(*) || ' ' || coalesce(sum(hashtextextended(whole_row::text, 0)), 0)
FROM "{}" AS whole_row
"""
# A dump grants rights to roles, which must exist before it is restored.
ROLES = """
SELECT DISTINCT pg_get_userbyid(given.grantee) AS name
FROM (
    SELECT relowner AS owner, relacl AS acl FROM pg_class
    WHERE relnamespace = 'public'::regnamespace
    UNION ALL SELECT proowner, proacl FROM pg_proc WHERE pronamespace = 'public'::regnamespace
    UNION ALL SELECT nspowner, nspacl FROM pg_namespace WHERE nspname = 'public'
    UNION ALL
    SELECT relowner, attacl FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
    WHERE relnamespace = 'public'::regnamespace
) AS rights, aclexplode(rights.acl) AS given
WHERE given.grantee NOT IN (0, rights.owner)
    AND pg_get_userbyid(given.grantee) NOT LIKE 'pg\\_%' ORDER BY 1
"""
# Objects of extensions are not the product's.
DROP_ALL = """
WITH extensions AS (SELECT objid FROM pg_depend WHERE deptype = 'e')
SELECT format('DROP TABLE IF EXISTS %s CASCADE', oid::regclass) FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
    AND oid NOT IN (SELECT objid FROM extensions)
UNION ALL
SELECT format('DROP ROUTINE IF EXISTS %s CASCADE', oid::regprocedure) FROM pg_proc
WHERE pronamespace = 'public'::regnamespace AND oid NOT IN (SELECT objid FROM extensions)
UNION ALL
SELECT format('DROP TYPE IF EXISTS %s CASCADE', oid::regtype) FROM pg_type
WHERE typnamespace = 'public'::regnamespace AND typtype = 'e'
    AND oid NOT IN (SELECT objid FROM extensions)
"""
READER = "dialytics_reader"
# From PostgreSQL 16 on, the creator of a role may grant it but is not yet a member of it.
IS_NO_READER = """
SELECT NOT EXISTS (
    SELECT FROM pg_auth_members AS given
    JOIN pg_roles AS holder ON holder.oid = given.member
    WHERE holder.rolname = current_user AND given.roleid = $1::text::regrole
        AND coalesce((to_jsonb(given) ->> 'set_option')::boolean, true)
) AND NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)
"""
NEWEST_KEYS = "SELECT wrapped_key, telegram_hmac FROM users ORDER BY key DESC LIMIT 10"


@asynccontextmanager
async def pipelines_locked_out(database_url: str) -> AsyncIterator[None]:
    """No batch, rebuild or collection runs inside.

    Raises:
        StartupError: one was running for too long.
    """
    with _in_one_line("DATABASE_URL"):
        connection = await connect(database_url, application_name=NAME)
    try:
        await connection.execute(f"SET lock_timeout = '{LOCK_SECONDS:.0f}s'")
        try:
            await connection.execute("SELECT pg_advisory_lock($1)", PIPELINES_LOCK)
        except asyncpg.LockNotAvailableError as error:
            raise StartupError("the pipelines are busy; try again later") from error
        yield
    finally:
        await connection.close()


class Postgres:
    """One database, on whatever server, by the tools of the embedded server's version.

    Args:
        url: of a role that owns everything in it.
        setting: what the URL comes from.
    """

    def __init__(self, url: str, *, setting: str = "DATABASE_URL") -> None:
        self._url = url
        self.setting = setting

    @property
    def address(self) -> str:
        """The URL without its password."""
        url = PostgresUrl.parse(self._url)
        kept = {name: value for name, value in url.parameters.items() if name != "password"}
        return replace(url, password=None, parameters=kept).libpq

    def version(self) -> str:
        return str(self._ask(lambda connection: connection.fetchval("SHOW server_version")))

    def dump(self, write: Callable[[IO[bytes]], None]) -> Contents:
        """Pass the dump to `write`. Returns what the database held at that moment."""
        contents: Contents = self._ask(lambda connection: self._dump(connection, write))
        return contents

    async def _dump(
        self, connection: asyncpg.Connection, write: Callable[[IO[bytes]], None]
    ) -> Contents:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            snapshot = await connection.fetchval("SELECT pg_export_snapshot()")
            contents = await _postgres_contents(connection)
            await asyncio.to_thread(
                self._run, "pg_dump", "--format=custom", f"--snapshot={snapshot}", write=write
            )
        return contents

    def roles(self) -> list[str]:
        """Roles with rights on objects of the database."""
        return [row["name"] for row in self._ask(lambda connection: connection.fetch(ROLES))]

    def make_roles(self, names: Sequence[str]) -> None:
        """Create the roles that the server lacks. The URL's role may then act as the reader."""

        async def make(connection: asyncpg.Connection) -> None:
            rows = await connection.fetch("SELECT rolname FROM pg_roles")
            for name in set(names) - {row["rolname"] for row in rows}:
                quoted = name.replace('"', '""')
                await connection.execute(f'CREATE ROLE "{quoted}" NOLOGIN')
            if READER in names and await connection.fetchval(IS_NO_READER, READER):
                await connection.execute(f"GRANT {READER} TO CURRENT_USER")

        self._ask(make)

    def restore(self, read: Callable[[IO[bytes]], None]) -> Contents:
        """Replace everything by the dump that `read` passes on. Returns what it holds then."""
        self.empty()
        self._run("pg_restore", "--single-transaction", "--no-owner", read=read)
        contents: Contents = self._ask(_postgres_contents)
        return contents

    def is_empty(self) -> bool:
        return not self._ask(lambda connection: connection.fetch(POSTGRES_TABLES))

    def empty(self) -> None:
        """Drop everything that the product has made in the database."""

        async def drop(connection: asyncpg.Connection) -> None:
            async with connection.transaction():
                for (statement,) in await connection.fetch(DROP_ALL):
                    await connection.execute(statement)

        self._ask(drop)

    def make_versions_current(self) -> None:
        """Lift versions that lie in this cluster's future (deploy/postgres/after-restore.sql)."""
        sql = AFTER_RESTORE.read_text(encoding="utf-8")
        self._ask(lambda connection: connection.execute(sql))

    def newest_keys(self) -> list[tuple[bytes, bytes]]:
        """Wrapped key and `telegram_hmac` of the newest people."""
        rows = self._ask(lambda connection: connection.fetch(NEWEST_KEYS))
        return [(row["wrapped_key"], row["telegram_hmac"]) for row in rows]

    def _ask(self, question: Callable[[asyncpg.Connection], Awaitable[Any]]) -> Any:
        async def ask() -> Any:
            connection = await connect(self._url, application_name=NAME)
            try:
                await connection.execute(SESSION)
                return await question(connection)
            finally:
                await connection.close()

        with _in_one_line(self.setting):
            return asyncio.run(ask())

    def _run(
        self,
        program: str,
        *arguments: str,
        write: Callable[[IO[bytes]], None] | None = None,
        read: Callable[[IO[bytes]], None] | None = None,
    ) -> None:
        url = PostgresUrl.parse(self._url)
        # The password is on no command line.
        password = url.parameters.get("password", url.password)
        with (
            tempfile.TemporaryFile() as said,
            subprocess.Popen(
                [str(BINARIES / program), f"--dbname={self.address}", *arguments],
                env={**os.environ, **({} if password is None else {"PGPASSWORD": password})},
                stdin=subprocess.PIPE if read else subprocess.DEVNULL,
                stdout=subprocess.PIPE if write else subprocess.DEVNULL,
                stderr=said,
            ) as process,
        ):
            if write and process.stdout:
                write(process.stdout)
            if read and process.stdin:
                # It may have ended early: its own message says why.
                with suppress(BrokenPipeError):
                    read(process.stdin)
                with suppress(BrokenPipeError):
                    process.stdin.close()
            if process.wait() != 0:
                said.seek(0)
                lines = said.read().decode(errors="replace").strip().splitlines() or ["no message"]
                cause = lines[0].removeprefix(f"{program}: error: ")
                raise StartupError(f"{program} failed: {redact(cause)}")


async def _postgres_contents(connection: asyncpg.Connection) -> Contents:
    tables = [row["relname"] for row in await connection.fetch(POSTGRES_TABLES)]
    return {table: await connection.fetchval(POSTGRES_CONTENTS.format(table)) for table in tables}


@contextmanager
def _in_one_line(setting: str) -> Iterator[None]:
    try:
        yield
    except DRIVER_ERRORS as error:
        kind = UnavailableError if is_transient(error) else StartupError
        raise kind(f"{setting}: {first_line(error)}") from error
