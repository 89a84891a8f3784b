"""Shifts the days of old dialogs to the days before now."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

from simulator.demo.datafile import DialogLine

ONE_DAY = timedelta(days=1)
ANSWERED_WITHIN = timedelta(minutes=5)
"""Ensures that the answer to the last message is in the past, too."""


class DateShift:
    """Maps the n-th distinct day to the n-th of consecutive days; the time of day is kept.

    The last day becomes today if all of its messages are in the past then, else yesterday.

    Args:
        days: distinct days with the time of their last message.
        now: the latest possible time.
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

    def shift(self, moment: datetime) -> datetime:
        day = moment.date()
        return moment + (_midnight(self._target[day]) - _midnight(day))


def last_messages(lines: Iterable[DialogLine]) -> dict[date, datetime]:
    """Distinct days with the time of their last message."""
    days: dict[date, datetime] = {}
    for line in lines:
        day = line.at.date()
        days[day] = max(days.get(day, line.at), line.at)
    return days


def _midnight(day: date) -> datetime:
    return datetime.combine(day, datetime.min.time(), tzinfo=UTC)
