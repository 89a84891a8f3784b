"""Fills the tables of one build of some days, a bounded number of them in each statement."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from common import zones
from common.log import get_logger
from pipelines.replication.batch import Step
from pipelines.replication.watermark import Watermark, monotonic_id
from pipelines.rollups.publish import THE_PUBLICATION, PublishedBuild, ReportDays
from warehouse.clickhouse.client import Writer
from warehouse.errors import QueryTooExpensiveError

DAYS_PER_INSERT = 60
"""Bounds the memory of one statement."""
TURNS_PER_INSERT = 1_000_000
"""The same where there are about as many rows as turns."""
FEWER_DAYS = (8, 1)
"""Smaller numbers of days to try, in order, when a statement exceeds its limits."""

log = get_logger(__name__)


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
        self, state: Watermark, days: Sequence[date], *, base: int, previous: int
    ) -> tuple[int, list[date], list[tuple[date, date]]]:
        """Insert all tables of a build; over its limits, again with fewer days in a statement.

        What a refused statement has stored by then has a version that is never published.

        Args:
            state: whose turns are counted.
            days: that are built; days with a newcomer that moved are added.
            base: the publication that the build follows; 0: none.
            previous: a smaller version than the build's.

        Returns:
            The build's version, its days, and the moves of first days (old, new).
        """
        self._days_per_insert = DAYS_PER_INSERT
        fewer = [size for size in FEWER_DAYS if size < len(days)]
        while True:
            version = monotonic_id(previous)
            try:
                made, moves = self._build(state, days, base=base, version=version)
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
                return version, made, moves

    def statements(
        self, state: Watermark, days: Sequence[date], *, version: int
    ) -> list[dict[str, Any]]:
        """The parameters of each statement about the days of a build."""
        return [
            self._parameters(state, some, version=version)
            for some in _chunks(days, self._days_per_insert)
        ]

    def compare(
        self,
        days: Sequence[date],
        builds: Mapping[date, PublishedBuild],
        *,
        base: int,
        version: int,
    ) -> tuple[dict[date, int], dict[date, int]]:
        """Rows that differ from the builds of the publication `base`, and turns, of each day."""
        differ: dict[date, int] = {}
        turns: dict[date, int] = {}
        for some in _chunks(days, self._days_per_insert):
            built = {"days": some, "version": version}
            versions = {version, *(builds[day].version for day in some if day in builds)}
            both = {**built, "base": base, "versions": sorted(versions)}
            differ |= _by_day(self._writer.rows("rollups/differences", both))
            turns |= _by_day(self._writer.rows("rollups/turns_of_days", built))
        return differ, turns

    def _build(
        self, state: Watermark, days: Sequence[date], *, base: int, version: int
    ) -> tuple[list[date], list[tuple[date, date]]]:
        if not days:
            return [], []
        self._insert(("user_days",), state, days, base=base, version=version)
        whole = {"version": version, "base": base}
        self._writer.run("rollups/first_days", {**whole, "days": list(days)})
        self._step("first_days built")
        moves = [
            (row["old_day"], row["new_day"]) for row in self._writer.rows("rollups/moves", whole)
        ]
        # Days that gained or lost a newcomer through a change elsewhere.
        others = sorted({day for move in moves for day in move} - {*days, THE_PUBLICATION})
        self._insert(("user_days",), state, others, base=base, version=version)
        made = sorted({*days, *others})
        given = {"base": base, "version": version}
        self._insert(("activity", "daily", "new_users"), state, made, **given)
        turns = _by_day(
            self._writer.rows("rollups/turns_of_days", {"days": made, "version": version})
        )
        for some in _of_turns(made, turns):
            self._insert(("dialog_days",), state, some, **given)
        self._insert(("quarter_users", "day_users"), state, made, **given)
        return made, moves

    def _insert(
        self,
        tables: Sequence[str],
        state: Watermark,
        days: Sequence[date],
        *,
        base: int,
        version: int,
    ) -> None:
        for some in _chunks(days, self._days_per_insert):
            parameters = self._parameters(state, some, version=version) | {"base": base}
            for table in tables:
                self._writer.run(f"rollups/{table}", parameters)
                self._step(f"{table} built")

    def _parameters(
        self, state: Watermark, days: Sequence[date], *, version: int
    ) -> dict[str, Any]:
        around = {day + timedelta(days=shift) for day in days for shift in (-1, 0, 1)}
        (first, _), (_, end) = (day_edges(self._days.clock, day) for day in (days[0], days[-1]))
        return {
            "epoch": state.epoch,
            **self._days.clock.days(days[0], days[-1]).parameters(),
            "version": version,
            "days": list(days),
            # A day of the zone touches at most the UTC days around it; these are the sort key.
            "utc_days": sorted(around),
            # Few turns of those are left for which the day has to be worked out.
            "since": datetime.fromtimestamp(first, UTC),
            "until": datetime.fromtimestamp(end, UTC),
        }


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
