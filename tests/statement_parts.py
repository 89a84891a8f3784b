"""Statements that leave out lines of their file."""

from __future__ import annotations


def is_part_of(sql: str, text: str) -> bool:
    """Whether `sql` is `text`, with lines left out and none added or moved."""
    lines = iter(text.splitlines())
    return all(line in lines for line in sql.splitlines())
