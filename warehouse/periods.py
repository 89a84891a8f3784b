"""Resolves periods: named ones, custom ranges, the period before.

Moments are UTC and aware, ranges half-open.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from warehouse.moments import PeriodError, in_utc, zone_named

QUARTER = timedelta(minutes=15)
MAX_PERIOD_DAYS = 3 * 366
MAX_BUCKETS = 3_000


class Bucket(StrEnum):
    """Width of one point of a series, cut at the zone's own clock."""

    QUARTER_HOUR = "15m"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    """From Monday."""
    MONTH = "month"


class PeriodName(StrEnum):
    """Days are those of the zone that is asked for, today included unless it is said."""

    DAY = "day"
    """The last 24 hours, by hour: the running hour and the 23 before it."""
    WEEK = "week"
    """As `7d`."""
    MONTH = "month"
    """As `30d`."""
    CUSTOM = "custom"
    LAST_24_HOURS = "24h"
    """Up to the next quarter of an hour."""
    TODAY = "today"
    LAST_7_DAYS = "7d"
    LAST_28_DAYS = "28d"
    LAST_30_DAYS = "30d"
    LAST_90_DAYS = "90d"
    MONTH_TO_DATE = "month_to_date"
    YESTERDAY = "yesterday"
    LAST_MONTH = "last_month"
    """The whole month before this one."""
    YEAR_TO_DATE = "year_to_date"
    LAST_12_MONTHS = "12mo"
    """This month and the 11 before it."""
    ALL = "all"
    """Since the day of the first turn, or as long as a period may be."""


_LAST_DAYS = {
    PeriodName.TODAY: 1,
    PeriodName.WEEK: 7,
    PeriodName.LAST_7_DAYS: 7,
    PeriodName.LAST_28_DAYS: 28,
    PeriodName.MONTH: 30,
    PeriodName.LAST_30_DAYS: 30,
    PeriodName.LAST_90_DAYS: 90,
}
_MONTHS_BEFORE = {
    PeriodName.MONTH_TO_DATE: 0,
    PeriodName.LAST_MONTH: 1,
    PeriodName.LAST_12_MONTHS: 11,
}
"""In which month the period begins."""
_OF_HOURS = (PeriodName.DAY, PeriodName.LAST_24_HOURS)


@dataclass(frozen=True, slots=True)
class TimeRange:
    """Moments `[since, until)`, UTC."""

    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Period:
    """A resolved period: what an answer states about the moments it covers."""

    name: PeriodName
    since: datetime
    """UTC, on a quarter of an hour."""
    until: datetime
    """UTC, exclusive, on a quarter of an hour; may lie in the future (see `is_partial_at`)."""
    tz: str
    bucket: Bucket

    @property
    def span(self) -> TimeRange:
        return TimeRange(self.since, self.until)

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.tz)

    def is_partial_at(self, data_through: datetime) -> bool:
        """Whether data known up to `data_through` leave a part of the period open."""
        return data_through < self.until

    def cut(self, data_through: datetime) -> datetime:
        """Where the data end in the period, on a quarter of an hour, rounded up."""
        return max(self.since, min(self.until, ceil_to_quarter(data_through)))

    def previous(self, *, data_through: datetime) -> TimeRange:
        """The period before, cut at the same point as this one is cut by `data_through`.

        Whole days are moved on the zone's calendar, so 09:30 is compared with 09:30 also across a
        change of clocks. The cut lies on a quarter of an hour, rounded up.
        """
        cut = self.cut(data_through)
        edges = (self.since, self.until)
        if self.name not in _OF_HOURS and all(_is_midnight(e, self.zone) for e in edges):
            first, end = (edge.astimezone(self.zone).date() for edge in edges)
            days = (end - first).days
            return TimeRange(
                move_days(self.since, -days, self.zone), move_days(cut, -days, self.zone)
            )
        length = self.until - self.since
        return TimeRange(self.since - length, cut - length)

    def bucket_starts(self, span: TimeRange | None = None) -> list[datetime]:
        """The start of every bucket that the period (or `span`) touches, UTC, ascending.

        The first one may lie before `since`, when a period does not start on a bucket.
        """
        span = span or self.span
        starts = []
        start = bucket_start(span.since, self.bucket, self.zone)
        while start < span.until:
            starts.append(start)
            start = next_bucket(start, self.bucket, self.zone)
        return starts


