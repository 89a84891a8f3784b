"""Writes turns into PostgreSQL, and compares PostgreSQL with the warehouse row by row."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Self
from uuid import UUID, uuid4

import psycopg
from psycopg.rows import dict_row

from pipelines.source.columns import REPLICATED, ReplicatedTable
from warehouse.clickhouse.client import Writer

NOON = datetime(2025, 3, 10, 12, 0, tzinfo=UTC)


def turn(*, user: int = 1, at: datetime = NOON, **columns: Any) -> dict[str, Any]:
    """One answered turn of a person."""
    return {
        "id": uuid4(),
        "bot_id": 7,
        "user_key": user,
        "dialog_id": uuid4(),
        "chat_type": "private",
        "language": "ru",
        "user_messages": 1,
        "received_at": at,
        "sent_at": at,
        "first_token_at": at + timedelta(milliseconds=300),
        "answered_at": at + timedelta(milliseconds=900),
        "status": "answered",
        "model_asked": "small",
        "model_used": "small",
        "prompt_tokens": 10,
        "completion_tokens": 20,
        "cached_tokens": 0,
        "reasoning_tokens": 0,
        "cost_usd": Decimal("0.0001000001"),
        "finish_reason": "stop",
        "user_chars": 5,
        "answer_chars": 40,
        "answer_parts": 1,
        **columns,
    }


def random_turn(
    chance: random.Random, *, days: float = 40, users: int = 30, until: datetime = NOON
) -> dict[str, Any]:
    """A turn with anything that a ledger may hold."""
    at = until - timedelta(seconds=chance.uniform(0, days * 86_400))
    status = chance.choice(["answered", "answered", "answered", "failed", "cancelled", "rejected"])
    answered = status == "answered"
    person = chance.randint(1, users)
    return turn(
        user=person,
        at=at,
        bot_id=chance.choice([7, 7, 7, 8]),
        chat_type=chance.choice(["private", "group"]),
        language=chance.choice(["ru", "en", None]),
        source=chance.choice([None, None, "ads"]),
        # None: a question that was asked again.
        user_messages=chance.choice([1, 1, 2, 0]),
        status=status,
        reason=None if answered else chance.choice(["timeout", "interrupted"]),
        model_asked=None if status == "rejected" else chance.choice(["small", "retired"]),
        model_used=chance.choice(["small", "large"]) if answered else None,
        fallback_cause=chance.choice([None, None, "rate_limit"]) if answered else None,
        first_token_at=at + timedelta(milliseconds=chance.randint(1, 5_000)) if answered else None,
        answered_at=at + timedelta(milliseconds=chance.randint(5_000, 90_000)),
        prompt_tokens=chance.randint(1, 4_000) if answered else None,
        completion_tokens=chance.randint(1, 2_000) if answered else None,
        # A failed turn, too, may have a cost, and a priced one an attempt that is not.
        cost_usd=chance.choice([None, Decimal(0), Decimal(chance.randint(1, 10**9)) / 10**10])
        if answered or status == "failed"
        else None,
        unpriced_calls=0 if status == "rejected" else chance.choice([0, 0, 1, 2]),
        flood_wait_ms=chance.choice([0, 0, 1_500]),
        pacing_wait_ms=chance.choice([0, 0, 250]),
        generation_ms=chance.choice([0, 2_000]),
        generated_tokens=chance.choice([0, 200]),
        fallback_wait_ms=chance.choice([0, 1_200]),
        fallback_cost_usd=chance.choice([None, Decimal("0.0000000003")]),
        # Every seventh is the pseudonym of an anonymous admin or of a channel.
        is_person=person % 7 != 0,
        is_counted=chance.random() > 0.1,
    )


class Ledger:
    """The bot's tables, written directly."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._connection = psycopg.connect(url, autocommit=True, row_factory=dict_row)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._connection.close()

    def connect(self) -> psycopg.Connection[dict[str, Any]]:
        """Another session, for transactions that stay open."""
        return psycopg.connect(self.url, row_factory=dict_row)

    def add(
        self, *turns: dict[str, Any], connection: psycopg.Connection[Any] | None = None
    ) -> list[UUID]:
        with (connection or self._connection).cursor() as cursor:
            for row in turns:
                cursor.execute(
                    f"INSERT INTO turns ({', '.join(row)}) VALUES ({', '.join(['%s'] * len(row))})",
                    list(row.values()),
                )
        return [row["id"] for row in turns]

    def add_person(self, **columns: Any) -> int:
        row = {
            "telegram_hmac": uuid4().bytes,
            "wrapped_key": b"",
            "sealed_profile": b"",
            "language": "ru",
            **columns,
        }
        added = self._connection.execute(
            f"INSERT INTO users ({', '.join(row)}) VALUES ({', '.join(['%s'] * len(row))})"
            " RETURNING key",
            list(row.values()),
        ).fetchone()
        assert added is not None
        return int(added["key"])

    def rate(self, turn: dict[str, Any], *, user: int = 1, **columns: Any) -> UUID:
        """A person's verdict on a turn's answer."""
        row = {
            "id": uuid4(),
            "turn_id": turn["id"],
            "user_key": user,
            **{name: turn[name] for name in ("bot_id", "dialog_id", "received_at")},
            "verdict": 1,
            "given_by": "button",
            "given_at": NOON,
            **columns,
        }
        self._connection.execute(
            f"INSERT INTO feedback ({', '.join(row)}) VALUES ({', '.join(['%s'] * len(row))})",
            list(row.values()),
        )
        return row["id"]

    def happen(self, kind: str, name: str | None = None, *, user: int = 1, **columns: Any) -> UUID:
        """An event of a person."""
        row = {
            "id": uuid4(),
            "bot_id": 7,
            "user_key": user,
            "occurred_at": NOON,
            "chat_type": "private",
            "language": "ru",
            "kind": kind,
            "name": name,
            "is_counted": True,
            **columns,
        }
        self._connection.execute(
            f"INSERT INTO user_events ({', '.join(row)}) VALUES ({', '.join(['%s'] * len(row))})",
            list(row.values()),
        )
        return row["id"]

    def add_many(self, count: int, *, days: int = 60, users: int = 1_000) -> None:
        """Many turns in one transaction."""
        self._connection.execute(
            "INSERT INTO turns (id, bot_id, user_key, dialog_id, chat_type, language, received_at,"
            " answered_at, first_token_at, status, model_asked, model_used, prompt_tokens,"
            " completion_tokens, cached_tokens, reasoning_tokens, cost_usd)"
            " SELECT gen_random_uuid(), 7, 1 + i %% %(users)s, gen_random_uuid(), 'private', 'ru',"
            " m, m + interval '2 s', m + interval '1 s', 'answered', 'small', 'small', i %% 900,"
            " i %% 700, 0, 0, (i %% 1000) * 0.0000001"
            " FROM generate_series(1, %(count)s) AS i,"
            " LATERAL (SELECT %(until)s::timestamptz"
            " - make_interval(secs => (i::bigint * 7919 %% (%(days)s * 86400))) AS m) AS moment",
            {"count": count, "days": days, "users": users, "until": NOON},
        )

    def execute(self, sql: str, *parameters: Any) -> list[dict[str, Any]]:
        cursor = self._connection.execute(sql, parameters)
        return cursor.fetchall() if cursor.description else []


