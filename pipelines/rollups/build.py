"""Rebuilds the days that changed, checks them, and publishes them together.

A build is made beside the published one under a version of its own, so it can be thrown away or
repeated at any moment. A day that new turns came to is built from the published build and these
turns; if the checks object, and in every rebuild, from the ledger alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from common import zones
from common.log import get_logger
from pipelines.replication.batch import Step, no_step
from pipelines.replication.watermark import Watermark
from pipelines.rollups.checks import BLOCKING, CheckFailure, record_results
from pipelines.rollups.compaction import Compaction
from pipelines.rollups.day_tables import NO_CHANGES, BuildInputs, Changes, DayTables, day_edges
from pipelines.rollups.publish import (
    THE_PUBLICATION,
    CurrentPublication,
    PublishedBuild,
    Publisher,
    ReportDays,
)
from warehouse.catalogue import RULES
from warehouse.clickhouse.client import Writer

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Publication:
    """The outcome of one build."""

    publication: int
    watermark: int
    days: tuple[date, ...]
    withheld: tuple[date, ...]
    failures: tuple[CheckFailure, ...]
    rows_differ: int
    turns: int
    seconds: float


class Rollups:
    """Builds and publishes. The caller holds the lock that `confirm_lock` confirms.

    Args:
        writer: connection to ClickHouse.
        zone: IANA name of the zone whose days are built.
        grace_seconds: how long a build that was replaced may still be read.
        confirm_lock: raises when the lock is lost.
        step: called after each step with its name.
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
        self._tables = DayTables(writer, self._days, step=step)
        self._step = step

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
            return self._publish(state, current, base=0, days=[*self._changed_days(state, since=0)])
        if current.rules != RULES:
            return self._publish_all(state, current)
        if (current.watermark, current.tzdata) == (state.watermark, self._days.tzdata):
            return None
        changed = self._changed_days(state, since=current.watermark)
        builds = self._publisher.builds(current.publication)
        whole = {day for day, build in builds.items() if build.withheld}
        whole |= self._shifted_days(state, current)
        return self._publish(
            state,
            current,
            base=current.publication,
            days=sorted(changed.keys() | whole),
            changes=self._changes(
                state,
                current,
                {day: changed[day] for day in changed.keys() & builds.keys() - whole},
            ),
        )

    def rebuild(self, state: Watermark, days: Iterable[date]) -> Publication:
        """Build the given days again, changed or not."""
        current = self._publisher.current_publication()
        if current is None or (current.epoch, current.zone) != (state.epoch, self._days.zone):
            return self._publish(state, current, base=0, days=[*self._changed_days(state, since=0)])
        if current.rules != RULES:
            return self._publish_all(state, current)
        days = {*days, *self._shifted_days(state, current)}
        return self._publish(state, current, base=current.publication, days=sorted(days))

    def compact(self, state: Watermark) -> tuple[date, ...]:
        """Compact months that are spread over many builds. Returns the moved days."""
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

    def _changed_days(self, state: Watermark, *, since: int) -> dict[date, list[int]]:
        """Days with turns written since, in order, and the quarters of an hour of these turns."""
        rows = self._writer.rows(
            "rollups/changed_days",
            {
                **self._days.clock.parameters(),
                "epoch": state.epoch,
                "since": since,
                "until": state.watermark,
            },
        )
        return {row["day"]: row["quarters"] for row in rows}

    def _changes(
        self, state: Watermark, current: CurrentPublication, quarters: dict[date, list[int]]
    ) -> Changes:
        """The days that can be built incrementally."""
        since = current.watermark
        tied = self._tables.tied_days(
            state, sorted(quarters), base=current.publication, changed_since=since
        )
        return Changes(since=since, quarters={day: quarters[day] for day in quarters.keys() - tied})

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
            if recorded is None or day_edges(recorded, day) != day_edges(self._days.clock, day)
        }
        if moved:
            # A turn may have moved to a day that had none.
            moved |= self._changed_days(state, since=0).keys() - builds.keys()
        log.info("days begin elsewhere", tzdata=self._days.tzdata, days=len(moved))
        return moved

    def _publish(
        self,
        state: Watermark,
        current: CurrentPublication | None,
        *,
        base: int,
        days: Sequence[date],
        changes: Changes = NO_CHANGES,
    ) -> Publication:
        clock = time.monotonic()
        previous = current.publication if current else 0
        build, made, moves = self._tables.build(
            state, days, base=base, previous=previous, changes=changes
        )
        failures = self._failures(build, made)
        if failures and changes.quarters:
            # A turn was replaced or deleted, which no addition can tell. Or the day is wrong.
            log.info("building whole days", days=len(days), check=failures[0].check)
            build, made, moves = self._tables.build(state, days, base=base, previous=build.version)
            failures = self._failures(build, made)
        if made:
            record_results(self._writer, failures)
        withheld = linked_days({failure.day for failure in failures}, moves) & set(made)
        builds = self._published_builds(build, current, made, withheld=withheld)
        self._publisher.publish(
            publication=build.version,
            state=state,
            days=self._days,
            builds=builds,
            replaces=current,
        )
        self._step("published")
        outcome = Publication(
            publication=build.version,
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
            publication=build.version,
            days=len(made),
            withheld=len(withheld),
            seconds=round(outcome.seconds, 3),
        )
        return outcome

    def _failures(self, build: BuildInputs, days: Sequence[date]) -> list[CheckFailure]:
        return [
            CheckFailure(check, row["day"], row["observed"], row["expected"])
            for check in BLOCKING
            for row in self._tables.check(check, build, days)
        ]

    def _published_builds(
        self,
        build: BuildInputs,
        current: CurrentPublication | None,
        days: Sequence[date],
        *,
        withheld: set[date],
    ) -> list[PublishedBuild]:
        published = self._publisher.builds(build.base) if build.base else {}
        differ, turns = self._tables.compare(build, days, published)
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
                        version=build.version,
                        withheld=False,
                        watermark=build.state.watermark,
                        data_through=build.state.data_through,
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
                    watermark=before.watermark if before and build.base else 0,
                    data_through=_oldest_data_through(before, current),
                    turns=before.turns if before else 0,
                )
            )
        return builds


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


def _oldest_data_through(
    before: PublishedBuild | None, current: CurrentPublication | None
) -> datetime:
    if before is None or current is None:
        return datetime.fromtimestamp(0, UTC)
    # A day that was not withheld yet was complete up to the publication before this one.
    return before.data_through if before.withheld else current.data_through
