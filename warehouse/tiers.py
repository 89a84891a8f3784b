"""Which tier answers: the coarsest that is exact for the range, the zone and the bucket.

The daily tier counts calendar days of the report zone, the quarter-hour tier UTC quarters of an
hour, the ledger single turns. Knows no SQL.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from warehouse.periods import Span, midnight

NO_DAYS = (date(1970, 1, 2), date(1970, 1, 1))
"""First and last of no days."""


class Tier(StrEnum):
    DAILY = "daily"
    QUARTER_HOUR = "quarter_hour"
    LEDGER = "ledger"


@dataclass(frozen=True, slots=True)
class Pieces:
    """A span cut into whole days of the report zone and what is left around them."""

    first_day: date
    last_day: date
    """Inclusive; before `first_day` when the span holds no whole day."""
    days: Span
    """The moments of the whole days; empty at `since` without any."""


def pieces(span: Span, report_zone: ZoneInfo) -> Pieces:
    """The whole days come from the daily tier, the rest from the finer one: both are exact."""
    first = _day_of(span.since, report_zone)
    if midnight(first, report_zone) < span.since:
        first += timedelta(days=1)
    end = _day_of(span.until, report_zone)
    begins, ends = midnight(first, report_zone), midnight(end, report_zone)
    if ends <= begins:
        return Pieces(*NO_DAYS, Span(span.since, span.since))
    return Pieces(first, end - timedelta(days=1), Span(begins, ends))


def totals_tier(span: Span, report_zone: ZoneInfo) -> Tier | None:
    """Daily for whole days of the report zone, quarters without any; None: both are needed."""
    cut = pieces(span, report_zone)
    if cut.days == span:
        return Tier.DAILY
    return Tier.QUARTER_HOUR if cut.days.since == cut.days.until else None


def series_tier(span: Span, starts: Sequence[datetime], report_zone: ZoneInfo) -> Tier:
    """Daily when every edge is a midnight of the report zone, whatever zone was asked for."""
    edges = (*(start for start in starts if start > span.since), span.since, span.until)
    if all(_is_midnight(edge, report_zone) for edge in edges):
        return Tier.DAILY
    return Tier.QUARTER_HOUR


def people_tier(*, narrowed: bool) -> Tier:
    """Sums per person are kept per day and bot; any other dimension asks the ledger."""
    return Tier.LEDGER if narrowed else Tier.DAILY


def touched_days(span: Span, report_zone: ZoneInfo) -> tuple[date, date]:
    """First and last day of the report zone that the span touches, whole or in part."""
    return (
        _day_of(span.since, report_zone),
        _day_of(span.until - timedelta(microseconds=1), report_zone),
    )


def runs(edges: Sequence[int]) -> list[tuple[int, int, int]]:
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


def _is_midnight(moment: datetime, zone: ZoneInfo) -> bool:
    return midnight(_day_of(moment, zone), zone) == moment.astimezone(UTC)
