"""Fills the tables of one build of some days, a bounded number of them in each statement."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from common import zones
from common.log import get_logger
from pipelines.replication.batch import Step
from pipelines.replication.watermark import Watermark, monotonic_id
from pipelines.rollups.publish import THE_PUBLICATION, PublishedBuild, ReportDays
from warehouse.clickhouse.client import Writer
from warehouse.clickhouse.statements import kept, of_whole_days, statement
from warehouse.errors import QueryTooExpensiveError

DAYS_PER_INSERT = 60
"""Bounds the memory of one statement."""
TURNS_PER_INSERT = 1_000_000
"""The same where there are about as many rows as turns."""
FEWER_DAYS = (8, 1)
"""Smaller numbers of days to try, in order, when a statement exceeds its limits."""

UNTOUCHED: dict[str, tuple[str, dict[str, str]]] = {
    "activity": ("untouched_quarters", {}),
    "user_days": ("untouched_rows", {"table": "user_days", "key": "user_key"}),
    "dialog_days": ("untouched_rows", {"table": "dialog_days", "key": "dialog_id"}),
}
"""Statements that copy rows without new turns, in an incremental build."""

log = get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """Turns that were written since the publication that a build follows.

    Its days are built incrementally: from the published build and these turns.
    """

    since: int = 0
    """The smallest version of the turns."""
    quarters: Mapping[date, Sequence[int]] = field(default_factory=dict)
    """Quarters of an hour with such turns, in seconds of UTC, by day."""


NO_CHANGES = Changes()


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildInputs:
    """Inputs of the tables of one build."""

    state: Watermark
    """Whose turns are counted."""
    base: int
    """The publication that the build follows; 0: none."""
    version: int
    """Its rows carry it."""
    changes: Changes = NO_CHANGES
    """Their days are built incrementally, others from all of their turns."""


class DayTables:
    """Inserts, and compares what was inserted with what is published.

    Args:
        writer: connection to ClickHouse.
        days: whose days, and where they begin.
        step: called after each table.
    """

    def __init__(self, writer: Writer, days: ReportDays, *, step: Step) -> None:
        self._writer = writer
        self._days = days
        self._step = step
        self._days_per_insert = DAYS_PER_INSERT

    def build(
        self,
        state: Watermark,
        days: Sequence[date],
        *,
        base: int,
        previous: int,
        changes: Changes = NO_CHANGES,
    ) -> tuple[BuildInputs, list[date], list[tuple[date, date]]]:
        """Insert all tables of a build; over its limits, again with fewer days in a statement.

        What a refused statement has stored by then has a version that is never published.

        Args:
            state: whose turns are counted.
            days: that are built; days with a newcomer that moved are added.
            base: the publication that the build follows; 0: none.
            previous: a smaller version than the build's.
            changes: of the days that are built incrementally; others from all of their turns.

        Returns:
            The build, its days, and the moves of first days (old, new).
        """
        self._days_per_insert = DAYS_PER_INSERT
        fewer = [size for size in FEWER_DAYS if size < len(days)]
        while True:
            version = monotonic_id(previous)
            build = BuildInputs(state=state, base=base, version=version, changes=changes)
            try:
                made, moves = self._build(build, days)
            except QueryTooExpensiveError as error:
                if not fewer:
                    raise
                self._days_per_insert = fewer.pop(0)
                log.warning(
                    "build exceeds its limits, starting again with fewer days at once",
                    days=len(days),
                    days_at_once=self._days_per_insert,
                    error=str(error),
                )
            else:
                return build, made, moves

    def tied_days(
        self, state: Watermark, days: Sequence[date], *, base: int, changed_since: int
    ) -> set[date]:
        """Days whose newest turn of a dialog the published build cannot tell, see the statement."""
        changes = Changes(since=changed_since)
        build = BuildInputs(state=state, base=base, version=0, changes=changes)
        return {
            row["day"]
            for some in _chunks(days, self._days_per_insert)
            for row in self._writer.rows("rollups/tied_dialogs", self._parameters(build, some))
        }

    def check(self, name: str, build: BuildInputs, days: Sequence[date]) -> list[dict[str, Any]]:
        """The rows of one check of a build."""
        return [
            row
            for given in self._chunks_of(build, days)
            for row in self._writer.rows(
                f"checks/{name}", given, sql=_statement(f"checks/{name}", given)
            )
        ]

    def compare(
        self, build: BuildInputs, days: Sequence[date], builds: Mapping[date, PublishedBuild]
    ) -> tuple[dict[date, int], dict[date, int]]:
        """Rows that differ from the published `builds`, and turns, of each day.

        Incremental days are not compared: what was written since is their only difference.
        """
        differ: dict[date, int] = {}
        turns: dict[date, int] = {}
        for some in _chunks(days, self._days_per_insert):
            built = {"days": some, "version": build.version}
            if again := [day for day in some if day not in build.changes.quarters]:
                published = {builds[day].version for day in again if day in builds}
                versions = sorted({build.version, *published})
                both = {**built, "days": again, "base": build.base, "versions": versions}
                differ |= _by_day(self._writer.rows("rollups/differences", both))
            turns |= _by_day(self._writer.rows("rollups/turns_of_days", built))
        return differ, turns

    def _build(
        self, build: BuildInputs, days: Sequence[date]
    ) -> tuple[list[date], list[tuple[date, date]]]:
        if not days:
            return [], []
        self._insert(("user_days",), build, days)
        self._find_first_days(build, days)
        whole = {"version": build.version, "base": build.base}
        moves = [
            (row["old_day"], row["new_day"]) for row in self._writer.rows("rollups/moves", whole)
        ]
        # Days that gained or lost a newcomer through a change elsewhere.
        others = sorted({day for move in moves for day in move} - {*days, THE_PUBLICATION})
        self._insert(("user_days",), build, others)
        made = sorted({*days, *others})
        self._insert(("activity", "daily", "new_users"), build, made)
        turns = _by_day(
            self._writer.rows("rollups/turns_of_days", {"days": made, "version": build.version})
        )
        for some in _of_turns(made, turns):
            self._insert(("dialog_days",), build, some)
        self._insert(("quarter_users", "day_users"), build, made)
        return made, moves

    def _insert(self, tables: Sequence[str], build: BuildInputs, days: Sequence[date]) -> None:
        for given in self._chunks_of(build, days):
            for table in tables:
                self._run(f"rollups/{table}", given)
                if given["quarters"] and table in UNTOUCHED:
                    name, more = UNTOUCHED[table]
                    self._writer.run(f"rollups/{name}", given | more)
                self._step(f"{table} built")

    def _find_first_days(self, build: BuildInputs, days: Sequence[date]) -> None:
        is_incremental = set(days) <= build.changes.quarters.keys()
        self._run(
            "rollups/first_days", self._parameters(build, days) | {"quarters": is_incremental}
        )
        self._step("first_days built")

    def _chunks_of(self, build: BuildInputs, days: Sequence[date]) -> Iterator[dict[str, Any]]:
        """Parameters about some days each, with `quarters` of those built incrementally."""
        quarters = build.changes.quarters
        for some in (
            *_chunks([day for day in days if day not in quarters], self._days_per_insert),
            *_chunks([day for day in days if day in quarters], self._days_per_insert),
        ):
            yield self._parameters(build, some) | {
                "quarters": sorted(q for day in some for q in quarters.get(day, ())),
            }

    def _run(self, name: str, given: Mapping[str, Any]) -> None:
        self._writer.run(name, given, sql=_statement(name, given))

    def _parameters(self, build: BuildInputs, days: Sequence[date]) -> dict[str, Any]:
        around = {day + timedelta(days=shift) for day in days for shift in (-1, 0, 1)}
        (first, _), (_, end) = (day_edges(self._days.clock, day) for day in (days[0], days[-1]))
        return {
            "epoch": build.state.epoch,
            **self._days.clock.days(days[0], days[-1]).parameters(),
            "base": build.base,
            "version": build.version,
            "changed_since": build.changes.since,
            "days": list(days),
            # A day of the zone touches at most the UTC days around it; these are the sort key.
            "utc_days": sorted(around),
            # Few turns of those are left for which the day has to be worked out.
            "since": datetime.fromtimestamp(first, UTC),
            "until": datetime.fromtimestamp(end, UTC),
        }


def _statement(name: str, given: Mapping[str, Any]) -> str:
    return kept(statement(name) if given["quarters"] else of_whole_days(name))


def day_edges(clock: zones.Clock, day: date) -> tuple[int, int]:
    """Where a day begins and ends, in seconds of UTC."""
    return clock.day_start(day), clock.day_start(day + timedelta(days=1))


def _chunks(days: Sequence[date], size: int) -> Iterator[list[date]]:
    for start in range(0, len(days), size):
        yield list(days[start : start + size])


def _of_turns(days: Sequence[date], turns: Mapping[date, int]) -> Iterator[list[date]]:
    some: list[date] = []
    size = 0
    for day in days:
        if some and size + turns.get(day, 0) > TURNS_PER_INSERT:
            yield some
            some, size = [], 0
        some.append(day)
        size += turns.get(day, 0)
    if some:
        yield some


def _by_day(rows: Iterable[dict[str, Any]]) -> dict[date, int]:
    return {day: int(value) for day, value in (tuple(row.values()) for row in rows)}
