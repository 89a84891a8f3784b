"""`INSERT ... SELECT ... FROM input('...')` over an engine that feeds rows to plain inserts only.

The rows are written to a temporary table of the connection, which the SELECT then reads.
"""

from __future__ import annotations

from dataclasses import replace

from embedded.clickhouse.engine.statements import InputSource, Statement

TABLE = b"_rows_of_input"
INSERT = b"INSERT INTO " + TABLE


def create_table(source: InputSource) -> bytes:
    """The table for the rows. Its columns are named by a text, so that they can be nothing else."""
    if source.structure:
        rows = b"SELECT * FROM null(" + source.structure + b")"
    else:
        table, _, columns = source.target.partition(b"(")
        rows = b"SELECT " + (columns.rpartition(b")")[0] or b"*") + b" FROM " + table + b" LIMIT 0"
    return b"CREATE TEMPORARY TABLE " + TABLE + b" ENGINE = Memory AS " + rows


def read_rows(statement: Statement, source: InputSource) -> Statement:
    """The statement, reading the table instead of `input(...)`."""
    text = statement.text
    return replace(
        statement, text=text[: source.start] + TABLE + text[source.end :], input_format=None
    )
