"""Statements that leave out lines of their file."""

from __future__ import annotations

LEDGER = "rollups/activity"
"""The statement whose rows replace a tier for filters that no tier holds."""


def is_made_of(sql: str, text: str, files: dict[str, str]) -> bool:
    """Whether `sql` is `text`, or `text` over rows of `LEDGER`, each with lines left out."""
    before, opening, rest = sql.partition("FROM (\nWITH\n")
    rows, closing, after = rest.partition("\n) AS built\n)")
    if not opening or not closing:
        return is_part_of(sql, text)
    *head, name, select = before.splitlines()
    begin = [] if after.startswith(",") else ["WITH"]
    is_named = name in ("activity AS (", "daily AS (") and select.startswith("SELECT built.* REPL")
    outer = [*(head[:-1] if begin else head), *after.removeprefix(",").splitlines()]
    inner = ["WITH", *rows.replace("{ledger_", "{").splitlines()]
    return is_named and is_part_of(_lines(outer), text) and is_part_of(_lines(inner), files[LEDGER])


def _lines(lines: list[str]) -> str:
    """One text, without the empty lines that a part left out leaves behind."""
    return "\n".join(line for line in lines if line)


def is_part_of(sql: str, text: str) -> bool:
    """Whether `sql` is `text`, with lines left out and none added or moved."""
    lines = iter(text.splitlines())
    return all(line in lines for line in sql.splitlines())
