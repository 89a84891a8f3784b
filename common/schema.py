"""Compares a PostgreSQL database with the tables that this process declares."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection

from common.postgres import Base

# One row per declared column that is missing in the database or has another type.
DIFFERENT = text("""
SELECT expected.table_name || '.' || expected.name
FROM unnest(CAST(:tables AS text[]), CAST(:names AS text[]), CAST(:types AS text[]))
    AS expected (table_name, name, type)
LEFT JOIN pg_attribute AS found
    ON found.attrelid = to_regclass(expected.table_name) AND found.attname = expected.name
    AND NOT found.attisdropped
WHERE found.atttypid IS DISTINCT FROM to_regtype(expected.type)
ORDER BY 1
""")


async def different_columns(connection: AsyncConnection) -> list[str]:
    """Declared columns, as `table.column`, that are missing or have another type.

    Additional columns of newer versions are ignored.
    """
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call] # of SQLAlchemy
    columns = [
        (table.name, column.name, column.type.compile(dialect=dialect))
        for table in Base.metadata.sorted_tables
        for column in table.columns
    ]
    tables, names, types = (list(part) for part in zip(*columns, strict=True))
    rows = await connection.scalars(DIFFERENT, {"tables": tables, "names": names, "types": types})
    return list(rows)
