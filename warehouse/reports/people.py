"""Who comes, who returns, who leaves. Days are those of the report zone."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from itertools import pairwise

from warehouse.clickhouse.reader import Reader
from warehouse.periods import Bucket, Period, bucket_start, midnight, next_bucket
from warehouse.reports.answers import NO_FILTERS, Filters
from warehouse.reports.asking import (
    Parameters,
    ask_filtered,
    day_edges,
    days_of,
    is_narrowed,
    ratio,
)
from warehouse.reports.people_answers import (
    Cohort,
    CohortWidth,
    Lifecycle,
    LifecyclePoint,
    Retention,
    Stickiness,
    StickinessPoint,
)
from warehouse.snapshot import Snapshot
from warehouse.tiers import day_number, touched_days

ONE_DAY = timedelta(days=1)
MONTH_OF_ACTIVITY = timedelta(days=29)
"""Before a day: the rest of the 30 that make its MAU."""
CHURN_AFTER = timedelta(days=28)


async def retention(
    reader: Reader,
    *,
    snapshot: Snapshot,
    period: Period,
    width: CohortWidth = CohortWidth.DAY,
    steps: int = 30,
    filters: Filters = NO_FILTERS,
) -> Retention:
    """Cohorts that began in the period and how many returned in exactly the n-th day (week).

    Args:
        reader: the door.
        snapshot: what the answer rests on.
        period: its days in the report zone are the cohorts; a day (week) that it cuts counts
            whole.
        width: days, or weeks from Monday.
        steps: 1 to 60 days or weeks followed after the first.
        filters: of the people who began, those whom the filters find active at once; and only
            their activity that the filters find.
    """
    days = 7 if width is CohortWidth.WEEK else 1
    first, last = _days_shown(snapshot, period)
    first -= timedelta(days=first.weekday() if days > 1 else 0)
    last += timedelta(days=6 - last.weekday() if days > 1 else 0)
    followed = last + timedelta(days=steps * days)
    parameters: Parameters = {
        "last_day": last,
        "width": days,
        "steps": steps,
        "builds": snapshot.versions(first, followed),
    }
    if is_narrowed(filters):
        parameters |= {"first_day": first, "followed_last": followed}
    rows = await ask_filtered(reader, "retention", parameters, filters)
    found = {(row["start"], row["step"]): row["people"] for row in rows}
    today = _today(snapshot)
    cohorts = []
    start = first
    while start <= last:
        over = ((today - start).days // days) - 1
        cohorts.append(
            Cohort(
                start,
                found.get((start, 0), 0),
                tuple(
                    found.get((start, step), 0) if step <= max(over, 0) else None
                    for step in range(steps + 1)
                ),
            )
        )
        start += timedelta(days=days)
    return Retention(width, snapshot.report_timezone, tuple(cohorts))


async def stickiness(
    reader: Reader, *, snapshot: Snapshot, period: Period, filters: Filters = NO_FILTERS
) -> Stickiness:
    """DAU, WAU (7 days) and MAU (30 days) for each day of the period, from exact unions."""
    first, last = _days_shown(snapshot, period)
    rows = await ask_filtered(
        reader,
        "stickiness",
        {
            **days_of(first, last),
            "builds": snapshot.versions(first - MONTH_OF_ACTIVITY, last),
        },
        filters,
    )
    found = {row["target"]: row for row in rows}
    points = []
    for day in _each(first, last):
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


async def lifecycle(
    reader: Reader, *, snapshot: Snapshot, period: Period, filters: Filters = NO_FILTERS
) -> Lifecycle:
    """New, returning, resurrected, dormant and churned people per day, week or month.

    The period's bucket when it is one of those, else the day. A bucket that the period cuts, at
    either end, counts whole and says so; days that have not come yet do not count.
    """
    bucket = period.bucket if period.bucket in (Bucket.WEEK, Bucket.MONTH) else Bucket.DAY
    first, last = _days_shown(snapshot, period)
    *starts, end = _bucket_days(snapshot, bucket, first, last)
    last = min(end - ONE_DAY, _today(snapshot))
    history = min(starts[0], starts[1] - CHURN_AFTER)
    rows = await ask_filtered(
        reader,
        "lifecycle",
        {
            **days_of(starts[1], last),
            "history_first": history,
            "edges": day_edges(starts),
            "builds": snapshot.versions(history, last),
        },
        filters,
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


def _days_shown(snapshot: Snapshot, period: Period) -> tuple[date, date]:
    """The days that the period touches, up to the day that the data reach (at least one)."""
    first, last = touched_days(period.span, snapshot.zone)
    return first, max(first, min(last, _today(snapshot)))


def _today(snapshot: Snapshot) -> date:
    """The day of the report zone that the data reach."""
    return snapshot.data_through.astimezone(snapshot.zone).date()


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

    starts = {start_of(day) for day in _each(first, last)}
    after = next_bucket(midnight(max(starts), zone), bucket, zone).astimezone(zone).date()
    return sorted({start_of(min(starts) - ONE_DAY), *starts, after})


def _each(first: date, last: date) -> list[date]:
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]
