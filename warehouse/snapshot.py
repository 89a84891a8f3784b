"""The published state of the warehouse, resolved once per answer.

Every figure of one answer is read at one snapshot, which the answer names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from warehouse.clickhouse.reader import ArrayLiteral, Reader
from warehouse.clickhouse.statements import statement
from warehouse.periods import TimeRange, ceil_to_quarter, midnight
from warehouse.tiers import touched_days

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
BUILD = ("version", "withheld", "data_through", "watermark", "turns")
"""Columns of a build, in the order of `Build`."""
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Build:
    """The build that serves one day of the report zone."""

    version: int
    is_withheld: bool
    """A blocking check failed: the day keeps older numbers."""
    data_through: datetime
    watermark: int = 0
    """Facts of the day with a smaller transaction id belong to the build."""
    turns: int = 0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The published state at the start of an answer."""

    id: str
    """Opaque, changes whenever any figure or its age may have changed."""
    publication: int
    epoch: int
    """Generation of the replica; a resync opens the next."""
    watermark: int
    """Facts with a smaller transaction id belong to the snapshot."""
    data_through: datetime
    """Everything received before this moment is counted (UTC)."""
    published_at: datetime | None
    """When the newest build was published; None before the first."""
    report_timezone: str
    """Zone whose calendar days the builds are."""
    builds: dict[date, Build] = field(default_factory=dict, repr=False, compare=False)

    @property
    def is_empty(self) -> bool:
        """Nothing was published yet: there are no figures, not even zeros."""
        return self.published_at is None

    @property
    def figures(self) -> tuple[object, ...]:
        """Equal for snapshots whose published figures are the same.

        That nothing new has arrived changes them only where a period ends, or is cut for the
        comparison with the one before: on quarters of an hour.
        """
        quarter = ceil_to_quarter(self.data_through)
        return self.epoch, self.publication, quarter, quarter == self.data_through

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.report_timezone)

    @property
    def beginning(self) -> datetime | None:
        """The first moment of the first day with a turn, where the period `all` begins."""
        first = min((day for day, build in self.builds.items() if build.turns), default=None)
        return None if first is None else midnight(first, self.zone)

    def lag_seconds(self, now: datetime) -> float:
        """Age of the answer at `now`, never negative."""
        return max(0.0, (now.astimezone(UTC) - self.data_through).total_seconds())

    def data_through_of(self, span: TimeRange | None) -> datetime:
        """The oldest state that an answer about the span rests on: days withheld count.

        None: of all days.
        """
        first, last = touched_days(span, self.zone) if span else (date.min, date.max)
        withheld = (
            build.data_through
            for day, build in self.builds.items()
            if build.is_withheld and first <= day <= last
        )
        return min((self.data_through, *withheld))

    def as_old_as(self, span: TimeRange | None) -> Snapshot:
        """The same, with the age that an answer about the span has to state."""
        return replace(self, data_through=self.data_through_of(span))

    def days_withheld(self) -> tuple[date, ...]:
        return tuple(day for day, build in sorted(self.builds.items()) if build.is_withheld)

    def rows_excluded(self) -> list[tuple[int, int, int]]:
        """Since, until (Unix seconds) and watermark of each day that keeps older numbers."""
        return [
            (
                int(midnight(day, self.zone).timestamp()),
                int(midnight(day + _DAY, self.zone).timestamp()),
                build.watermark,
            )
            for day, build in sorted(self.builds.items())
            if build.is_withheld
        ]

    def versions(self, first: date, last: date) -> ArrayLiteral:
        """(day, version) of the builds that serve the days, both ends included."""
        return self.versions_of(day for day in self.builds if first <= day <= last)

    def versions_of(self, days: Iterable[date]) -> ArrayLiteral:
        """The same for these days, each of which has one; of type Array(Tuple(Date, UInt64))."""
        return ArrayLiteral(f"('{day}',{self.builds[day].version})" for day in days)


NOTHING_PUBLISHED = Snapshot(
    id="0",
    publication=0,
    epoch=0,
    watermark=0,
    data_through=BEGINNING,
    published_at=None,
    report_timezone="UTC",
)


async def resolve(reader: Reader, *, known: Snapshot | None = None) -> Snapshot:
    """The snapshot that is published now.

    `known` is an earlier snapshot of the same warehouse: then one small statement tells what was
    published since.
    """
    if known is not None and not known.is_empty:
        rows = await reader.rows("news", statement("reports/news"), {"known": known.publication})
        found = _next_snapshot(known, rows)
        if found is not None:
            return found
    publications = await reader.rows("head", statement("reports/head"), {})
    if not publications:
        return NOTHING_PUBLISHED
    current = publications[0]
    builds = await reader.rows(
        "builds",
        statement("reports/builds"),
        {name: current[name] for name in ("publication", "epoch", "zone")},
    )
    return _snapshot(current, {row["day"]: Build(*row["build"]) for row in builds})


def _next_snapshot(known: Snapshot, rows: Sequence[Mapping[str, Any]]) -> Snapshot | None:
    """The newest snapshot, from what was published since; None when it does not follow.

    One publication is one part of its table: where it is seen, all of its builds are.
    """
    publications = [row for row in rows if row["day"] == BEGINNING.date()]
    current = max(
        publications,
        key=lambda row: (row["epoch"], row["watermark"], row["publication"]),
        default=None,
    )
    if current is None or (current["epoch"], current["zone"]) != (
        known.epoch,
        known.report_timezone,
    ):
        return None
    changed: dict[date, Build] = {}
    for row in rows:
        is_build = row["day"] != BEGINNING.date() and row["publication"] > known.publication
        is_ours = (row["epoch"], row["zone"]) == (current["epoch"], current["zone"])
        if not is_build or not is_ours or row["publication"] > current["publication"]:
            continue
        before = changed.get(row["day"]) or known.builds.get(row["day"])
        # As `builds.sql` has it: the later state of the ledger, and of one state the later build.
        if before is None or row["watermark"] >= before.watermark:
            changed[row["day"]] = Build(*(row[name] for name in BUILD))
    through = [current["data_through"]]
    publication, last_checked = current["last_checked"]
    if publication == current["publication"]:
        through.append(last_checked)
    if known.publication == current["publication"]:
        through.append(known.data_through)
    current = {**current, "data_through": max(through)}
    return _snapshot(current, {**known.builds, **changed} if changed else known.builds)


def _snapshot(current: Mapping[str, Any], builds: dict[date, Build]) -> Snapshot:
    through: datetime = current["data_through"]
    return Snapshot(
        id=f"{current['epoch']}.{current['publication']}.{int(through.timestamp() * 1000)}",
        publication=current["publication"],
        epoch=current["epoch"],
        watermark=current["watermark"],
        data_through=through,
        published_at=current["published_at"],
        report_timezone=current["zone"],
        builds=builds,
    )
