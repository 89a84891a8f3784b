"""Parses and checks moments and time zones of a request."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from common import zones
from common.errors import DialyticsError

EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
"""Every moment lies between them, but for the day that a zone is ahead or behind."""
_DAY = timedelta(days=1)


class PeriodError(DialyticsError):
    """The period cannot be resolved. `field` is the argument at fault."""

    def __init__(self, field: str, problem: str) -> None:
        self.field = field
        super().__init__(f"{field}: {problem}")


def zone_named(tz: str) -> ZoneInfo:
    """The zone of an IANA name.

    Raises:
        PeriodError: there is no such zone.
    """
    try:
        return zones.zone_named(tz)
    except zones.UnknownZoneError as error:
        raise PeriodError("tz", str(error)) from error


def first_moment(field: str, day: date, zone: ZoneInfo) -> datetime:
    """The first moment, UTC, of a calendar day; 01:00 by the clock where midnight is skipped.

    Raises:
        PeriodError: naming the field, when it is not of this century.
    """
    return in_utc(field, datetime.combine(day, time(), tzinfo=zone))


def on_clock(field: str, wall: datetime, zone: ZoneInfo) -> datetime:
    """The moment, UTC, when the zone's clock shows `wall` (naive); the first of two.

    Raises:
        PeriodError: naming the field, when the clock skips that time.
    """
    moment = in_utc(field, wall.replace(tzinfo=zone))
    if moment.astimezone(zone).replace(tzinfo=None) != wall:
        raise PeriodError(field, f"clocks in {zone.key} skip {wall.isoformat(' ', 'minutes')}")
    return moment


def in_utc(field: str, moment: datetime) -> datetime:
    """The same moment in UTC. Two moments of one zone would be compared by its clock.

    Raises:
        PeriodError: naming the field, when it is not of this century.
    """
    # Before it is moved to UTC, which has no year 0.
    if not EARLIEST.year - 1 <= moment.year <= LATEST.year:
        raise PeriodError(field, _century())
    moment = moment.astimezone(UTC)
    if not EARLIEST - _DAY <= moment <= LATEST + _DAY:
        raise PeriodError(field, _century())
    return moment


def _century() -> str:
    return f"must lie in the years {EARLIEST.year} to {LATEST.year - 1}"
