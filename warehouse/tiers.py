"""Chooses the tier: the coarsest that is exact for the range, the zone and the bucket.

The daily tier counts calendar days of the report zone, the quarter-hour tier UTC quarters of an
hour. One statement adds up both.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from warehouse.periods import TimeRange, midnight

NO_DAYS = (date(1970, 1, 2), date(1970, 1, 1))
"""First and last of no days."""


@dataclass(frozen=True, slots=True)
class SplitSpan:
    """A span cut into whole days of the report zone and what is left around them."""

    first_day: date
    last_day: date
    """Inclusive; before `first_day` when the span holds no whole day."""
    days: TimeRange
    """The moments of the whole days; empty at `since` without any."""


def split_span(span: TimeRange, report_zone: ZoneInfo) -> SplitSpan:
    """The whole days come from the daily tier, the rest from the finer one: both are exact."""
    first = _day_of(span.since, report_zone)
    if midnight(first, report_zone) < span.since:
        first += timedelta(days=1)
    end = _day_of(span.until, report_zone)
    begins, ends = midnight(first, report_zone), midnight(end, report_zone)
    if ends <= begins:
        return SplitSpan(*NO_DAYS, TimeRange(span.since, span.since))
    return SplitSpan(first, end - timedelta(days=1), TimeRange(begins, ends))


def split_by_tier(
    days: Iterable[date], edges: Iterable[datetime], report_zone: ZoneInfo
) -> tuple[list[date], list[date]]:
    """The days that the daily tier answers for, and those that are cut by an edge.

    Args:
        days: of the report zone.
        edges: where spans and their buckets begin and end.
        report_zone: whose days the daily tier counts.
    """
    cut = {
        day
        for edge in edges
        if midnight(day := _day_of(edge, report_zone), report_zone) != edge.astimezone(UTC)
    }
    whole: list[date] = []
    parts: list[date] = []
    for day in days:
        (parts if day in cut else whole).append(day)
    return whole, parts


def touched_days(span: TimeRange, report_zone: ZoneInfo) -> tuple[date, date]:
    """First and last day of the report zone that the span touches, whole or in part."""
    return (
        _day_of(span.since, report_zone),
        _day_of(span.until - timedelta(microseconds=1), report_zone),
    )


def run_length_encode(edges: Sequence[int]) -> list[tuple[int, int, int]]:
    """Ascending numbers as arithmetic runs (start, step, count): short however many they are."""
    found: list[tuple[int, int, int]] = []
    for edge in edges:
        if found:
            start, step, count = found[-1]
            if count == 1 and edge > start:
                found[-1] = (start, edge - start, 2)
                continue
            if edge == start + step * count:
                found[-1] = (start, step, count + 1)
                continue
        found.append((edge, 1, 1))
    return found


def day_number(day: date) -> int:
    """ClickHouse's number of a Date: days since 1970-01-01."""
    return (day - date(1970, 1, 1)).days


def _day_of(moment: datetime, zone: ZoneInfo) -> date:
    return moment.astimezone(zone).date()
