"""The ledger of PostgreSQL as pandas columns, and figures of any part of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import psycopg

from tests.recount.zones import Zone, micros

Rows = npt.NDArray[np.int64]
TEN_PLACES = Decimal("0.0000000001")
STATEMENT = (
    "SELECT id::text, bot_id, CASE WHEN is_counted THEN user_key ELSE 0 END AS user_key,"
    " dialog_id::text, chat_type, language, source,"
    " user_messages, received_at, first_token_at, answered_at, status, reason, model_asked,"
    " model_used, fallback_cause, prompt_tokens, completion_tokens, cached_tokens,"
    " reasoning_tokens, cost_usd, answer_parts, flood_wait_ms, pacing_wait_ms, unpriced_calls,"
    " generation_ms, generated_tokens, fallback_wait_ms, fallback_cost_usd,"
    " is_person AND is_counted AS is_person FROM turns WHERE status <> 'pending'"
)
RATINGS = (
    "SELECT turn_id::text AS turn, verdict, given_by FROM feedback WHERE verdict <> 0 ORDER BY id"
)
EVENTS = (
    "SELECT occurred_at, bot_id, CASE WHEN is_counted THEN user_key ELSE 0 END AS user_key,"
    " chat_type, language, kind, name FROM user_events ORDER BY id"
)
ORIGINS = "SELECT key, source FROM users"
DIMENSIONS = {
    "bot": "bot_id",
    "chat_type": "chat_type",
    "language": "language",
    "model": "model",
    "model_asked": "model_asked",
    "source": "source",
    "person": "user_key",
    "dialog": "dialog_id",
    "status": "status",
    "cause": "cause",
    "fallback_cause": "handed_for",
}
_TOKENS = ("prompt_tokens", "completion_tokens", "cached_tokens", "reasoning_tokens")
_TEXTS = ("language", "source", "model_asked", "model_used")


@dataclass(frozen=True)
class Event:
    """A command, a block or a return."""

    at: int
    person: int
    """0: not counted."""
    kind: str
    name: str
    dimensions: Mapping[str, Any]

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Event:
        dimensions = {
            "bot": row["bot_id"],
            "chat_type": row["chat_type"],
            "language": row["language"] or "",
            "person": row["user_key"],
        }
        at = micros(row["occurred_at"])
        return cls(at, row["user_key"], row["kind"], row["name"] or "", dimensions)

    def value(self, dimension: str) -> Any:
        """The value of a dimension; empty for those that only turns have."""
        return self.dimensions.get(dimension, "")


@dataclass(frozen=True)
class Near:
    """A percentile of these values; an answer may differ by the error of its sketch."""

    values: tuple[float, ...]
    share: float


class Facts:
    """Finished turns, verdicts on them, events, and the sources of people who were not erased.

    Verdicts are (turn, verdict, given_by).
    """

    def __init__(
        self,
        rows: Iterable[Mapping[str, Any]],
        *,
        ratings: Iterable[Mapping[str, Any]] = (),
        events: Iterable[Mapping[str, Any]] = (),
        origins: Mapping[int, str | None] | None = None,
    ) -> None:
        self.events = [Event.of(row) for row in events]
        self.ratings = [(row["turn"], row["verdict"], row["given_by"]) for row in ratings]
        self.origins = origins or {}
        turns = pd.DataFrame(list(rows))
        turns["at"] = [micros(value) for value in turns["received_at"]]
        turns = turns.sort_values(["at", "id"], ignore_index=True)
        for name in _TOKENS:
            turns[name] = turns[name].fillna(0).astype("int64")
        for name in _TEXTS:
            turns[name] = [value if isinstance(value, str) else "" for value in turns[name]]
        turns["model"] = [
            used or asked
            for used, asked in zip(turns["model_used"], turns["model_asked"], strict=True)
        ]
        for name, column in (("cause", "reason"), ("handed_for", "fallback_cause")):
            turns[name] = [value if isinstance(value, str) else "" for value in turns[column]]
        turns["tokens"] = turns["prompt_tokens"] + turns["completion_tokens"]
        turns["is_served"] = (turns["status"] != "rejected") & (turns["model"] != "")
        turns["latency"] = _milliseconds(
            turns["received_at"], turns["answered_at"].where(turns["status"] == "answered")
        )
        turns["ttft"] = _milliseconds(turns["received_at"], turns["first_token_at"])
        self._columns = {name: turns[name].to_numpy() for name in turns.columns}
        self.all = np.arange(len(turns), dtype=np.int64)
        columns = ("at", "user_key", "bot_id", "is_person")
        self.at, self.user, self.bot, self.is_person = (self._columns[name] for name in columns)
        self.costs: list[Decimal | None] = [
            value if isinstance(value, Decimal) else None for value in turns["cost_usd"]
        ]
        self.lost_costs: list[Decimal] = [
            value if isinstance(value, Decimal) else Decimal(0)
            for value in turns["fallback_cost_usd"]
        ]
        people = turns[turns["is_person"]]
        self.firsts = people.drop_duplicates("user_key").index.to_numpy()
        """The first turn ever of each person."""

    @cached_property
    def nothing(self) -> dict[str, Any]:
        """Figures of a group without turns, cached: most buckets of a long period are empty."""
        empty = Group(self, self.all[:0], self.all[:0])
        return {name: figure(empty) for name, figure in FIGURES.items()}

    @classmethod
    def read(cls, url: str) -> Facts:
        """Read the current turns from PostgreSQL."""
        with psycopg.connect(url, row_factory=psycopg.rows.dict_row) as connection:
            connection.execute("SET timezone = 'UTC'")
            origins = {row["key"]: row["source"] for row in connection.execute(ORIGINS)}
            ratings = connection.execute(RATINGS).fetchall()
            events = connection.execute(EVENTS).fetchall()
            turns = connection.execute(STATEMENT).fetchall()
            return cls(turns, ratings=ratings, events=events, origins=origins)

    def within(self, since: int, until: int) -> Rows:
        """Turns received in `[since, until)`."""
        begin, end = np.searchsorted(self.at, [since, until])
        return self.all[begin:end]

    def filtered(self, rows: Rows, filters: Mapping[str, Any]) -> Rows:
        """Turns whose values match all of these filters."""
        for dimension, value in filters.items():
            rows = rows[self.column(DIMENSIONS[dimension], rows) == value]
        return rows

    def matching(self, rows: Rows, conditions: Iterable[Sequence[Any]]) -> Rows:
        """Turns that all of these (operator, dimension, values) let pass."""
        for operator, dimension, values in conditions:
            found = self.column(DIMENSIONS[dimension], rows)
            if operator.startswith("contains"):
                hit = np.array([any(part in value for part in values) for value in found], bool)
            else:
                hit = np.array([value in values for value in found.tolist()], bool)
            rows = rows[~hit if operator in ("is_not", "contains_not") else hit]
        return rows

    def newcomers(self, since: int, until: int) -> Rows:
        """People's first turns that are in the span."""
        at = self.at[self.firsts]
        return self.firsts[(at >= since) & (at < until)]

    def column(self, name: str, rows: Rows) -> npt.NDArray[Any]:
        """The values of these turns."""
        return self._columns[name][rows]

    def days(self, zone: Zone) -> Rows:
        """The day of every turn on the zone's calendar."""
        return zone.days(self.at)

    def people(self, rows: Rows) -> set[int]:
        """The people who wrote these turns."""
        return {int(key) for key in np.unique(self.user[rows[self.is_person[rows]]])}

    def group(self, rows: Rows, newcomers: Rows) -> Group:
        """Figures of these turns, and of people who came with the first of `newcomers`."""
        return Group(self, rows, newcomers)


