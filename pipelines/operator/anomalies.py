"""Finds anomalies: figures far from their values at the same time of other days."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from warehouse.reports import ActivityPoint

HISTORY_DAYS = 28
MIN_DAYS = 7
"""Fewer days than these do not say what is usual."""
MAX_STREAK_HOURS = 24
SPREADS = 4.0
SPREAD_OF_NORMAL = 1.4826
"""Standard deviation of a normal distribution by its median absolute deviation."""
MIN_CHANGE = 0.3
HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Anomaly:
    """A figure far from its usual value."""

    figure: str
    value: float
    usual: float
    since: datetime | None = field(default=None, compare=False)
    """The first hour in a row in which it was; None of a day."""


@dataclass(frozen=True, slots=True)
class _Figure:
    """One figure of a point.

    Args:
        least: what a change must come to before an hour is worth a word.
        least_turns: an hour with fewer says nothing about a share or a percentile.
    """

    value: Callable[[ActivityPoint], float]
    min_change: float
    min_turns: int = 0


def _failed_percent(point: ActivityPoint) -> float:
    return 100 * point.failed / point.served_turns if point.served_turns else 0.0


FIGURES: Mapping[str, _Figure] = {
    "user_messages": _Figure(lambda point: float(point.user_messages), min_change=20),
    "active_users": _Figure(lambda point: float(point.active_users), min_change=10),
    "new_users": _Figure(lambda point: float(point.new_users), min_change=10),
    "cost_usd": _Figure(lambda point: float(point.cost_usd or 0), min_change=0.5),
    "failed_percent": _Figure(_failed_percent, min_change=5, min_turns=20),
    "latency_p95_seconds": _Figure(
        lambda point: (point.latency_p95_ms or 0.0) / 1000, min_change=5, min_turns=20
    ),
}


def day_anomalies(points: Sequence[ActivityPoint]) -> list[Anomaly]:
    """Which figures of the last point are far from those of the points before.

    Days before the first message do not count. Far is four spreads, and at least 30 %, away
    from the median: both, so that neither noise nor a steady figure rings.
    """
    begun = next((place for place, point in enumerate(points) if point.turns), len(points))
    history, last = points[begun:-1], points[-1] if points else None
    if last is None or len(history) < MIN_DAYS:
        return []
    found = []
    for name, figure in FIGURES.items():
        value, usual = figure.value(last), statistics.median(map(figure.value, history))
        if _is_outlier(value, [figure.value(point) for point in history]):
            found.append(Anomaly(name, value, usual))
    return found


def hour_anomalies(points: Sequence[ActivityPoint], zone: ZoneInfo) -> list[Anomaly]:
    """Which figures of the last hour are far from the same hour of other days.

    Hours that were unusual before it, one after the other, are the same anomaly: `since` is the
    first of them, so that it is reported once.
    """
    found = []
    for name in FIGURES:
        anomaly = _anomaly_at(points, len(points) - 1, name, zone)
        if anomaly is None:
            continue
        first = len(points) - 1
        while (
            first > 0
            and len(points) - first < MAX_STREAK_HOURS
            and (before := _anomaly_at(points, first - 1, name, zone)) is not None
            and (before.value > before.usual) == (anomaly.value > anomaly.usual)
        ):
            first -= 1
        found.append(Anomaly(name, anomaly.value, anomaly.usual, since=points[first].start))
    return found


def _anomaly_at(
    points: Sequence[ActivityPoint], place: int, name: str, zone: ZoneInfo
) -> Anomaly | None:
    figure, point = FIGURES[name], points[place] if 0 <= place < len(points) else None
    begun = next((one.start for one in points if one.turns), None)
    if point is None or begun is None:
        return None
    history = [
        figure.value(one)
        for one in points[:place]
        if one.start.astimezone(zone).hour == point.start.astimezone(zone).hour
        and one.start >= begun
        and one.turns >= figure.min_turns
    ]
    if len(history) < MIN_DAYS or point.turns < figure.min_turns:
        return None
    value, usual = figure.value(point), statistics.median(history)
    if abs(value - usual) < figure.min_change or not _is_outlier(value, history):
        return None
    return Anomaly(name, value, usual)


def _is_outlier(value: float, history: Sequence[float]) -> bool:
    middle = statistics.median(history)
    spread = SPREAD_OF_NORMAL * statistics.median(abs(one - middle) for one in history)
    return abs(value - middle) > max(SPREADS * spread, MIN_CHANGE * middle, 1e-9)
