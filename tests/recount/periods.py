"""Computes the period of a request from its arguments alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from tests.recount.constants import DAY, HOUR, QUARTER
from tests.recount.zones import Zone, day_of, micros, number_of, zone

MAX_DAYS = 3 * 366
LAST_DAYS = {"today": 1, "7d": 7, "28d": 28, "30d": 30, "90d": 90}
LAST_MONTHS = {"month_to_date": 1, "12mo": 12}
PAST = ("yesterday", "last_month")
"""Names of periods that end before today."""
SHARED = ("24h", *LAST_DAYS, *LAST_MONTHS, "year_to_date", *PAST, "all")
"""Names with one meaning in GET and in a query."""
NAMES = ("day", "week", "month", *SHARED)
"""Names in GET, besides `custom`."""
PLAUSIBLES = ("day", "91d", "month", "6mo", "year")
"""Names in a query with the meaning that Plausible gives them."""
OF_HOURS = ("day", "24h")
DATE_LENGTH = len("2026-03-01")


@dataclass(frozen=True)
class Period:
    """A period `[since, until)` in a time zone."""

    name: str
    since: int
    until: int
    tz: str
    bucket: str

    @property
    def zone(self) -> Zone:
        return zone(self.tz)

    def starts(self) -> list[int]:
        return self.zone.bucket_starts(self.since, self.until, self.bucket)

    def before(self, *, through: int) -> tuple[int, int]:
        """The period before, cut where `through` cuts this one (rounded up to a quarter).

        When both ends are midnights of the zone, calendar days are moved, else elapsed time.
        """
        cut = max(self.since, min(self.until, -(-through // QUARTER) * QUARTER))
        first, end = self.zone.day(self.since), self.zone.day(self.until)
        whole = self.zone.midnight(first) == self.since and self.zone.midnight(end) == self.until
        whole = whole and self.name not in OF_HOURS
        if whole:
            days = end - first
            return self.zone.moved(self.since, -days), self.zone.moved(cut, -days)
        length = self.until - self.since
        return self.since - length, cut - length

    def other(self, arguments: Mapping[str, str], *, through: int) -> tuple[int, int]:
        """The period that a request compares with, cut as in `before`."""
        kind, start = arguments.get("compare_with", "before"), arguments.get("compare_from")
        if kind == "before" and start is None:
            return self.before(through=through)
        cut = max(self.since, min(self.until, -(-through // QUARTER) * QUARTER))
        first, end = self.zone.day(self.since), self.zone.day(self.until)
        if start is not None:
            days = number_of(date.fromisoformat(start)) - first
        elif kind == "weekdays":
            days = -next(whole for whole in range(7, 2000, 7) if whole >= end - first)
        else:
            edges = (self.since, cut)
            since, until = (self.zone.moved(edge, self._to_last_year(edge)) for edge in edges)
            return since, until
        return self.zone.moved(self.since, days), self.zone.moved(cut, days)

    def _to_last_year(self, edge: int) -> int:
        day = day_of(self.zone.day(edge))
        last = day.day if (day.month, day.day) != (2, 29) else 28
        return number_of(date(day.year - 1, day.month, last)) - number_of(day)


def of_arguments(
    arguments: Mapping[str, str], *, now: int, report_tz: str, beginning: int
) -> Period:
    """The period of a GET request.

    Args:
        arguments: arguments of the query string.
        now: the time of the request.
        report_tz: the zone used when the request names none.
        beginning: start of the first day with a turn.
    """
    calendar = zone(arguments.get("tz", report_tz))
    is_custom = "from" in arguments or "to" in arguments
    name = arguments.get("period", "custom" if is_custom else "week")
    if name == "custom":
        since, until = (_moment(arguments[end], calendar) for end in ("from", "to"))
    elif name == "day":
        until = calendar.bucket_starts(now, now + 3 * HOUR, "hour")[1]
        since = until - DAY
    else:
        alike = {"week": "7d", "month": "30d"}.get(name, name)
        since, until = _named(alike, now, calendar, beginning)
    bucket = arguments.get("bucket") or usual_bucket(name, since, until)
    return Period(name, since, until, calendar.name, bucket)


def of_query(body: Mapping[str, Any], *, now: int, report_tz: str, beginning: int) -> Period:
    """The period of a query."""
    calendar = zone(body.get("tz", report_tz))
    given, name = body["date_range"], "custom"
    if isinstance(given, list):
        if all(len(end) == DATE_LENGTH for end in given):
            first, last = (number_of(date.fromisoformat(end)) for end in given)
            since, until = calendar.midnight(first), calendar.midnight(last + 1)
        else:
            since, until = (micros(datetime.fromisoformat(end)) for end in given)
    elif given in PLAUSIBLES:
        today = calendar.day(now)
        since = calendar.midnight(_plausible(given, today))
        until = calendar.midnight(today + 1)
    else:
        name = given
        since, until = _named(name, now, calendar, beginning)
    widths = [part.partition(":")[2] for part in body.get("dimensions", []) if part[:4] == "time"]
    bucket = (widths[0] if widths else "") or usual_bucket(name, since, until)
    return Period(name, since, until, calendar.name, bucket)


def _named(name: str, now: int, calendar: Zone, beginning: int) -> tuple[int, int]:
    if name == "24h":
        until = -(-now // QUARTER) * QUARTER
        return until - DAY, until
    today = calendar.day(now)
    if name in LAST_DAYS:
        first = today - LAST_DAYS[name] + 1
    elif name in LAST_MONTHS:
        first = _month(today, LAST_MONTHS[name] - 1)
    elif name == "year_to_date":
        first = _plausible("year", today)
    elif name == "yesterday":
        return calendar.midnight(today - 1), calendar.midnight(today)
    elif name == "last_month":
        return calendar.midnight(_month(today, 1)), calendar.midnight(_month(today, 0))
    else:
        first = max(today - MAX_DAYS + 1, min(calendar.day(beginning), today))
    return calendar.midnight(first), calendar.midnight(today + 1)


def _plausible(name: str, today: int) -> int:
    if name == "year":
        return number_of(day_of(today).replace(month=1, day=1))
    return {"day": today, "91d": today - 90}.get(name, _month(today, 5 if name == "6mo" else 0))


def _month(today: int, before: int) -> int:
    """The first day of the month so many months ago."""
    day = day_of(today)
    month = day.year * 12 + day.month - 1 - before
    return number_of(date(month // 12, month % 12 + 1, 1))


def usual_bucket(name: str, since: int, until: int) -> str:
    """Hours up to two days, days up to 92, then weeks."""
    if name == "day" or until - since <= 2 * DAY:
        return "hour"
    return "day" if until - since <= 92 * DAY else "week"


def _moment(text: str, calendar: Zone) -> int:
    if len(text) == DATE_LENGTH:
        return calendar.midnight(number_of(date.fromisoformat(text)))
    found = datetime.fromisoformat(text)
    return calendar.at(found) if found.tzinfo is None else micros(found)