class Group:
    """Figures of some turns, each counted when it is asked for."""

    def __init__(self, facts: Facts, rows: Rows, newcomers: Rows) -> None:
        self._facts = facts
        self._rows = rows
        self._newcomers = newcomers

    def total(self, column: str) -> int:
        return sum(int(value) for value in self._facts.column(column, self._rows))

    def count(self, **values: Any) -> int:
        return len(self._with(**values))

    def positive(self, column: str) -> int:
        return int((self._facts.column(column, self._rows) > 0).sum())

    def stated(self, column: str) -> int:
        """Turns that state anything in the column."""
        return int(pd.notna(self._facts.column(column, self._rows)).sum())

    def _with(self, **values: Any) -> Rows:
        rows = self._rows
        for column, value in values.items():
            rows = rows[self._facts.column(column, rows) == value]
        return rows

    @cached_property
    def active(self) -> set[int]:
        return self._facts.people(self._rows)

    @cached_property
    def served(self) -> set[int]:
        return self._facts.people(self._with(is_served=True))

    @cached_property
    def reached(self) -> set[int]:
        return self._facts.people(self._with(status="answered"))

    @cached_property
    def new(self) -> set[int]:
        return self._facts.people(self._newcomers) & self.active

    @cached_property
    def unpriced(self) -> int:
        return self.positive("unpriced_calls")

    @cached_property
    def cost(self) -> Decimal | None:
        """Sum of the known costs; None if none is known and something is unpriced."""
        known = [cost for row in self._rows if (cost := self._facts.costs[row]) is not None]
        if not known and self.unpriced:
            return None
        return sum(known, Decimal(0))

    @cached_property
    def abandoned(self) -> int:
        """Answers that the person stopped, or blocked the bot before."""
        why = self._facts.column("cause", self._rows)
        ending = self._facts.column("status", self._rows)
        left = np.isin(why.astype(str), ["stopped", "cancelled", "blocked"])
        return int((left & np.isin(ending.astype(str), ["cancelled", "failed"])).sum())

    @cached_property
    def lost_cost(self) -> Decimal:
        """Known cost of models that failed before another one was asked."""
        return sum((self._facts.lost_costs[row] for row in self._rows), Decimal(0))

    def near(self, column: str, percent: int) -> Near | None:
        values = self._facts.column(column, self._rows)
        values = np.sort(values[~np.isnan(values)])
        return Near(tuple(values), percent / 100) if len(values) else None

    def figures(self, names: Iterable[str]) -> dict[str, Any]:
        if not len(self._rows):
            return {name: self._facts.nothing[name] for name in names}
        return {name: FIGURES[name](self) for name in names}


