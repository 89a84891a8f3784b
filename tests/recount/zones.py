"""Calendars of time zones, from the pinned `tzdata` and never from the machine's own files.

A moment is a number of microseconds since 1970 in UTC, a day the number of days since 1970 on a
zone's calendar. Everything is found by looking at quarters of an hour one after another.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from tests.recount.constants import DAY, HOUR, QUARTER

Moments = npt.NDArray[np.int64]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_THURSDAY = 3
"""The weekday of 1970-01-01, Monday being 0."""
_FURTHEST_OFFSET = 15 * HOUR
YEARS_AROUND = (-5 * 366, 2 * 366)
"""Days from today; no request reaches further."""


def micros(moment: datetime) -> int:
    """The moment as a number."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def moment(number: int) -> datetime:
    """The number as a moment, UTC."""
    return _EPOCH + timedelta(microseconds=int(number))


def day_of(number: int) -> date:
    """The date of a day."""
    return date(1970, 1, 1) + timedelta(days=int(number))


def number_of(day: date) -> int:
    """The number of a date."""
    return (day - date(1970, 1, 1)).days


class Zone:
    """A zone and its clock changes within some years of today."""

    def __init__(self, name: str) -> None:
        self.name = name
        with files("tzdata.zoneinfo").joinpath(*name.split("/")).open("rb") as file:
            self._info = ZoneInfo.from_file(file, key=name)
        self.changes, self._offsets = self._found_changes()

    def _found_changes(self) -> tuple[Moments, Moments]:
        today = datetime.now(UTC).date()
        begin, end = (number_of(today + timedelta(days=shift)) for shift in YEARS_AROUND)
        changes, offsets = [], [self._offset(begin * DAY)]
        for day in range(begin, end):
            low, high = day * DAY, (day + 1) * DAY
            after = self._offset(high)
            # No zone changes its clock twice in a day.
            if after == offsets[-1]:
                continue
            while high - low > QUARTER:
                middle = (low + high) // 2 // QUARTER * QUARTER
                low, high = (low, middle) if self._offset(middle) == after else (middle, high)
            changes.append(high)
            offsets.append(after)
        return np.array(changes, np.int64), np.array(offsets, np.int64)

    def _offset(self, number: int) -> int:
        offset = moment(number).astimezone(self._info).utcoffset()
        assert offset is not None
        return offset // timedelta(microseconds=1)

    def local(self, moments: Moments) -> Moments:
        """The zone's clock, as if it were UTC."""
        return moments + self._offsets[np.searchsorted(self.changes, moments, side="right")]

    def days(self, moments: Moments) -> Moments:
        """The calendar day of each moment."""
        return self.local(moments) // DAY

    def day(self, number: int) -> int:
        return int(self.days(np.array([number], np.int64))[0])

    @cache  # noqa: B019 # zones live as long as the process
    def midnight(self, day: int) -> int:
        """The first moment at which the calendar shows the day, or a later one."""
        around = np.arange(
            day * DAY - _FURTHEST_OFFSET, day * DAY + _FURTHEST_OFFSET + 1, QUARTER, dtype=np.int64
        )
        return int(around[np.argmax(self.days(around) >= day)])

    def cells(self, moments: Moments) -> tuple[Moments, Moments]:
        """Weekday (1 Monday to 7 Sunday) and hour of the clock."""
        local = self.local(moments)
        return (local // DAY + _THURSDAY) % 7 + 1, local % DAY // HOUR

    def bucket_starts(self, since: int, until: int, bucket: str) -> list[int]:
        """The start of every bucket that `[since, until)` touches.

        A quarter begins every 15 minutes, an hour where the clock shows a full one, a day at its
        first moment; a week is from Monday.
        """
        if since >= until:
            return []
        if bucket in ("15m", "hour"):
            first = since // QUARTER * QUARTER
            quarters = np.arange(first - 2 * HOUR, until, QUARTER, dtype=np.int64)
            if bucket == "hour":
                quarters = quarters[self.local(quarters) % HOUR == 0]
            before = int(np.searchsorted(quarters, since, side="right")) - 1
            return [int(start) for start in quarters[before:]]
        first, last = self.day(since), self.day(until - 1)
        starts = {self.first_day_of(day, bucket) for day in range(first, last + 1)}
        # A day that a zone skipped begins with the one after it, and is none.
        return sorted({self.midnight(day) for day in starts})

    def first_day_of(self, day: int, bucket: str) -> int:
        """The first day of the day, week or month that holds the day."""
        if bucket == "week":
            return day - (day + _THURSDAY) % 7
        if bucket == "month":
            return number_of(day_of(day).replace(day=1))
        return day

    def shown(self, number: int) -> datetime:
        """The moment with the zone's own offset."""
        return moment(number).astimezone(self._info)

    def moved(self, number: int, days: int) -> int:
        """The time that many calendar days away, at the same clock time.

        The start of a day becomes the start of a day, although a zone may skip its midnight.
        """
        if number == self.midnight(self.day(number)):
            return self.midnight(self.day(number) + days)
        wall = self.shown(number)
        there = datetime.combine(wall.date() + timedelta(days=days), wall.time())
        return micros(there.replace(tzinfo=self._info, fold=wall.fold).astimezone(UTC))

    def at(self, wall: datetime) -> int:
        """The moment at which the clock shows this for the first time."""
        return micros(wall.replace(tzinfo=self._info).astimezone(UTC))


@cache
def zone(name: str) -> Zone:
    """The zone, read once."""
    return Zone(name)