def resolve(
    name: PeriodName,
    *,
    now: datetime,
    tz: str,
    since: datetime | None = None,
    until: datetime | None = None,
    bucket: Bucket | None = None,
    beginning: datetime | None = None,
    edges: tuple[str, str] = ("from", "to"),
) -> Period:
    """Resolve a named period, or `since`/`until` when the name is `custom`.

    Args:
        name: a named period, or custom.
        now: aware; the moment at which "today" is taken.
        tz: IANA name.
        since: custom only; aware, on a quarter of an hour.
        until: custom only; the same, after `since`.
        bucket: None chooses by the period: hour up to 48 hours, day up to 92 days, then week.
        beginning: of the data, where `all` begins; None: as long ago as a period may reach.
        edges: what the caller of the API calls `since` and `until`, for errors.

    Raises:
        PeriodError: naming the argument that is wrong.
    """
    zone = zone_named(tz)
    if name is PeriodName.CUSTOM:
        begin, end = _custom(since, until, edges)
    elif since is not None or until is not None:
        raise PeriodError(edges[0 if since is not None else 1], "goes with period=custom only")
    elif name is PeriodName.DAY:
        end = next_bucket(bucket_start(now, Bucket.HOUR, zone), Bucket.HOUR, zone)
        begin = end - timedelta(hours=24)
    elif name is PeriodName.LAST_24_HOURS:
        end = ceil_to_quarter(now.astimezone(UTC))
        begin = end - timedelta(hours=24)
    else:
        today = now.astimezone(zone).date()
        begins = beginning.astimezone(zone).date() if beginning else None
        begin = midnight(_first_day(name, today, begins=begins), zone)
        end = midnight(_end_day(name, today), zone)
    period = Period(name, begin, end, tz, bucket or _usual_bucket(name, begin, end))
    if _least_buckets(period) > MAX_BUCKETS:
        raise PeriodError(
            "bucket", f"{period.bucket} makes more than {MAX_BUCKETS} points of this period"
        )
    return period


def _first_day(name: PeriodName, today: date, *, begins: date | None) -> date:
    match name:
        case PeriodName.YESTERDAY:
            return today - timedelta(days=1)
        case PeriodName.YEAR_TO_DATE:
            return today.replace(month=1, day=1)
        case PeriodName.ALL:
            earliest = today - timedelta(days=MAX_PERIOD_DAYS - 1)
            return max(earliest, min(begins or earliest, today))
    if name in _MONTHS_BEFORE:
        return months_before(today, _MONTHS_BEFORE[name])
    return today - timedelta(days=_LAST_DAYS[name] - 1)


def _end_day(name: PeriodName, today: date) -> date:
    """The first day that is not in the period."""
    if name is PeriodName.YESTERDAY:
        return today
    return today.replace(day=1) if name is PeriodName.LAST_MONTH else today + timedelta(days=1)


def months_before(day: date, months: int) -> date:
    """The first day of the month so many months before that of `day`."""
    month = day.year * 12 + day.month - 1 - months
    return date(month // 12, month % 12 + 1, 1)


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """The first moment of a calendar day, UTC; 01:00 by the clock where midnight is skipped."""
    return datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)


def bucket_start(moment: datetime, bucket: Bucket, zone: ZoneInfo) -> datetime:
    """The start, UTC, of the bucket that holds `moment`."""
    local = moment.astimezone(zone)
    match bucket:
        case Bucket.DAY:
            return midnight(local.date(), zone)
        case Bucket.WEEK:
            return midnight(local.date() - timedelta(days=local.weekday()), zone)
        case Bucket.MONTH:
            return midnight(local.date().replace(day=1), zone)
    past = timedelta(
        minutes=local.minute % (15 if bucket is Bucket.QUARTER_HOUR else 60),
        seconds=local.second,
        microseconds=local.microsecond,
    )
    return moment.astimezone(UTC) - past