def source_rows(ledger: Ledger, table: ReplicatedTable) -> dict[str, dict[str, Any]]:
    rows = ledger.execute(f"SELECT {table.selection} FROM {table.source} WHERE {table.condition}")
    return _by_key(rows, table)


def warehouse_rows(writer: Writer, table: ReplicatedTable) -> dict[str, dict[str, Any]]:
    names = ", ".join(sorted(table.target_columns - {"epoch", "is_deleted"}))
    rows = writer.rows(
        "all rows",
        sql=f"SELECT {names} FROM (SELECT * FROM {table.target} FINAL"
        f" WHERE epoch = (SELECT max(epoch) FROM watermarks)"
        f" ORDER BY version DESC LIMIT 1 BY {table.renamed.get(table.key, table.key)})"
        f" WHERE is_deleted = 0",
    )
    return _by_key(rows, table)


def _by_key(rows: list[dict[str, Any]], table: ReplicatedTable) -> dict[str, dict[str, Any]]:
    key = table.renamed.get(table.key, table.key)
    plain = [
        {
            name: str(value)
            if isinstance(value, UUID)
            else (Decimal(value) if name.endswith("cost_usd") and value is not None else value)
            for name, value in sorted(row.items())
        }
        for row in rows
    ]
    by_key = {str(row[key]): row for row in plain}
    assert len(by_key) == len(rows), "a key stands twice"
    return by_key


def assert_equal(ledger: Ledger, writer: Writer) -> None:
    """PostgreSQL and the warehouse hold the same ledger, in every column."""
    for table in REPLICATED:
        assert warehouse_rows(writer, table) == source_rows(ledger, table)
