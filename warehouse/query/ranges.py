"""The date ranges that a query may name, resolved in its zone. Days include today.

Names that `stats` knows too mean the same here. The others, and pairs of dates, are Plausible's.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from warehouse.moments import first_moment
from warehouse.periods import (
    Bucket,
    Period,
    PeriodName,
    months_before,
    next_bucket,
    resolve,
)

SHARED = tuple(
    name
    for name in PeriodName
    if name not in (PeriodName.DAY, PeriodName.WEEK, PeriodName.MONTH, PeriodName.CUSTOM)
)
PLAUSIBLES = ("day", "91d", "month", "6mo", "year")
NAMES = (*SHARED, *PLAUSIBLES)


def resolve_range(
    given: Any,
    *,
    now: datetime,
    zone: ZoneInfo,
    bucket: Bucket | None,
    beginning: datetime | None,
) -> Period:
    """The period of a `date_range`.

    Args:
        given: a name, two dates (both included), or two ISO timestamps with offset.
        now: aware.
        zone: whose days are meant.
        bucket: width of the time dimension; None chooses by length.
        beginning: of the data, where `all` begins; None: as long ago as a period may reach.

    Raises:
        ValueError: not a range (PeriodError is raised by what it cannot hold).
    """
    if given in SHARED:
        name = PeriodName(given)
        return resolve(name, now=now, tz=zone.key, bucket=bucket, beginning=beginning)
    if given in PLAUSIBLES:
        today = now.astimezone(zone).date()
        return _days(_first(given, today), today, now=now, zone=zone, bucket=bucket)
    match given:
        case [str() as begin, str() as end]:
            pass
        case _:
            raise ValueError(_expected())
    try:
        days = date.fromisoformat(begin), date.fromisoformat(end)
    except ValueError:
        try:
            moments = datetime.fromisoformat(begin), datetime.fromisoformat(end)
        except ValueError:
            raise ValueError(_expected()) from None
        return _custom(*moments, now=now, zone=zone, bucket=bucket)
    return _days(*days, now=now, zone=zone, bucket=bucket)


def _first(name: str, today: date) -> date:
    match name:
        case "day":
            return today
        case "91d":
            return today - timedelta(days=90)
        case "month":
            return months_before(today, 0)
        case "6mo":
            return months_before(today, 5)
    return today.replace(month=1, day=1)


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
