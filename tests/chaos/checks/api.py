"""Compares the API's answers with PostgreSQL, and counts figures that differ."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

from embedded.stack.api_client import ApiClient
from tests.chaos.checks.conversations import Differences
from tests.chaos.checks.expected import Expected, Figures, Key

SUMMED = {
    "turns": "turns",
    "served_turns": "served_turns",
    "user_messages": "user_messages",
    "answers": "answers",
    "incomplete": "incomplete",
    "failed": "failed",
    "cancelled": "cancelled",
    "rejected": "rejected",
    "prompt_tokens": "prompt_tokens",
    "completion_tokens": "completion_tokens",
    "cached_tokens": "cached_tokens",
    "reasoning_tokens": "reasoning_tokens",
    "unpriced_turns": "unpriced",
    "fallbacks": "fallbacks",
    "answer_parts": "answer_parts",
    "abandoned": "abandoned",
    "fallback_wait_ms": "fallback_wait_ms",
    "fallback_cost_usd": "fallback_cost_usd",
    "flood_waits": "flood_waits",
    "flood_wait_ms": "flood_wait_ms",
    "pacing_wait_ms": "pacing_wait_ms",
    "cost_usd": "cost_usd",
}
"""Metric -> sum of the ledger."""
PEOPLE = {"active_users": "active", "reached_users": "reached", "served_users": "served"}
METRICS = (*SUMMED, *PEOPLE)
QUESTIONS: tuple[tuple[str, ...], ...] = (
    (),
    ("time:15m",),
    ("time:day",),
    ("bot", "chat_type", "language", "model", "model_asked"),
)
NAMES = {"time:15m": "bucket", "time:day": "day", "bot": "bot_id"}


def api_differs(expected: Expected, client: ApiClient) -> Differences:
    """Ask the API by time and by group, and compare every figure."""
    found = Differences()
    for dimensions in QUESTIONS:
        wanted = {
            key: _figures(figures)
            for key, figures in expected.by(*(NAMES.get(name, name) for name in dimensions)).items()
        }
        answered = {
            _key(dimensions, row["dimensions"]): tuple(map(_number, row["metrics"]))
            for row in client.query(list(METRICS), list(dimensions))
        }
        for key in wanted.keys() | answered.keys():
            _compare(
                f"API by {dimensions or 'all'} {key}", wanted.get(key), answered.get(key), found
            )
    summary = client.stats("day")["summary"]["current"]
    whole = expected.by().get((), Figures())
    for metric in ("turns", "user_messages", "answers", "failed"):
        found.add(
            summary[metric] != whole.sums[SUMMED[metric]],
            f"the summary says {metric}={summary[metric]}, the ledger {whole.sums[SUMMED[metric]]}",
        )
    for metric, people in (*PEOPLE.items(), ("new_users", "new")):
        count = len(getattr(whole, people))
        found.add(
            summary[metric] != count,
            f"the summary says {metric}={summary[metric]}, the ledger {count}",
        )
    return found


def _compare(
    where: str, wanted: Iterable[Any] | None, answered: Iterable[Any] | None, found: Differences
) -> None:
    if wanted is None or answered is None:
        found.add(1, f"{where}: {'not in the ledger' if wanted is None else 'not in the answer'}")
        return
    for metric, ours, theirs in zip(METRICS, wanted, answered, strict=True):
        found.add(ours != theirs, f"{where}: {metric} is {theirs}, the ledger says {ours}")


def _figures(figures: Figures) -> tuple[Any, ...]:
    sums = [_number(figures.sums[name]) for name in SUMMED.values()]
    if figures.sums["unpriced"] and not figures.sums["priced"]:
        # No cost is known, which differs from a cost of 0.
        sums[-1] = None
    return (*sums, *(_number(len(getattr(figures, name))) for name in PEOPLE.values()))


def _key(dimensions: tuple[str, ...], values: list[Any]) -> Key:
    return tuple(_value(name, value) for name, value in zip(dimensions, values, strict=True))


def _value(dimension: str, value: Any) -> Any:
    match dimension:
        case "time:15m":
            return int(datetime.fromisoformat(value).timestamp())
        case "time:day":
            return value[:10]
    return value or ""


def _number(value: Any) -> Decimal | None:
    return None if value is None else round(Decimal(str(value)), 10)
