"""`turns` and `users/one`: turns one by one, and all turns of a person."""

from __future__ import annotations

import base64

from tests.recount.facts import Rows
from tests.recount.view import Expected, Row, View
from tests.recount.zones import micros, moment

TEXTS = ("language", "source", "cause", "model_asked", "model_used")
COLUMNS = (
    *("turn_id", "dialog_id", "received_at", "bot_id", "user_key", "chat_type", "language"),
    *("source", "status", "cause", "model_asked", "model_used", "fallback_cause"),
    *("user_messages", "prompt_tokens", "completion_tokens", "cost_usd", "is_unpriced"),
    *("answer_parts", "latency_ms", "ttft_ms"),
)
TOTALS = (
    *("turns", "user_messages", "answers", "failed", "rejected", "tokens", "cost_usd"),
    "unpriced_turns",
)
USUAL_LIMIT = 50


def turns(view: View) -> Expected:
    """One page, newest first; of one moment by their id, the last one first."""
    rows = view.turns(view.period.since, view.period.until)
    found = [_turn(view, rows[place : place + 1]) for place in range(len(rows))]
    found.sort(key=lambda row: (row["received_at"], row["turn_id"]), reverse=True)
    cursor = view.arguments.get("cursor")
    begin = 0
    if cursor is not None:
        begin = 1 + next(place for place, row in enumerate(found) if _cursor(row) == cursor)
    limit = int(view.arguments.get("limit", USUAL_LIMIT))
    page = found[begin : begin + limit]
    is_last = begin + limit >= len(found)
    return Expected(
        {"turns": page, "next_cursor": None if is_last else _cursor(page[-1])},
        COLUMNS,
        page,
        people=frozenset(row["user_key"] for row in page),
        shows_people=True,
    )


def _turn(view: View, row: Rows) -> Row:
    def of(column: str) -> object:
        value: object = view.facts.column(column, row)[0]
        return value

    numbers = ("bot_id", "user_key", "user_messages", "answer_parts")
    found: Row = {
        "turn_id": of("id"),
        "dialog_id": of("dialog_id"),
        "received_at": moment(int(view.facts.at[row[0]])),
        "chat_type": of("chat_type"),
        "status": of("status"),
        "fallback_cause": of("handed_for") or None,
        "cost_usd": view.facts.costs[row[0]],
        "is_unpriced": bool(view.facts.column("unpriced_calls", row)[0] > 0),
        **{name: of(name) or None for name in TEXTS},
        **{name: int(view.facts.column(name, row)[0]) for name in numbers},
    }
    for name in ("prompt_tokens", "completion_tokens"):
        found[name] = int(view.facts.column(name, row)[0])
    for name, column in (("latency_ms", "latency"), ("ttft_ms", "ttft")):
        value = float(view.facts.column(column, row)[0])
        found[name] = None if value != value else value  # noqa: PLR0124 (NaN)
    return {name: found[name] for name in COLUMNS}


def _cursor(row: Row) -> str:
    text = f"{micros(row['received_at'])}.{row['turn_id']}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def users_one(view: View) -> Expected:
    facts, key = view.facts, int(view.arguments["person"])
    rows = facts.all[facts.user == key]
    if not len(rows):
        return Expected({}, (), (), is_missing=True)
    person: Row = {
        "user_key": key,
        "first_turn_at": moment(int(facts.at[rows[0]])),
        "last_turn_at": moment(int(facts.at[rows[-1]])),
        "active_days": len(set(facts.days(view.report)[rows].tolist())),
        # The recount's people state no language.
        "language": None,
        "source": facts.origins.get(key),
        "blocked_at": None,
        **facts.group(rows, rows[:0]).figures(TOTALS),
    }
    return Expected(
        {"person": person},
        tuple(person),
        [person],
        people=frozenset({key}),
        shows_people=True,
    )
