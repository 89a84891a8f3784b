"""Runs single statements in one round trip each, straight through asyncpg.

Several statements in one transaction go through `common.postgres.transaction`.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import cache, partial
from typing import Any

import asyncpg

from bot.db.sql import statement
from common.postgres import limit_statements
from common.settings import DatabaseSettings

PARAMETER = re.compile(r"(?<!:):([a-z_]+)")
MAX_BATCH = 100
MAX_CONNECTIONS = 8

Row = Any
"""An asyncpg.Record: columns by name."""


@cache
def with_numbered_parameters(name: str) -> tuple[str, tuple[str, ...]]:
    """The statement with `$1` for its first parameter, and the names in that order."""
    order: dict[str, int] = {}

    def number(found: re.Match[str]) -> str:
        return f"${order.setdefault(found[1], len(order) + 1)}"

    return PARAMETER.sub(number, statement(name).text), tuple(order)


async def _no_reset(_connection: object) -> None:
    """Skip the pool's reset query: single statements leave no session state."""


class Statements:
    """A small connection pool for statements that are their own transactions.

    Every method may raise one of common.postgres.DRIVER_ERRORS.
    """

    def __init__(self, settings: DatabaseSettings) -> None:
        self._settings = settings
        self._pool: Any = None
        self._opening = asyncio.Lock()
        self._batches: dict[str, _Batches] = {}
        self.max_connections = min(MAX_CONNECTIONS, settings.db_pool_size)

    async def rows(self, name: str, parameters: Mapping[str, Any]) -> list[Row]:
        """The rows of `<name>.sql`."""
        query, order = with_numbered_parameters(name)
        async with self._connection() as connection:
            rows: list[Row] = await connection.fetch(query, *(parameters[each] for each in order))
        return rows

    async def write(self, name: str, parameters: Mapping[str, Any]) -> list[Row]:
        """The same for a statement about one turn (`turn_id` in parameters and rows).

        Calls that arrive while a batch of this statement is being written are combined into the
        next batch: one round trip, one transaction. Committed on return.
        """
        if name not in self._batches:
            self._batches[name] = _Batches(name, self)
        return await self._batches[name].write(parameters)

    async def write_batch(self, name: str, calls: list[Mapping[str, Any]]) -> list[Row]:
        """Run several calls in one transaction and return their rows."""
        query, order = with_numbered_parameters(name)
        given = [tuple(call[each] for each in order) for call in calls]
        async with self._connection() as connection:
            rows: list[Row] = await connection.fetchmany(query, given)
        return rows

    @property
    def in_use(self) -> int:
        return self._pool.get_size() - self._pool.get_idle_size() if self._pool else 0

    @property
    def idle(self) -> int:
        return self._pool.get_idle_size() if self._pool else 0

    async def close(self) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.terminate()

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Any]:
        pool = await self._connected()
        async with pool.acquire() as connection:
            try:
                yield connection
            except asyncpg.InternalClientError:
                # The pool would keep the broken connection and hand it out again.
                connection.terminate()
                raise

    async def _connected(self) -> Any:
        if self._pool is not None:
            return self._pool
        async with self._opening:
            if self._pool is None:
                settings = self._settings
                self._pool = await asyncpg.create_pool(
                    settings.asyncpg_url,
                    min_size=0,
                    max_size=self.max_connections,
                    max_inactive_connection_lifetime=settings.db_pool_recycle_seconds,
                    command_timeout=settings.db_statement_timeout_seconds + 5,
                    init=partial(limit_statements, seconds=settings.db_statement_timeout_seconds),
                    reset=_no_reset,
                    server_settings={"application_name": "bot-statements", "timezone": "UTC"},
                )
        return self._pool


class _Batches:
    """Combines concurrent calls of one statement into batches."""

    def __init__(self, name: str, statements: Statements) -> None:
        self._name = name
        self._statements = statements
        self._waiting: list[tuple[Mapping[str, Any], asyncio.Future[list[Row]]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def write(self, parameters: Mapping[str, Any]) -> list[Row]:
        done: asyncio.Future[list[Row]] = asyncio.get_running_loop().create_future()
        self._waiting.append((parameters, done))
        if self._writing is None or self._writing.done():
            # Its own task: cancelling one caller must not affect the others.
            self._writing = asyncio.create_task(self._write_all(), name=f"write {self._name}")
        return await done

    async def _write_all(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:MAX_BATCH], self._waiting[MAX_BATCH:]
            try:
                rows = await self._statements.write_batch(self._name, [call for call, _ in batch])
            except Exception as error:  # noqa: BLE001 # passed to the callers, or retried one by one
                await self._write_separately(batch, error)
                continue
            by_turn: dict[Any, list[Row]] = {}
            for row in rows:
                by_turn.setdefault(row["turn_id"], []).append(row)
            for call, done in batch:
                if not done.done():
                    done.set_result(by_turn.get(call["turn_id"], []))

    async def _write_separately(
        self,
        batch: list[tuple[Mapping[str, Any], asyncio.Future[list[Row]]]],
        error: Exception,
    ) -> None:
        """Retry the calls one by one if one was bad; fail all if the database is unavailable."""
        is_about_one = isinstance(error, asyncpg.PostgresError) and len(batch) > 1
        for call, done in batch:
            if done.done():
                continue
            if not is_about_one:
                done.set_exception(error)
                continue
            try:
                done.set_result(await self._statements.rows(self._name, call))
            except Exception as own:  # noqa: BLE001 # the same
                done.set_exception(own)
