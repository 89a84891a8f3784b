"""New, returning, resurrected, dormant and churned people."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise

from warehouse.clickhouse.reader import Reader
from warehouse.periods import Bucket, Period, bucket_start, midnight, next_bucket
from warehouse.reports.ledger_tier import ask_filtered
from warehouse.reports.parameters import (
    day_edges,
    day_range,
    days_shown,
    each_day,
    today,
)
from warehouse.reports.shapes import NO_FILTERS, Filters
from warehouse.snapshot import Snapshot
from warehouse.tiers import day_number

ONE_DAY = timedelta(days=1)
CHURN_AFTER = timedelta(days=28)


@dataclass(frozen=True, slots=True)
class LifecyclePoint:
    """A bucket against the bucket before: active = new + returning + resurrected."""

    start: date
    active: int
    new: int
    """First turn ever in this bucket."""
    returning: int
    """Active in this bucket and in the one before."""
    resurrected: int
    """Active in this bucket, not in the one before, and not new."""
    dormant: int
    """Active in the bucket before, not in this one."""
    churned: int
    """People whose latest message turned 28 days old within this bucket."""
    is_partial: bool
    """The bucket reaches beyond the period or the data. Its days outside the period count, those
    that have not come yet do not."""


@dataclass(frozen=True, slots=True)
class Lifecycle:
    tz: str
    points: tuple[LifecyclePoint, ...]


async def lifecycle(
    reader: Reader, *, snapshot: Snapshot, period: Period, filters: Filters = NO_FILTERS
) -> Lifecycle:
    """New, returning, resurrected, dormant and churned people per day, week or month.

    The period's bucket when it is one of those, else the day. A bucket that the period cuts, at
    either end, counts whole and says so; days that have not come yet do not count.
    """
    bucket = period.bucket if period.bucket in (Bucket.WEEK, Bucket.MONTH) else Bucket.DAY
    first, last = days_shown(snapshot, period)
    *starts, end = _bucket_days(snapshot, bucket, first, last)
    last = min(end - ONE_DAY, today(snapshot))
    history = min(starts[0], starts[1] - CHURN_AFTER)
    rows = await ask_filtered(
        reader,
        "lifecycle",
        {
            **day_range(starts[1], last),
            "history_first": history,
            "edges": day_edges(starts),
            "builds": snapshot.versions(history, last),
        },
        filters,
        tier="daily",
        snapshot=snapshot,
        days=(history, last),
    )
    found = {row["start"]: row for row in rows}
    points = []
    for start, until in pairwise((*starts[1:], end)):
        row = found[day_number(start)]
        points.append(
            LifecyclePoint(
                start=start,
                is_partial=_is_cut(snapshot, period, start, until),
                active=row["active"],
                new=row["new"],
                returning=row["returning"],
                resurrected=row["active"] - row["new"] - row["returning"],
                dormant=row["active_before"] - row["returning"],
                churned=row["churned"],
            )
        )
    return Lifecycle(snapshot.report_timezone, tuple(points))


def _is_cut(snapshot: Snapshot, period: Period, first: date, end: date) -> bool:
    """Whether the period or the data leave out a part of the days [first, end)."""
    since, until = midnight(first, snapshot.zone), midnight(end, snapshot.zone)
    return since < period.since or until > min(period.until, snapshot.data_through)


def _bucket_days(snapshot: Snapshot, bucket: Bucket, first: date, last: date) -> list[date]:
    """First days of the buckets from `first` to `last`, and of one before and one after them."""
    zone = snapshot.zone

    def start_of(day: date) -> date:
        noon: datetime = midnight(day, zone) + timedelta(hours=12)
        return bucket_start(noon, bucket, zone).astimezone(zone).date()

    starts = {start_of(day) for day in each_day(first, last)}
    after = next_bucket(midnight(max(starts), zone), bucket, zone).astimezone(zone).date()
    return sorted({start_of(min(starts) - ONE_DAY), *starts, after})
