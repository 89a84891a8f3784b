"""Other periods to compare with: the one before, the same weekdays, a year before, any range."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from warehouse.periods import Period, TimeRange, move_days, move_to

DAYS_OF_WEEK = 7


class Comparison(StrEnum):
    """The other period, as long as this one and cut at the same point."""

    BEFORE = "before"
    """The period before."""
    WEEKDAYS = "weekdays"
    """The nearest earlier one with the same weekdays, which is whole weeks before."""
    YEAR = "year"
    """The same dates of the year before."""


ComparedWith = Comparison | date | None
"""A date is the first day of the other period; None: nothing is compared."""


def compared_range(
    period: Period, other: Comparison | date, *, data_through: datetime
) -> TimeRange:
    """The range that the period is compared with, cut where `data_through` cuts the period.

    Days move on the calendar of the zone: 09:30 is compared with 09:30.
    """
    if other is Comparison.BEFORE:
        return period.previous(data_through=data_through)
    zone = period.zone
    since, cut = period.since, period.cut(data_through)
    first = since.astimezone(zone).date()
    if other is Comparison.YEAR:
        return TimeRange(_year_before(since, zone), _year_before(cut, zone))
    if other is Comparison.WEEKDAYS:
        days = max(1, (period.until.astimezone(zone).date() - first).days)
        moved = -days - -days % DAYS_OF_WEEK
    else:
        moved = (other - first).days
    return TimeRange(move_days(since, moved, zone), move_days(cut, moved, zone))


def _year_before(moment: datetime, zone: ZoneInfo) -> datetime:
    """The same time of the same date; of 29 February, that of 28 February."""
    day = moment.astimezone(zone).date()
    leaps = (day.month, day.day) == (2, 29)
    earlier = (day - timedelta(days=1) if leaps else day).replace(year=day.year - 1)
    return move_to(moment, earlier, zone)
