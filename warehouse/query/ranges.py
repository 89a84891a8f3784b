"""The date ranges that a query may name, resolved in its zone. Days include today."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from warehouse.moments import first_moment
from warehouse.periods import (
    LONGEST_PERIOD_DAYS,
    Bucket,
    Period,
    PeriodName,
    ceil_to_quarter,
    next_bucket,
    resolve,
)

LAST_DAYS = {"7d": 7, "28d": 28, "30d": 30, "91d": 91}
LAST_MONTHS = {"month": 1, "6mo": 6, "12mo": 12}
NAMES = ("day", "24h", *LAST_DAYS, *LAST_MONTHS, "year", "all")
_ENDS = 2


def resolve_range(
    given: Any, *, now: datetime, zone: ZoneInfo, bucket: Bucket | None, first_day: date | None
) -> Period:
    """The period of a `date_range`.

    Args:
        given: a name, two dates (both included), or two ISO timestamps with offset.
        now: aware.
        zone: whose days are meant.
        bucket: width of the time dimension; None chooses by length.
        first_day: where `all` begins; None: as long ago as a period may reach.

    Raises:
        ValueError: not a range (PeriodError is raised by what it cannot hold).
    """
    today = now.astimezone(zone).date()
    if isinstance(given, str):
        if given == "24h":
            since, until = ceil_to_quarter(now) - timedelta(hours=24), ceil_to_quarter(now)
            return _custom(since, until, now=now, zone=zone, bucket=bucket)
        return _days(_first(given, today, first_day), today, now=now, zone=zone, bucket=bucket)
    if (
        not isinstance(given, list)
        or len(given) != _ENDS
        or not all(isinstance(end, str) for end in given)
    ):
        raise ValueError(_expected())
    begin, end = given
    try:
        days = date.fromisoformat(begin), date.fromisoformat(end)
    except ValueError:
        try:
            moments = datetime.fromisoformat(begin), datetime.fromisoformat(end)
        except ValueError:
            raise ValueError(_expected()) from None
        return _custom(*moments, now=now, zone=zone, bucket=bucket)
    return _days(*days, now=now, zone=zone, bucket=bucket)


def _first(name: str, today: date, first_day: date | None) -> date:
    if name == "day":
        return today
    if name in LAST_DAYS:
        return today - timedelta(days=LAST_DAYS[name] - 1)
    if name in LAST_MONTHS:
        month = today.year * 12 + today.month - LAST_MONTHS[name]
        return date(month // 12, month % 12 + 1, 1)
    if name == "year":
        return today.replace(month=1, day=1)
    if name == "all":
        earliest = today - timedelta(days=LONGEST_PERIOD_DAYS - 1)
        return max(earliest, min(first_day or earliest, today))
    raise ValueError(_expected())


def _days(
    first: date, last: date, *, now: datetime, zone: ZoneInfo, bucket: Bucket | None
) -> Period:
    since, until = first_moment("from", first, zone), first_moment("to", last, zone)
    until = next_bucket(until, Bucket.DAY, zone)
    return _custom(since, until, now=now, zone=zone, bucket=bucket)


def _custom(
    since: datetime, until: datetime, *, now: datetime, zone: ZoneInfo, bucket: Bucket | None
) -> Period:
    return resolve(PeriodName.CUSTOM, now=now, tz=zone.key, since=since, until=until, bucket=bucket)


def _expected() -> str:
    return f"expected one of {', '.join(NAMES)}, two dates, or two timestamps with offset"
