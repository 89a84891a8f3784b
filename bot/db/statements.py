"""Single statements on the shortest way to PostgreSQL: one round trip each, atomic by itself.

Knows connections and batches; what a statement does, its file says. What needs several
statements in one transaction goes through `common.postgres.transaction`.
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
MOST_AT_ONCE = 100
MOST_CONNECTIONS = 8

Row = Any
"""An asyncpg.Record: columns by name."""


@cache
def numbered(name: str) -> tuple[str, tuple[str, ...]]:
    """The statement with `$1` for its first parameter, and the names in that order."""
    order: dict[str, int] = {}

    def number(found: re.Match[str]) -> str:
        return f"${order.setdefault(found[1], len(order) + 1)}"

    return PARAMETER.sub(number, statement(name).text), tuple(order)


async def _keep(_connection: object) -> None:
    """A single statement leaves nothing behind that a connection would have to be cleaned of."""


class Statements:
    """A small pool of connections for statements that are their own transactions.

    Raises everywhere: common.postgres.DRIVER_ERRORS.
    """

    def __init__(self, settings: DatabaseSettings) -> None:
        self._settings = settings
        self._pool: Any = None
        self._opening = asyncio.Lock()
        self._batches: dict[str, _Batches] = {}
        self.most = min(MOST_CONNECTIONS, settings.db_pool_size)

    async def rows(self, name: str, parameters: Mapping[str, Any]) -> list[Row]:
        """The rows of `<name>.sql`."""
        query, order = numbered(name)
        async with self._connection() as connection:
            rows: list[Row] = await connection.fetch(query, *(parameters[each] for each in order))
        return rows

    async def write(self, name: str, parameters: Mapping[str, Any]) -> list[Row]:
        """The same for a statement about one turn (`turn_id` in parameters and rows).

        Calls that arrive while others of this name are being written go together, in one round
        trip and one transaction. When this returns, they are committed.
        """
        if name not in self._batches:
            self._batches[name] = _Batches(name, self)
        return await self._batches[name].write(parameters)

    async def together(self, name: str, calls: list[Mapping[str, Any]]) -> list[Row]:
        """The rows of several calls, which happen all or not at all."""
        query, order = numbered(name)
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
                # The pool would take it for a good one, and hand it out again and again.
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
                    max_size=self.most,
                    max_inactive_connection_lifetime=settings.db_pool_recycle_seconds,
                    command_timeout=settings.db_statement_timeout_seconds + 5,
                    init=partial(limit_statements, seconds=settings.db_statement_timeout_seconds),
                    reset=_keep,
                    server_settings={"application_name": "bot-statements", "timezone": "UTC"},
                )
        return self._pool


class _Batches:
    """Calls of one statement: those that wait go with the next batch."""

    def __init__(self, name: str, statements: Statements) -> None:
        self._name = name
        self._statements = statements
        self._waiting: list[tuple[Mapping[str, Any], asyncio.Future[list[Row]]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def write(self, parameters: Mapping[str, Any]) -> list[Row]:
        done: asyncio.Future[list[Row]] = asyncio.get_running_loop().create_future()
        self._waiting.append((parameters, done))
        if self._writing is None or self._writing.done():
            # A task of its own: whoever asked may be cancelled, the others may not suffer.
            self._writing = asyncio.create_task(self._write_all(), name=f"write {self._name}")
        return await done

    async def _write_all(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:MOST_AT_ONCE], self._waiting[MOST_AT_ONCE:]
            try:
                rows = await self._statements.together(self._name, [call for call, _ in batch])
            except Exception as error:  # noqa: BLE001 # handed to whoever asked, or tried apart
                await self._apart(batch, error)
                continue
            by_turn: dict[Any, list[Row]] = {}
            for row in rows:
                by_turn.setdefault(row["turn_id"], []).append(row)
            for call, done in batch:
                if not done.done():
                    done.set_result(by_turn.get(call["turn_id"], []))

    async def _apart(
        self,
        batch: list[tuple[Mapping[str, Any], asyncio.Future[list[Row]]]],
        error: Exception,
    ) -> None:
        """One bad call must not fail the others; a database that is away fails all."""
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