def next_bucket(start: datetime, bucket: Bucket, zone: ZoneInfo) -> datetime:
    """The start, UTC, of the bucket after the one that starts at `start`."""
    if bucket is Bucket.QUARTER_HOUR:
        return start + QUARTER
    if bucket is Bucket.HOUR:
        return _next_hour(start, zone)
    day = start.astimezone(zone).date()
    following = start
    while following <= start:  # a zone that crossed the date line has skipped a whole day
        if bucket is Bucket.MONTH:
            day = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
        else:
            day += timedelta(days=7 if bucket is Bucket.WEEK else 1)
        following = midnight(day, zone)
    return following


def _next_hour(start: datetime, zone: ZoneInfo) -> datetime:
    # Where clocks move by 30 minutes the hour of the change is 30 or 90 minutes long.
    for quarters in range(1, 8):
        candidate = start + quarters * QUARTER
        if candidate.astimezone(zone).minute == 0:
            return candidate
    return start + timedelta(hours=1)


def ceil_to_quarter(moment: datetime) -> datetime:
    """The next quarter of an hour, or `moment` when it is one."""
    past = (moment - datetime(1970, 1, 1, tzinfo=UTC)) % QUARTER
    return moment if not past else moment - past + QUARTER


def _is_midnight(moment: datetime, zone: ZoneInfo) -> bool:
    return midnight(moment.astimezone(zone).date(), zone) == moment


def move_days(moment: datetime, days: int, zone: ZoneInfo) -> datetime:
    """The same time by the zone's clock so many days later, UTC."""
    return move_to(moment, moment.astimezone(zone).date() + timedelta(days=days), zone)


def move_to(moment: datetime, day: date, zone: ZoneInfo) -> datetime:
    """The same time by the zone's clock on another day, UTC."""
    if _is_midnight(moment, zone):  # 01:00 by the clock where midnight is skipped
        return midnight(day, zone)
    local = moment.astimezone(zone)
    wall = datetime.combine(day, local.time(), tzinfo=zone)
    return wall.replace(fold=local.fold).astimezone(UTC)


def _custom(
    since: datetime | None, until: datetime | None, edges: tuple[str, str]
) -> tuple[datetime, datetime]:
    first, last = edges
    if since is None or until is None:
        raise PeriodError(first if since is None else last, "is needed with period=custom")
    begin, end = _edge(first, since), _edge(last, until)
    if begin >= end:
        raise PeriodError(last, f"must be later than {first}")
    if end - begin > timedelta(days=MAX_PERIOD_DAYS):
        raise PeriodError(last, f"at most {MAX_PERIOD_DAYS} days after {first}")
    return begin, end


def _edge(field: str, given: datetime) -> datetime:
    if given.tzinfo is None:
        raise PeriodError(field, "needs an offset, as in 2026-03-01T00:00:00+03:00")
    moment = in_utc(field, given)
    if ceil_to_quarter(moment) != moment:
        raise PeriodError(field, "must lie on a quarter of an hour")
    return moment


def _usual_bucket(name: PeriodName, since: datetime, until: datetime) -> Bucket:
    if name is PeriodName.DAY or until - since <= timedelta(hours=48):
        return Bucket.HOUR
    return Bucket.DAY if until - since <= timedelta(days=92) else Bucket.WEEK


def _least_buckets(period: Period) -> int:
    widths = {
        Bucket.QUARTER_HOUR: QUARTER,
        Bucket.HOUR: timedelta(hours=1),
        Bucket.DAY: timedelta(days=1),
        Bucket.WEEK: timedelta(days=7),
        Bucket.MONTH: timedelta(days=28),
    }
    return (period.until - period.since) // widths[period.bucket]
