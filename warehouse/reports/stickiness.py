"""Daily, weekly and monthly active people."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from warehouse.clickhouse.reader import Reader
from warehouse.periods import Period
from warehouse.reports.ledger_tier import ask_filtered
from warehouse.reports.parameters import day_range, days_shown, each_day, ratio
from warehouse.reports.shapes import NO_FILTERS, Filters
from warehouse.snapshot import Snapshot

MONTH_OF_ACTIVITY = timedelta(days=29)
"""Before a day: the rest of the 30 that make its MAU."""


@dataclass(frozen=True, slots=True)
class StickinessPoint:
    day: date
    dau: int
    wau: int
    """Distinct people of the 7 days that end with this one."""
    mau: int
    """Distinct people of the 30 days that end with this one."""
    dau_mau: float | None


@dataclass(frozen=True, slots=True)
class Stickiness:
    tz: str
    points: tuple[StickinessPoint, ...]
    average_dau: float
    average_dau_mau: float | None


async def stickiness(
    reader: Reader, *, snapshot: Snapshot, period: Period, filters: Filters = NO_FILTERS
) -> Stickiness:
    """DAU, WAU (7 days) and MAU (30 days) for each day of the period, from exact unions."""
    first, last = days_shown(snapshot, period)
    rows = await ask_filtered(
        reader,
        "stickiness",
        {
            **day_range(first, last),
            "builds": snapshot.versions(first - MONTH_OF_ACTIVITY, last),
        },
        filters,
        tier="daily",
        snapshot=snapshot,
        days=(first - MONTH_OF_ACTIVITY, last),
    )
    found = {row["target"]: row for row in rows}
    points = []
    for day in each_day(first, last):
        row = found.get(day, {"dau": 0, "wau": 0, "mau": 0})
        points.append(
            StickinessPoint(day, row["dau"], row["wau"], row["mau"], ratio(row["dau"], row["mau"]))
        )
    measured = [point.dau_mau for point in points if point.dau_mau is not None]
    return Stickiness(
        snapshot.report_timezone,
        tuple(points),
        ratio(sum(point.dau for point in points), len(points)) or 0.0,
        ratio(sum(measured), len(measured)),
    )
