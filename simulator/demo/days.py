"""Moves the days of old dialogs onto the days up to now. Knows nothing about what was said."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

from simulator.demo.datafile import Line

ONE_DAY = timedelta(days=1)
ANSWERED_WITHIN = timedelta(minutes=5)
"""Even the answer to the last message lies in the past."""


class MovedDays:
    """The n-th distinct day becomes the n-th of consecutive days; the time of day stays.

    The last one becomes today when everything on it is past already, else yesterday.

    Args:
        days: distinct days with the time of their last message.
        now: nothing is moved beyond.
    """

    def __init__(self, days: dict[date, datetime], *, now: datetime) -> None:
        ordered = sorted(days)
        self._target: dict[date, date] = {}
        if not ordered:
            return
        today = now.astimezone(UTC).date()
        last = ordered[-1]
        finished = days[last] - _midnight(last) + _midnight(today) + ANSWERED_WITHIN
        end = today if finished <= now else today - ONE_DAY
        for age, day in enumerate(reversed(ordered)):
            self._target[day] = end - age * ONE_DAY

    def __contains__(self, day: date) -> bool:
        return day in self._target

    @property
    def first(self) -> date | None:
        return min(self._target.values(), default=None)

    @property
    def last(self) -> date | None:
        return max(self._target.values(), default=None)

    def moved(self, moment: datetime) -> datetime:
        day = moment.date()
        return moment + (_midnight(self._target[day]) - _midnight(day))


def last_messages(lines: Iterable[Line]) -> dict[date, datetime]:
    """Each distinct day with the time of its last message."""
    days: dict[date, datetime] = {}
    for line in lines:
        day = line.at.date()
        days[day] = max(days.get(day, line.at), line.at)
    return days


def _midnight(day: date) -> datetime:
    return datetime.combine(day, datetime.min.time(), tzinfo=UTC)
