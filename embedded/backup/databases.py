"""Dumps and restores the two databases of a running stack. Knows no files but those it is given."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import httpx

from common.errors import StartupError
from common.log import redact
from common.postgres import connect
from embedded.postgres import BINARIES, EmbeddedPostgres
from pipelines.source import LOCK as PIPELINES_LOCK

DISK = "backups"
LOCK_SECONDS = 120.0
AFTER_RESTORE = Path(__file__).resolve().parents[2] / "deploy" / "postgres" / "after-restore.sql"


@asynccontextmanager
async def pipelines_held(database_url: str) -> AsyncIterator[None]:
    """No batch, rebuild or collection runs inside.

    Raises:
        StartupError: one was running for too long.
    """
    connection = await connect(database_url, application_name="backup")
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
    """pg_dump and pg_restore of the server's own version."""

    def __init__(self, server: EmbeddedPostgres) -> None:
        self._server = server

    def version(self) -> str:
        return _run("postgres", "--version").split()[-1]

    def dump(self, database: str, path: Path) -> None:
        _run("pg_dump", "--format=custom", f"--file={path}", self._server.url(database))

    def restore(self, database: str, path: Path) -> None:
        """Replace a database by its dump."""
        asyncio.run(self._recreate(database))
        _run(
            "pg_restore",
            "--exit-on-error",
            "--no-owner",
            f"--dbname={self._server.url(database)}",
            str(path),
        )

    def make_versions_current(self, database: str) -> None:
        """Lift versions that lie in this cluster's future (deploy/postgres/after-restore.sql)."""
        asyncio.run(self._execute(database, AFTER_RESTORE.read_text(encoding="utf-8")))

    async def newest_keys(self, database: str) -> list[tuple[bytes, bytes]]:
        """Wrapped key and `telegram_hmac` of the newest people."""
        connection = await asyncpg.connect(self._server.url(database))
        try:
            rows = await connection.fetch(
                "SELECT wrapped_key, telegram_hmac FROM users ORDER BY key DESC LIMIT 10"
            )
        finally:
            await connection.close()
        return [(row["wrapped_key"], row["telegram_hmac"]) for row in rows]

    async def _recreate(self, database: str) -> None:
        connection = await asyncpg.connect(self._server.url("postgres"))
        try:
            await connection.execute(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')
            await connection.execute(f'CREATE DATABASE "{database}"')
        finally:
            await connection.close()

    async def _execute(self, database: str, sql: str) -> None:
        connection = await asyncpg.connect(self._server.url(database))
        try:
            await connection.execute(sql)
        finally:
            await connection.close()


class ClickHouse:
    """BACKUP and RESTORE through the engine's own disk of backups.

    Args:
        url: of the writer, with its database as path.
        directory: of the engine, where that disk is.
    """

    def __init__(self, url: str, *, directory: Path) -> None:
        self._url, _, self._database = url.rpartition("/")
        self._disk = directory / DISK

    def version(self) -> str:
        return self._ask("SELECT version()").strip()

    def dump(self, path: Path) -> None:
        self._disk.mkdir(parents=True, exist_ok=True)
        (self._disk / path.name).unlink(missing_ok=True)
        self._ask(f"BACKUP DATABASE `{self._database}` TO Disk('{DISK}', '{path.name}')")
        shutil.move(self._disk / path.name, path)

    def restore(self, path: Path) -> None:
        """Replace the database by its backup."""
        self._disk.mkdir(parents=True, exist_ok=True)
        copied = self._disk / path.name
        shutil.copyfile(path, copied)
        try:
            self._ask(f"DROP DATABASE IF EXISTS `{self._database}` SYNC")
            self._ask(f"RESTORE DATABASE `{self._database}` FROM Disk('{DISK}', '{path.name}')")
        finally:
            copied.unlink()

    def _ask(self, statement: str) -> str:
        try:
            answer = httpx.post(f"{self._url}/", content=statement, timeout=None)  # noqa: S113 # as long as it takes
        except httpx.HTTPError as error:
            raise StartupError(f"CLICKHOUSE_URL: {redact(str(error))}") from error
        if answer.status_code != httpx.codes.OK:
            raise StartupError(f"ClickHouse: {answer.text.strip().splitlines()[0]}")
        return answer.text


def _run(program: str, *arguments: str) -> str:
    outcome = subprocess.run(
        [str(BINARIES / program), *arguments], capture_output=True, text=True, check=False
    )
    if outcome.returncode != 0:
        lines = outcome.stderr.strip().splitlines() or ["no message"]
        raise StartupError(f"{program} failed: {redact(lines[-1])}")
    return outcome.stdout
