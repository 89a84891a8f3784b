"""The facts behind one answer, and the format of an expected answer."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from tests.recount.facts import Facts, Group, Rows
from tests.recount.periods import Period
from tests.recount.zones import Zone, day_of

Row = dict[str, Any]
FILTERS = ("bot", "chat_type", "language", "model")
"""Arguments of GET that filter a report."""


@dataclass(frozen=True)
class View:
    """One request and the facts that its answer must state."""

    facts: Facts
    report: Zone
    """The zone of daily builds."""
    now: int
    through: int
    """Turns received before this time are counted."""
    period: Period
    arguments: Mapping[str, Any]
    """Arguments of GET, or the body of a query."""
    is_reconciled: bool = False
    """Whether both stores were compared by day since the newest publication."""

    @property
    def filters(self) -> dict[str, Any]:
        found = {name: self.arguments[name] for name in FILTERS if name in self.arguments}
        return found | ({"bot": int(found["bot"])} if "bot" in found else {})

    @property
    def conditions(self) -> list[Any]:
        """The filters in JSON."""
        found: list[Any] = json.loads(self.arguments.get("filters", "[]"))
        return found

    def filtered(self, rows: Rows) -> Rows:
        """The turns that all filters let pass."""
        return self.facts.matching(self.facts.filtered(rows, self.filters), self.conditions)

    def of_bots(self, rows: Rows) -> Rows:
        """The turns that the filters of bots let pass."""
        one = {"bot": self.bot} if self.bot is not None else {}
        bots = [condition for condition in self.conditions if condition[1] == "bot"]
        return self.facts.matching(self.facts.filtered(rows, one), bots)

    def newcomers(self, since: int, until: int) -> Rows:
        """People's first turns in the span, with the bots of the filters."""
        return self.of_bots(self.facts.newcomers(since, until))

    @property
    def bot(self) -> int | None:
        bot: int | None = self.filters.get("bot")
        return bot

    @property
    def today(self) -> int:
        """The last day of the report zone with data."""
        return self.report.day(self.through)

    def turns(self, since: int, until: int) -> Rows:
        """Turns of the span that match the filters."""
        return self.filtered(self.facts.within(since, until))

    def group(self, since: int, until: int) -> Group:
        """Figures of a span under the filters."""
        newcomers = self.newcomers(since, until)
        return self.facts.group(self.turns(since, until), newcomers)

    def days_touched(self) -> tuple[int, int]:
        """First and last day of the report zone that the period touches."""
        return self.report.day(self.period.since), self.report.day(self.period.until - 1)

    def days_shown(self) -> tuple[int, int]:
        """The same, but no later than the last day with data; at least one day."""
        first, last = self.days_touched()
        return first, max(first, min(last, self.today))

    def people_by_day(self) -> dict[int, set[int]]:
        """People active on each day of the report zone, under the filters."""
        rows = self.filtered(self.facts.all)
        rows = rows[self.facts.is_person[rows]]
        found: dict[int, set[int]] = {}
        days = self.facts.days(self.report)[rows]
        for day, key in zip(days, self.facts.user[rows], strict=True):
            found.setdefault(int(day), set()).add(int(key))
        return found

    def newcomers_by_day(self) -> dict[int, set[int]]:
        """People by the day of their first turn (with the bot of the filter) in the report zone."""
        firsts = self.newcomers(0, self.facts.at[-1] + 1)
        found: dict[int, set[int]] = {}
        for day, key in zip(
            self.facts.days(self.report)[firsts], self.facts.user[firsts], strict=True
        ):
            found.setdefault(int(day), set()).add(int(key))
        return found

    def date(self, day: int) -> date:
        return day_of(day)


@dataclass(frozen=True)
class Expected:
    """An answer: the fields of its JSON, and its table in CSV and Arrow."""

    fields: Row
    columns: Sequence[str]
    rows: Sequence[Row]
    people: frozenset[int] = field(default_factory=frozenset)
    """Keys of the people in the answer, whose names an account may see."""
    shows_people: bool = False
    order: Sequence[tuple[str, bool]] = ()
    """(column, whether it is descending), if the order depends on the answer's own values: sketches
    may rank close values in any order."""
    key: Sequence[str] = ()
    """Columns that identify such a row."""
    is_missing: bool = False
    """The answer is 404."""


@dataclass(frozen=True)
class Stated:
    """A field that is not in PostgreSQL, such as a time from the pipelines' clock."""

    kind: type
    may_be_null: bool = False


def flat(row: Row) -> Row:
    """Flatten nested objects into columns with names joined by underscores."""
    columns: Row = {}
    for name, value in row.items():
        if isinstance(value, dict):
            columns |= {f"{name}_{inner}": deep for inner, deep in flat(value).items()}
        else:
            columns[name] = value
    return columns