def ratio(part: float, whole: float) -> float | None:
    """The ratio, or None if the divisor is 0."""
    return part / whole if whole else None


def money_ratio(part: Decimal | None, whole: int) -> Decimal | None:
    """To the ten places that costs have."""
    if part is None or not whole:
        return None
    return (part / whole).quantize(TEN_PLACES, rounding=ROUND_HALF_EVEN)


Figure = Callable[[Group], Any]


def _by_served(group: Group, part: int) -> float | None:
    return ratio(part, group.count(is_served=True))


def _total(column: str) -> Figure:
    return lambda group: group.total(column)


def _near(column: str, percent: int) -> Figure:
    return lambda group: group.near(column, percent)


FIGURES: dict[str, Figure] = {
    "user_messages": _total("user_messages"),
    "turns": lambda group: group.count(),
    "served_turns": lambda group: group.count(is_served=True),
    "answers": lambda group: group.count(status="answered"),
    "incomplete": lambda group: group.count(status="answered", reason="incomplete"),
    "failed": lambda group: group.count(status="failed"),
    "rejected": lambda group: group.count(status="rejected"),
    "cancelled": lambda group: group.count(status="cancelled"),
    "abandoned": lambda group: group.abandoned,
    "edited_questions": lambda group: group.count(reason="edited"),
    "command_turns": lambda group: group.count(user_messages=0),
    "uncounted_turns": lambda group: group.count(user_key=0),
    "active_users": lambda group: len(group.active),
    "served_users": lambda group: len(group.served),
    "rejected_users": lambda group: len(group.active - group.served),
    "reached_users": lambda group: len(group.reached),
    "new_users": lambda group: len(group.new),
    **{name: _total(name) for name in (*_TOKENS, "tokens")},
    "cost_usd": lambda group: group.cost,
    "unpriced_turns": lambda group: group.unpriced,
    "fallbacks": lambda group: group.stated("fallback_cause"),
    "fallback_wait_ms": _total("fallback_wait_ms"),
    "fallback_cost_usd": lambda group: group.lost_cost,
    "answer_parts": _total("answer_parts"),
    "flood_waits": lambda group: group.positive("flood_wait_ms"),
    "flood_wait_ms": _total("flood_wait_ms"),
    "pacing_wait_ms": _total("pacing_wait_ms"),
    "messages_per_user": lambda group: ratio(group.total("user_messages"), len(group.active)),
    "error_rate": lambda group: _by_served(group, group.count(status="failed")),
    "fallback_rate": lambda group: _by_served(group, group.stated("fallback_cause")),
    "cost_per_served_user_usd": lambda group: money_ratio(group.cost, len(group.served)),
    "cost_per_answer_usd": lambda group: money_ratio(group.cost, group.count(status="answered")),
    **{
        f"{kind}_p{percent}_ms": _near(kind, percent)
        for kind in ("latency", "ttft")
        for percent in (50, 95, 99)
    },
    "tokens_per_second": lambda group: ratio(
        1000 * group.total("generated_tokens"), group.total("generation_ms")
    ),
}
"""Every figure that a group of turns has, by its name in the catalogue."""


def _milliseconds(begin: pd.Series[Any], end: pd.Series[Any]) -> list[float]:
    """Duration, at least 0; NaN without an end."""
    return [
        np.nan if pd.isna(finish) else max(micros(finish) - micros(start), 0) / 1000
        for start, finish in zip(begin, end, strict=True)
    ]
