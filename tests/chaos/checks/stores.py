"""Compares PostgreSQL with ClickHouse in every column, and counts rows that differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import asyncpg
import httpx
import orjson

from common.errors import StartupError
from tests.chaos.checks.conversations import Differences

SHOWN = 3
_PLAIN, _MOMENT, _MONEY, _VERSION = "plain", "moment", "money", "version"
_PERSON, _IS_PERSON = "person", "is_person"
# Kind of column -> expressions of PostgreSQL and ClickHouse that give the same text.
_SPELLINGS = {
    _PLAIN: ("{0}::text", "toString({0})"),
    _MOMENT: (
        "(extract(epoch FROM {0}) * 1000000)::bigint::text",
        "toString(toUnixTimestamp64Micro({0}))",
    ),
    _MONEY: (
        "({0} * 10000000000)::bigint::text",
        "toString(toInt64(toDecimal128({0}, 10) * 10000000000))",
    ),
    _VERSION: ("{0}::text", "toString({0})"),
    _PERSON: ("(CASE WHEN is_counted THEN {0} ELSE 0 END)::text", "toString({0})"),
    _IS_PERSON: ("({0} AND is_counted)::text", "toString({0})"),
}
TURNS: Mapping[str, str] = {
    "id": _PLAIN,
    "version": _VERSION,
    "bot_id": _PLAIN,
    "user_key": _PERSON,
    "dialog_id": _PLAIN,
    "chat_type": _PLAIN,
    "language": _PLAIN,
    "source": _PLAIN,
    "user_messages": _PLAIN,
    "received_at": _MOMENT,
    "sent_at": _MOMENT,
    "first_token_at": _MOMENT,
    "answered_at": _MOMENT,
    "status": _PLAIN,
    "reason": _PLAIN,
    "model_asked": _PLAIN,
    "model_used": _PLAIN,
    "fallback_cause": _PLAIN,
    "prompt_tokens": _PLAIN,
    "completion_tokens": _PLAIN,
    "cached_tokens": _PLAIN,
    "reasoning_tokens": _PLAIN,
    "cost_usd": _MONEY,
    "finish_reason": _PLAIN,
    "user_chars": _PLAIN,
    "answer_chars": _PLAIN,
    "answer_parts": _PLAIN,
    "flood_wait_ms": _PLAIN,
    "pacing_wait_ms": _PLAIN,
    "unpriced_calls": _PLAIN,
    "generation_ms": _PLAIN,
    "generated_tokens": _PLAIN,
    "fallback_wait_ms": _PLAIN,
    "fallback_cost_usd": _MONEY,
    "is_person": _IS_PERSON,
}
PEOPLE: Mapping[str, str] = {
    "key": _PLAIN,
    "version": _VERSION,
    "language": _PLAIN,
    "source": _PLAIN,
    "blocked_at": _MOMENT,
    "created_at": _MOMENT,
    "updated_at": _MOMENT,
}
FEEDBACK: Mapping[str, str] = {
    "id": _PLAIN,
    "version": _VERSION,
    "bot_id": _PLAIN,
    "turn_id": _PLAIN,
    "dialog_id": _PLAIN,
    "received_at": _MOMENT,
    "user_key": _PERSON,
    "verdict": _PLAIN,
    "given_by": _PLAIN,
    "given_at": _MOMENT,
}
USER_EVENTS: Mapping[str, str] = {
    "id": _PLAIN,
    "version": _VERSION,
    "bot_id": _PLAIN,
    "user_key": _PERSON,
    "occurred_at": _MOMENT,
    "chat_type": _PLAIN,
    "language": _PLAIN,
    "kind": _PLAIN,
    "name": _PLAIN,
}
TABLES: tuple[tuple[str, str, Mapping[str, str], Mapping[str, str], str], ...] = (
    ("turns", "turns", TURNS, {}, "status <> 'pending'"),
    ("users", "people", PEOPLE, {"key": "user_key"}, "true"),
    ("feedback", "feedback", FEEDBACK, {}, "true"),
    ("user_events", "user_events", USER_EVENTS, {}, "true"),
)
"""Source, copy, columns, columns with another name in the copy, condition of replicated rows."""

Row = tuple[str | None, ...]


class Warehouse:
    """Reads ClickHouse over its HTTP interface, without the product's own reader."""

    def __init__(self, url: str) -> None:
        self._url = url

    def rows(self, statement: str) -> list[dict[str, Any]]:
        """The rows of the answer; 64-bit integers are numbers, decimals are text."""
        answer = httpx.post(self._url, content=f"{statement} FORMAT JSONEachRow", timeout=120)
        if answer.status_code != httpx.codes.OK:
            raise StartupError(f"CLICKHOUSE_URL: {answer.text}")
        return [orjson.loads(line) for line in answer.content.splitlines()]


async def rows_differ(connection: asyncpg.Connection, warehouse: Warehouse) -> Differences:
    """Compare every replicated table."""
    found = Differences()
    for source, copy, columns, renamed, condition in TABLES:
        ours = await connection.fetch(_source_statement(source, columns, condition))
        theirs = warehouse.rows(_copy_statement(copy, columns, renamed))
        compare(
            copy,
            (tuple(row.values()) for row in ours),
            (tuple(row.values()) for row in theirs),
            found,
        )
    return found


def compare(name: str, ours: Iterable[Row], theirs: Iterable[Row], found: Differences) -> None:
    """Count rows that only one side has; a changed row counts once."""
    left, right = Counter(ours), Counter(theirs)
    missing, extra = left - right, right - left
    found.add(
        max(missing.total(), extra.total()),
        f"{name}: {missing.total()} rows missing, {extra.total()} too many;"
        f" {list(missing)[:SHOWN]} against {list(extra)[:SHOWN]}",
    )


def _source_statement(table: str, columns: Mapping[str, str], condition: str) -> str:
    selected = ", ".join(
        f"{_SPELLINGS[kind][0].format(name)} AS {name}" for name, kind in columns.items()
    )
    return f"SELECT {selected} FROM {table} WHERE {condition}"  # constants


def _copy_statement(table: str, columns: Mapping[str, str], renamed: Mapping[str, str]) -> str:
    selected = ", ".join(
        f"{_SPELLINGS[kind][1].format('t.' + renamed.get(name, name))} AS {name}"
        for name, kind in columns.items()
    )
    key = next(iter(columns))
    return (
        f"SELECT {selected} FROM (SELECT * FROM {table} FINAL"  # constants
        " WHERE epoch = (SELECT max(epoch) FROM watermarks)"
        # Earlier verdicts stay in the copy.
        f" ORDER BY version DESC LIMIT 1 BY {renamed.get(key, key)}) AS t WHERE t.is_deleted = 0"
    )
