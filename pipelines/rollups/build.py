"""Rebuilds the days that changed, checks them, and publishes them together.

A build is made beside the published one under a version of its own, from the ledger alone, so
it can be thrown away or repeated at any moment. Knows nothing about PostgreSQL.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from common import zones
from common.log import get_logger
from pipelines.replication.batch import Step, no_step
from pipelines.replication.watermark import Watermark, monotonic_id
from pipelines.rollups.checks import BlockingChecks, Failure
from pipelines.rollups.compaction import Compaction
from pipelines.rollups.publish import (
    THE_PUBLICATION,
    CurrentPublication,
    PublishedBuild,
    Publisher,
    ReportDays,
)
from warehouse.catalogue import RULES
from warehouse.clickhouse.client import Writer
from warehouse.errors import QueryTooExpensiveError

DAYS_PER_INSERT = 60
"""Bounds the memory of one statement."""
TURNS_PER_INSERT = 1_000_000
"""The same where there are about as many rows as turns."""
FEWER_DAYS = (8, 1)
"""Instead, one after the other, when a statement goes over its limits."""

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Publication:
    """What one build published."""

    publication: int
    watermark: int
    days: tuple[date, ...]
    withheld: tuple[date, ...]
    failures: tuple[Failure, ...]
    rows_differ: int
    turns: int
    seconds: float


class Rollups:
    """Builds and publishes. The caller holds the lock that `confirm_lock` confirms.

    Args:
        writer: the door.
        zone: IANA name of the zone whose days are built.
        grace_seconds: how long a build that was replaced may still be read.
        confirm_lock: raises when the lock is lost.
        step: told what was done.
        tzdata: release of the database of zones.
        clock: the zone's clock in it.
    """

    def __init__(
        self,
        writer: Writer,
        *,
        zone: str,
        grace_seconds: int,
        confirm_lock: Callable[[], None],
        step: Step = no_step,
        tzdata: str = zones.RELEASE,
        clock: zones.Clock | None = None,
    ) -> None:
        self._writer = writer
        self._days = ReportDays(zone, tzdata, clock or zones.ledger_clock(zone))
        self._publisher = Publisher(writer, grace_seconds=grace_seconds, confirm_lock=confirm_lock)
        self._checks = BlockingChecks(writer)
        self._step = step
        self._days_per_insert = DAYS_PER_INSERT

    def current_publication(self) -> CurrentPublication | None:
        """The newest publication of the zone and rules of today; None when there is none."""
        current = self._publisher.current_publication()
        if current is None or (current.zone, current.rules) != (self._days.zone, RULES):
            return None
        return current

    def follow(self, state: Watermark) -> Publication | None:
        """Publish every day that changed up to a finished batch; None when nothing is new."""
        current = self._publisher.current_publication()
        if current is None or (current.epoch, current.zone) != (state.epoch, self._days.zone):
            return self._publish(state, current, base=0, days=self._changed_days(state, since=0))
        if current.rules != RULES:
            return self._publish_all(state, current)
        if (current.watermark, current.tzdata) == (state.watermark, self._days.tzdata):
            return None
        withheld = [
            build.day
            for build in self._publisher.builds(current.publication).values()
            if build.withheld
        ]
        days = {
            *self._changed_days(state, since=current.watermark),
            *withheld,
            *self._shifted_days(state, current),
        }
        return self._publish(state, current, base=current.publication, days=sorted(days))

    def rebuild(self, state: Watermark, days: Iterable[date]) -> Publication:
        """Build the given days again, changed or not."""
        current = self._publisher.current_publication()
        if current is None or (current.epoch, current.zone) != (state.epoch, self._days.zone):
            return self._publish(state, current, base=0, days=self._changed_days(state, since=0))
        if current.rules != RULES:
            return self._publish_all(state, current)
        days = {*days, *self._shifted_days(state, current)}
        return self._publish(state, current, base=current.publication, days=sorted(days))

    def compact(self, state: Watermark) -> tuple[date, ...]:
        """Put months that are spread over many builds into one each. Returns the moved days."""
        current = self.current_publication()
        if current is None or (current.epoch, current.watermark, current.tzdata) != (
            state.epoch,
            state.watermark,
            self._days.tzdata,
        ):
            return ()
        return Compaction(self._writer, self._publisher, days=self._days).run(state, current)

    def collect(self) -> int:
        """Drop what no reader needs. Returns the number of dropped partitions."""
        dropped = self._publisher.collect()
        self._step("collected")
        return dropped

    def _publish_all(self, state: Watermark, current: CurrentPublication) -> Publication:
        """Build every day by the rules of today."""
        log.info("rollups_rebuilt", rules_before=current.rules, rules=RULES)
        days = {*self._publisher.builds(current.publication), *self._changed_days(state, since=0)}
        return self._publish(state, current, base=current.publication, days=sorted(days))

    def _changed_days(self, state: Watermark, *, since: int) -> list[date]:
        rows = self._writer.rows(
            "rollups/changed_days",
            {
                **self._days.clock.parameters(),
                "epoch": state.epoch,
                "since": since,
                "until": state.watermark,
            },
        )
        return [row["day"] for row in rows]

    def is_of_this_tzdata(self, current: CurrentPublication) -> bool:
        """Whether its days begin where the database of zones has it now."""
        return current.tzdata == self._days.tzdata

    def _shifted_days(self, state: Watermark, current: CurrentPublication) -> set[date]:
        """Days that begin or end elsewhere since they were built: another `tzdata` says so."""
        if self.is_of_this_tzdata(current):
            return set()
        recorded = self._publisher.clock(current.publication)
        builds = self._publisher.builds(current.publication)
        moved = {
            day
            for day in builds
            if recorded is None or _edges(recorded, day) != _edges(self._days.clock, day)
        }
        if moved:
            # A turn may have moved to a day that had none.
            moved |= set(self._changed_days(state, since=0)) - builds.keys()
        log.info("days begin elsewhere", tzdata=self._days.tzdata, days=len(moved))
        return moved

    def _publish(
        self,
        state: Watermark,
        current: CurrentPublication | None,
        *,
        base: int,
        days: Sequence[date],
    ) -> Publication:
        clock = time.monotonic()
        version, made, moves = self._build_within_limits(state, current, days, base=base)
        failures = self._check(state, made, version=version)
        withheld = linked_days({failure.day for failure in failures}, moves) & set(made)
        builds = self._published_builds(
            state, current, made, base=base, version=version, withheld=withheld
        )
        self._publisher.publish(
            publication=version,
            state=state,
            days=self._days,
            builds=builds,
            replaces=current,
        )
        self._step("published")
        outcome = Publication(
            publication=version,
            watermark=state.watermark,
            days=tuple(made),
            withheld=tuple(sorted(withheld)),
            failures=tuple(failures),
            rows_differ=sum(build.rows_differ for build in builds),
            turns=sum(build.turns for build in builds),
            seconds=time.monotonic() - clock,
        )
        log.info(
            "published",
            publication=version,
            days=len(made),
            withheld=len(withheld),
            seconds=round(outcome.seconds, 3),
        )
        return outcome

    def _build_within_limits(
        self,
        state: Watermark,
        current: CurrentPublication | None,
        days: Sequence[date],
        *,
        base: int,
    ) -> tuple[int, list[date], list[tuple[date, date]]]:
        """Build with fewer days in a statement when many go over its limits.

        What a refused statement has stored by then has a version that is never published.
        """
        self._days_per_insert = DAYS_PER_INSERT
        fewer = [size for size in FEWER_DAYS if size < len(days)]
        while True:
            version = monotonic_id(current.publication if current else 0)
            try:
                made, moves = self._build(state, days, base=base, version=version)
            except QueryTooExpensiveError as error:
                if not fewer:
                    raise
                self._days_per_insert = fewer.pop(0)
                log.warning(
                    "a build goes over its limits and begins again with fewer days at once",
                    days=len(days),
                    days_at_once=self._days_per_insert,
                    error=str(error),
                )
            else:
                return version, made, moves

    def _build(
        self, state: Watermark, days: Sequence[date], *, base: int, version: int
    ) -> tuple[list[date], list[tuple[date, date]]]:
        """Insert all tables of the build. Returns its days and the moves of first days."""
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

    def _check(self, state: Watermark, days: Sequence[date], *, version: int) -> list[Failure]:
        return self._checks.run(
            [
                self._parameters(state, some, version=version)
                for some in _chunks(days, self._days_per_insert)
            ]
        )

    def _published_builds(
        self,
        state: Watermark,
        current: CurrentPublication | None,
        days: Sequence[date],
        *,
        base: int,
        version: int,
        withheld: set[date],
    ) -> list[PublishedBuild]:
        differ: dict[date, int] = {}
        turns: dict[date, int] = {}
        compared = self._publisher.builds(base) if base else {}
        for some in _chunks(days, self._days_per_insert):
            built = {"days": some, "version": version}
            versions = {version, *(compared[day].version for day in some if day in compared)}
            both = {**built, "base": base, "versions": sorted(versions)}
            differ |= _by_day(self._writer.rows("rollups/differences", both))
            turns |= _by_day(self._writer.rows("rollups/turns_of_days", built))
        # The last good numbers of a withheld day, of the epoch before if need be.
        served = (
            self._publisher.builds(current.publication)
            if current is not None and current.zone == self._days.zone and withheld
            else {}
        )
        builds = []
        for day in days:
            if day not in withheld:
                builds.append(
                    PublishedBuild(
                        day=day,
                        version=version,
                        withheld=False,
                        watermark=state.watermark,
                        data_through=state.data_through,
                        turns=turns.get(day, 0),
                        rows_differ=differ.get(day, 0),
                    )
                )
                continue
            before = served.get(day)
            builds.append(
                PublishedBuild(
                    day=day,
                    version=before.version if before else 0,
                    withheld=True,
                    watermark=before.watermark if before and base else 0,
                    data_through=_oldest_data_through(before, current),
                    turns=before.turns if before else 0,
                )
            )
        return builds

    def _parameters(
        self, state: Watermark, days: Sequence[date], *, version: int
    ) -> dict[str, Any]:
        around = {day + timedelta(days=shift) for day in days for shift in (-1, 0, 1)}
        (first, _), (_, end) = (_edges(self._days.clock, day) for day in (days[0], days[-1]))
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


def linked_days(failed: set[date], moves: Iterable[tuple[date, date]]) -> set[date]:
    """The failed days and those that share a moving newcomer with them.

    Publishing one side of a move alone would count that person as new twice, or never.
    """
    linked = set(failed)
    pairs = [{*move} - {THE_PUBLICATION} for move in moves]
    while True:
        grown = linked.union(*(pair for pair in pairs if pair & linked))
        if grown == linked:
            return linked
        linked = grown


def _edges(clock: zones.Clock, day: date) -> tuple[int, int]:
    return clock.day_start(day), clock.day_start(day + timedelta(days=1))


def _oldest_data_through(
    before: PublishedBuild | None, current: CurrentPublication | None
) -> datetime:
    if before is None or current is None:
        return datetime.fromtimestamp(0, UTC)
    # A day that was not withheld yet was complete up to the publication before this one.
    return before.data_through if before.withheld else current.data_through


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
