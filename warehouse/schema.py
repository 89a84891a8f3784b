"""Compares the warehouse's tables with those that this code reads and writes."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from warehouse.clickhouse.reader import Reader

PATH = Path(__file__).parent / "schema.json"
"""The schema that the migrations make: table -> column -> type. A test holds it current."""
COLUMNS = "SELECT table, name, type FROM system.columns WHERE database = currentDatabase()"


@cache
def expected_columns() -> dict[tuple[str, str], str]:
    """Type by table and column."""
    tables = json.loads(PATH.read_text(encoding="utf-8"))
    return {
        (table, name): comparable(kind)
        for table, columns in tables.items()
        for name, kind in columns.items()
    }


async def different_columns(reader: Reader) -> list[str]:
    """Columns, as `table.column`, that the warehouse has not or of another type.

    Columns that a newer version added are no difference.
    """
    rows = await reader.rows("schema", COLUMNS, {})
    found = {(row["table"], row["name"]): comparable(row["type"]) for row in rows}
    return sorted(
        f"{table}.{name}"
        for (table, name), kind in expected_columns().items()
        if found.get((table, name)) != kind
    )


def comparable(kind: str) -> str:
    """A type without what releases of the engine write differently."""
    return kind.partition("(")[0] if kind.startswith("AggregateFunction(") else kind
