"""Whether both stores have the tables that this code reads, asked of the stores themselves."""

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

KEPT_SECONDS = 60.0
"""How long a schema that was right is not looked at again."""
OK = "ok"
UNKNOWN_TABLE = 60
# Of several rows the highest counts: ClickHouse updates none in place.
REVISION = "SELECT max(version_num) AS revision FROM alembic_version"


class SchemaState:
    """Remembers for a minute that a schema was right; asks again until it is."""

    def __init__(
        self, look: Callable[[], Awaitable[str]], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._look = look
        self._clock = clock
        self._right_until = 0.0

    async def get(self) -> str:
        """`ok`, or what is wrong and what to do about it."""
        if self._clock() < self._right_until:
            return OK
        state = await self._look()
        if state == OK:
            self._right_until = self._clock() + KEPT_SECONDS
        return state


async def postgres_state(engine: AsyncEngine) -> str:
    """Of PostgreSQL."""
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
    """Of ClickHouse."""
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
    what_to_do = f"run python -m migrations {store}"
    if revision is None:
        return f"there is no schema: {what_to_do}"
    more = f" and {len(different) - 1} more columns" if len(different) > 1 else ""
    return (
        f"schema {revision}: {different[0]}{more} missing or of another type: {what_to_do};"
        " if that changes nothing, docs/guides/troubleshooting.md#code-and-schema-do-not-match"
    )
