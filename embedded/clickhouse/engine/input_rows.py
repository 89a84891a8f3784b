"""Rows that travel beside a statement: of `input(...)`, and of external tables.

The engine feeds rows to plain inserts only. So they are written to temporary tables of the
connection, which the statement then reads.
"""

from __future__ import annotations

from dataclasses import dataclass

from embedded.clickhouse.engine.connection import Connection, identifier, literal
from embedded.clickhouse.engine.statements import InputSource, Statement

_ROWS = b"_rows_of_input"


def _create(table: bytes, rows: bytes) -> bytes:
    return b"CREATE TEMPORARY TABLE " + table + b" ENGINE = Memory AS " + rows


class RowsOfInput:
    """The statements of an `INSERT ... SELECT ... FROM input('...')`, in their order."""

    def __init__(self, statement: Statement, source: InputSource) -> None:
        # Columns are named by a text, so that they can be nothing else.
        if source.structure:
            rows = b"SELECT * FROM null(" + source.structure + b")"
        else:
            table, _, columns = source.target.partition(b"(")
            names = columns.rpartition(b")")[0] or b"*"
            rows = b"SELECT " + names + b" FROM " + table + b" LIMIT 0"
        self.create = _create(_ROWS, rows)
        self.insert = b"INSERT INTO " + _ROWS
        self.drop = b"DROP TEMPORARY TABLE IF EXISTS " + _ROWS
        self.select = statement.text[: source.start] + _ROWS + statement.text[source.end :]


@dataclass(frozen=True)
class ExternalTable:
    """A table that a client sends along in a form.

    Args:
        structure: `name Type, ...`.
    """

    name: str
    structure: str
    input_format: str
    rows: bytes

    def make(self, connection: Connection) -> None:
        """Make it on this connection."""
        name = identifier(self.name).encode()
        structure = literal(self.structure).encode("utf-8", "surrogateescape")
        connection.run(_create(name, b"SELECT * FROM null(" + structure + b")"))
        connection.begin_insert(b"INSERT INTO " + name, self.input_format)
        connection.append(self.rows)
        connection.finish_insert()

    def drop(self, connection: Connection) -> None:
        connection.run(f"DROP TEMPORARY TABLE IF EXISTS {identifier(self.name)}".encode())
