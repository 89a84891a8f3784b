"""Whether a series of samples stays flat. Knows nothing of what was sampled."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

Point = tuple[float, float]
"""Seconds, value."""


@dataclass(frozen=True, kw_only=True)
class Allowance:
    """How much a flat series may seem to grow over the judged half."""

    absolute: float
    share: float = 0.0
    """Of the series' median, when that is more."""
    fills_to: float = 0.0
    """A pool: it may fill up to its size as slowly as it likes."""


@dataclass(frozen=True, kw_only=True)
class Trend:
    """One series, judged by its second half: the first one is for warming up."""

    first: float
    middle: float
    last: float
    growth: float
    """Over the second half, by its slope."""
    allowed: float
    most: float = 0.0
    """Of the second half."""
    fills_to: float = 0.0

    @property
    def is_flat(self) -> bool:
        return self.growth <= self.allowed or self.most <= self.fills_to


def slope(points: Sequence[Point]) -> float:
    """Value per second: the median of the slopes of all pairs, which no outlier moves."""
    slopes = [
        (later[1] - earlier[1]) / (later[0] - earlier[0])
        for earlier, later in combinations(points, 2)
        if later[0] > earlier[0]
    ]
    return statistics.median(slopes) if slopes else 0.0


def trend(points: Sequence[Point], allowance: Allowance) -> Trend:
    """Judge a series."""
    half = points[len(points) // 2 :]
    length = half[-1][0] - half[0][0] if half else 0.0
    values = [value for _, value in half]
    typical = statistics.median(values) if values else 0.0
    return Trend(
        first=points[0][1] if points else 0.0,
        middle=values[0] if values else 0.0,
        last=values[-1] if values else 0.0,
        growth=slope(half) * length,
        allowed=max(allowance.absolute, allowance.share * typical),
        most=max(values, default=0.0),
        fills_to=allowance.fills_to,
    )


def growing(trends: Mapping[str, Trend]) -> list[str]:
    """The names of the series that are not flat."""
    return sorted(name for name, one in trends.items() if not one.is_flat)
