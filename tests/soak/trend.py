"""Tells whether a series of samples stays flat, whatever was sampled."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

Point = tuple[float, float]
"""Seconds, value."""


@dataclass(frozen=True, kw_only=True)
class Allowance:
    """How much a series may grow over its second half and still count as flat."""

    absolute: float
    share: float = 0.0
    """Share of the series' median, used if it is more than `absolute`."""
    fills_to: float = 0.0
    """Size of a pool: growth up to this value is allowed."""


@dataclass(frozen=True, kw_only=True)
class Trend:
    """Growth of one series over its second half; during the first one, programs warm up."""

    first: float
    middle: float
    last: float
    growth: float
    """Over the second half, by its slope."""
    allowed: float
    most: float = 0.0
    """Maximum of the second half."""
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
    """Compute the trend of a series."""
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
