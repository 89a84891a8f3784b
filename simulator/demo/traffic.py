"""Generates dialogs of users with habits and daily rhythms, from a seed."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from simulator.demo.datafile import DialogLine, ReadCounts

_TOPICS = (
    "the wireless card",
    "my sound",
    "the printer",
    "grub",
    "the new kernel",
    "a cron job",
    "ssh keys",
    "Python virtual environments",
    "обновление системы",
    "die Festplatte",
)
_QUESTIONS = (
    "how do I fix {topic}?",
    "since yesterday {topic} is broken, any idea?",
    "what is the best way to set up {topic}",
    "can you explain {topic} to a beginner?",
    "is there a log for {topic}?",
    "{topic}: which package do I need?",
)
_FOLLOW_UPS = (
    "thanks, that helped",
    "it says permission denied",
    "and after a reboot?",
    "could you show me the command",
    "same error again",
    "ok 👍",
    "which version is that for?",
)
WEEKEND = 5
"""First weekday of the weekend; Monday is 0."""


@dataclass(frozen=True, slots=True)
class _Habit:
    user: str
    dialogs_per_day: float
    favourite_hour: int
    weekend_share: float
    first_day: int


class GeneratedDialogs:
    """Generated dialogs.

    Args:
        people: number of users by the last day.
        last_day: last UTC day of the traffic.
    """

    def __init__(self, *, people: int, days: int, last_day: date, seed: int = 0) -> None:
        self._days = days
        self._last_day = last_day
        self._seed = seed
        chance = random.Random(seed)
        self._habits = [
            _Habit(
                user=f"person{number}",
                dialogs_per_day=chance.paretovariate(1.5) * 0.2,
                favourite_hour=round(chance.gauss(18, 4)) % 24,
                weekend_share=chance.uniform(0.3, 1.2),
                first_day=int(days * chance.random() ** 1.5),
            )
            for number in range(people)
        ]

    def lines(self, tally: ReadCounts | None = None) -> Iterator[DialogLine]:
        """Every message, oldest first."""
        number = 0
        chance = random.Random(self._seed + 1)
        for day in range(self._days):
            midnight = datetime.combine(self._last_day, datetime.min.time(), tzinfo=UTC)
            midnight -= timedelta(days=self._days - 1 - day)
            for at, user, text in sorted(self._day(day, midnight, chance)):
                number += 1
                if tally is not None:
                    tally.lines_read += 1
                yield DialogLine(number=number, at=at, user=user, text=text)

    def _day(
        self, day: int, midnight: datetime, chance: random.Random
    ) -> Iterator[tuple[datetime, str, str]]:
        ends = midnight + timedelta(days=1)
        for habit in self._habits:
            if habit.first_day > day:
                continue
            rate = habit.dialogs_per_day
            if midnight.weekday() >= WEEKEND:
                rate *= habit.weekend_share
            dialogs = _poisson(rate, chance) or (1 if habit.first_day == day else 0)
            for _ in range(dialogs):
                at = midnight + timedelta(hours=(chance.gauss(habit.favourite_hour, 3)) % 24)
                for text in _dialog(chance):
                    if at < ends:
                        yield at, habit.user, text
                    at += timedelta(seconds=chance.expovariate(1 / 60) + 5)


def _dialog(chance: random.Random) -> Iterator[str]:
    yield chance.choice(_QUESTIONS).format(topic=chance.choice(_TOPICS))
    for _ in range(min(_poisson(2.0, chance), 12)):
        yield chance.choice(_FOLLOW_UPS)


def _poisson(mean: float, chance: random.Random) -> int:
    threshold, product, count = math.exp(-min(mean, 20.0)), chance.random(), 0
    while product > threshold:
        product *= chance.random()
        count += 1
    return count
