"""Checks that both databases have the tables and columns that this code reads."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence

from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import AsyncEngine

from common import schema as postgres_schema
from warehouse import schema as warehouse_schema
from warehouse.clickhouse.reader import Reader
from warehouse.errors import QueryFailedError

VALID_SECONDS = 60.0
"""How long a correct schema is not checked again."""
OK = "ok"
UNKNOWN_TABLE = 60
# The highest of several rows: ClickHouse does not update in place.
REVISION = "SELECT max(version_num) AS revision FROM alembic_version"


class SchemaState:
    """Checks a schema until it is correct, then once a minute."""

    def __init__(
        self, check: Callable[[], Awaitable[str]], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._check = check
        self._clock = clock
        self._valid_until = 0.0

    async def get(self) -> str:
        """`ok`, or the problem and its remedy."""
        if self._clock() < self._valid_until:
            return OK
        state = await self._check()
        if state == OK:
            self._valid_until = self._clock() + VALID_SECONDS
        return state


async def postgres_state(engine: AsyncEngine) -> str:
    """State of PostgreSQL's schema."""
    async with engine.connect() as connection:
        different = await postgres_schema.different_columns(connection)
        if not different:
            return OK
        try:
            revision = await connection.scalar(text(REVISION))
        except ProgrammingError:
            revision = None
    return _advice(different, revision, store="postgres")


async def warehouse_state(reader: Reader) -> str:
    """State of ClickHouse's schema."""
    different = await warehouse_schema.different_columns(reader)
    if not different:
        return OK
    try:
        rows = await reader.rows("revision", REVISION, {})
        revision = rows[0]["revision"] or None
    except QueryFailedError as error:
        if error.code != UNKNOWN_TABLE:
            raise
        revision = None
    return _advice(different, revision, store="clickhouse")


def _advice(different: Sequence[str], revision: str | None, *, store: str) -> str:
    remedy = f"run python -m migrations {store}"
    if revision is None:
        return f"there is no schema: {remedy}"
    more = f" and {len(different) - 1} more columns" if len(different) > 1 else ""
    return (
        f"schema {revision}: {different[0]}{more} missing or of another type: {remedy};"
        " if that changes nothing, docs/guides/troubleshooting.md#code-and-schema-do-not-match"
    )
