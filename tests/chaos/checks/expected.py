"""Recomputes the rollups from the rows of PostgreSQL alone, one turn after another."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

TURNS = (
    "SELECT id, bot_id, CASE WHEN is_counted THEN user_key ELSE 0 END AS user_key,"
    " is_person AND is_counted AS is_person, dialog_id, chat_type, language, source, user_messages,"
    " received_at, status, reason, model_asked, model_used, fallback_cause, prompt_tokens,"
    " completion_tokens, cached_tokens, reasoning_tokens, cost_usd, user_chars, answer_chars,"
    " answer_parts, flood_wait_ms, pacing_wait_ms, unpriced_calls,"
    " generation_ms, generated_tokens, fallback_wait_ms, fallback_cost_usd"
    " FROM turns WHERE status <> 'pending'"
)
Turn = Mapping[str, Any]
Key = tuple[Any, ...]
QUARTER_MINUTES = 15


def is_served(turn: Turn) -> bool:
    """Whether the turn reached a model."""
    return turn["status"] != "rejected" and bool(turn["model_used"] or turn["model_asked"])


SUMS: Mapping[str, Callable[[Turn], int | Decimal]] = {
    "turns": lambda _turn: 1,
    "user_messages": lambda turn: turn["user_messages"],
    "answers": lambda turn: turn["status"] == "answered",
    "failed": lambda turn: turn["status"] == "failed",
    "cancelled": lambda turn: turn["status"] == "cancelled",
    "rejected": lambda turn: turn["status"] == "rejected",
    "abandoned": lambda turn: (
        turn["status"] in ("cancelled", "failed")
        and turn["reason"] in ("stopped", "cancelled", "blocked")
    ),
    "edited_questions": lambda turn: turn["reason"] == "edited",
    "command_turns": lambda turn: turn["user_messages"] == 0,
    "uncounted_turns": lambda turn: turn["user_key"] == 0,
    "incomplete": lambda turn: turn["status"] == "answered" and turn["reason"] == "incomplete",
    "fallbacks": lambda turn: turn["fallback_cause"] is not None,
    "prompt_tokens": lambda turn: turn["prompt_tokens"] or 0,
    "completion_tokens": lambda turn: turn["completion_tokens"] or 0,
    "cached_tokens": lambda turn: turn["cached_tokens"] or 0,
    "reasoning_tokens": lambda turn: turn["reasoning_tokens"] or 0,
    "cost_usd": lambda turn: turn["cost_usd"] or Decimal(0),
    "unpriced": lambda turn: turn["unpriced_calls"] > 0,
    "priced": lambda turn: turn["cost_usd"] is not None,
    "served_turns": is_served,
    "user_chars": lambda turn: turn["user_chars"],
    "answer_chars": lambda turn: turn["answer_chars"],
    "answer_parts": lambda turn: turn["answer_parts"],
    "flood_waits": lambda turn: turn["flood_wait_ms"] > 0,
    "flood_wait_ms": lambda turn: turn["flood_wait_ms"],
    "pacing_wait_ms": lambda turn: turn["pacing_wait_ms"],
    "generation_ms": lambda turn: turn["generation_ms"],
    "generated_tokens": lambda turn: turn["generated_tokens"],
    "fallback_wait_ms": lambda turn: turn["fallback_wait_ms"],
    "fallback_cost_usd": lambda turn: turn["fallback_cost_usd"] or Decimal(0),
}


@dataclass
class Figures:
    """Sums and distinct people of a group of turns."""

    sums: dict[str, int | Decimal] = field(default_factory=lambda: dict.fromkeys(SUMS, 0))
    active: set[int] = field(default_factory=set)
    reached: set[int] = field(default_factory=set)
    served: set[int] = field(default_factory=set)
    new: set[int] = field(default_factory=set)

    def add(self, turn: Turn) -> None:
        for name, value in SUMS.items():
            self.sums[name] += int(got) if isinstance(got := value(turn), bool) else got
        if not turn["is_person"]:
            return
        self.active.add(turn["user_key"])
        if turn["status"] == "answered":
            self.reached.add(turn["user_key"])
        if is_served(turn):
            self.served.add(turn["user_key"])


class Expected:
    """All finished turns, grouped on demand.

    Args:
        zone: time zone of the report, whose days the rollups use.
    """

    def __init__(self, turns: Iterable[Turn], *, zone: str) -> None:
        self._zone = ZoneInfo(zone)
        self.turns = sorted(turns, key=lambda turn: (turn["received_at"], str(turn["id"])))
        first: dict[int, Turn] = {}
        for turn in self.turns:
            if turn["is_person"]:
                first.setdefault(turn["user_key"], turn)
        self._first = first

    def by(self, *dimensions: str, people: str = "active") -> dict[Key, Figures]:
        """Figures by dimensions.

        Args:
            dimensions: `day`, `bucket`, `bot_id`, `chat_type`, `language`, `model`,
                `model_asked`, `user_key`, `is_person`, `dialog_id`, `source` (that of a person's
                first turn).
            people: `active`: groups with turns; `new`: groups with new people.
        """
        groups: dict[Key, Figures] = {}
        if people == "active":
            for turn in self.turns:
                groups.setdefault(self._key(turn, dimensions), Figures()).add(turn)
        for user_key, turn in self._first.items():
            groups.setdefault(self._key(turn, dimensions), Figures()).new.add(user_key)
        return groups

    def _key(self, turn: Turn, dimensions: Iterable[str]) -> Key:
        return tuple(self._value(turn, name) for name in dimensions)

    def _value(self, turn: Turn, dimension: str) -> Any:
        received: datetime = turn["received_at"]
        match dimension:
            case "day":
                return received.astimezone(self._zone).date().isoformat()
            case "bucket":
                minute = received.minute // QUARTER_MINUTES * QUARTER_MINUTES
                return int(received.replace(minute=minute, second=0, microsecond=0).timestamp())
            case "model":
                return turn["model_used"] or turn["model_asked"] or ""
            case "language" | "source" | "model_asked":
                return turn[dimension] or ""
            case "dialog_id":
                return str(turn[dimension])
        return turn[dimension]
