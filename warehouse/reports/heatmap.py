"""Activity by weekday and hour."""

from __future__ import annotations

from dataclasses import dataclass

from common.zones import Clock, clock_of
from warehouse.clickhouse.reader import Reader
from warehouse.periods import Period
from warehouse.reports.ledger_tier import ask_filtered
from warehouse.reports.parameters import Row, time_range
from warehouse.reports.shapes import NO_FILTERS, Filters
from warehouse.snapshot import Snapshot
from warehouse.tiers import touched_days

WEEKDAYS = range(1, 8)
HOURS = range(24)


@dataclass(frozen=True, slots=True)
class HeatmapCell:
    weekday: int
    """1 Monday to 7 Sunday, in the period's zone."""
    hour: int
    user_messages: int
    turns: int
    active_users: int


@dataclass(frozen=True, slots=True)
class Heatmap:
    cells: tuple[HeatmapCell, ...]
    """All 168, Monday 00:00 first."""


async def heatmap(
    reader: Reader, *, snapshot: Snapshot, period: Period, filters: Filters = NO_FILTERS
) -> Heatmap:
    """Weekday by hour in the period's zone, all 168 cells."""
    rows = await ask_filtered(
        reader,
        "heatmap",
        {
            **time_range(period.span),
            "builds": snapshot.versions(*touched_days(period.span, snapshot.zone)),
            **_clock(period).parameters(),
        },
        filters,
        tier="activity",
        snapshot=snapshot,
        days=touched_days(period.span, snapshot.zone),
    )
    found = {(row["weekday"], row["hour"]): row for row in rows}
    return Heatmap(
        tuple(
            _cell(weekday, hour, found.get((weekday, hour)))
            for weekday in WEEKDAYS
            for hour in HOURS
        )
    )


def _clock(period: Period) -> Clock:
    return clock_of(period.zone, int(period.since.timestamp()), int(period.until.timestamp()))


def _cell(weekday: int, hour: int, row: Row | None) -> HeatmapCell:
    if row is None:
        return HeatmapCell(weekday, hour, 0, 0, 0)
    return HeatmapCell(weekday, hour, row["user_messages"], row["turns"], row["active_users"])
