"""Judges windows of time for alerts: a metric against a number, or against the weeks before.

"Usual" is the same weekday and hour (or the same weekday, or the week) of the last 8 weeks. A
window is unusual outside the interval in which 99 of 100 further weeks would lie (Student's t).
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from warehouse.clickhouse.reader import Reader
from warehouse.periods import Bucket, TimeRange, bucket_start, midnight, next_bucket
from warehouse.query.request import parse
from warehouse.query.run import run
from warehouse.reports.figures import NO_TURNS
from warehouse.reports.metric_values import METRIC_VALUES
from warehouse.snapshot import Snapshot

WEEKS = 8
MIN_WEEKS = 4
"""Fewer weeks do not say what is usual."""
WEEK = timedelta(days=7)
# Student's t of a two-sided interval of 99 %, by degrees of freedom.
T_99 = {3: 5.841, 4: 4.604, 5: 4.032, 6: 3.707, 7: 3.499}
MIN_SPREAD = 0.05
"""Smallest standard deviation as a share of the mean: a steady figure is not unusual by a hair."""
MAX_ROWS = 10_000
WIDTHS = (Bucket.HOUR, Bucket.DAY, Bucket.WEEK)


class AlertTest(StrEnum):
    """When a window makes an alert fire."""

    ABOVE = "above"
    BELOW = "below"
    TIMES_USUAL = "times_usual"
    """Above the median of the weeks before, times the threshold."""
    UNUSUAL = "unusual"
    """Outside the 99 % interval of the weeks before."""


class NoData(StrEnum):
    """The meaning of a window in which the metric cannot be computed, or has no turns."""

    IGNORE = "ignore"
    ZERO = "zero"
    FIRE = "fire"


class WindowVerdict(StrEnum):
    OK = "ok"
    FIRED = "fired"
    LEARNING = "learning"
    """Too few weeks before it."""
    NO_DATA = "no_data"


@dataclass(frozen=True, slots=True)
class AlertRule:
    """The terms of an alert.

    Args:
        metric: one of `/query`.
        filters: as in `/query`: [operator, dimension, [value, …]].
        width: hour, day or week of the report zone.
        threshold: None for `unusual`.
    """

    metric: str
    filters: Sequence[Any]
    width: Bucket
    test: AlertTest
    threshold: float | None
    no_data: NoData


@dataclass(frozen=True, slots=True)
class JudgedWindow:
    since: datetime
    until: datetime
    verdict: WindowVerdict
    value: float | None
    low: float | None = None
    """Lowest value that does not fire; None: there is none."""
    high: float | None = None


def usual_band(values: Sequence[float], *, is_count: bool) -> tuple[float, float] | None:
    """The interval in which the next value lies 99 times of 100; None with too few values.

    A count varies at least as much as one of independent events does.
    """
    if len(values) < MIN_WEEKS:
        return None
    mean = statistics.fmean(values)
    spread = max(
        statistics.stdev(values),
        MIN_SPREAD * abs(mean),
        math.sqrt(max(mean, 1.0)) if is_count else 0.0,
    )
    half = T_99[len(values) - 1] * spread * math.sqrt(1 + 1 / len(values))
    return max(0.0, mean - half), mean + half


def judge(
    rule: AlertRule, window: TimeRange, value: float | None, history: Sequence[float]
) -> JudgedWindow:
    """The verdict on one window.

    Args:
        rule: of the alert.
        window: whole, and counted up to its end.
        value: None: no data.
        history: the same window of each of the weeks before that is known.
    """
    judged = JudgedWindow(window.since, window.until, WindowVerdict.NO_DATA, value)
    if value is None and rule.no_data is NoData.FIRE:
        return replace(judged, verdict=WindowVerdict.FIRED)
    if value is None and rule.no_data is NoData.IGNORE:
        return judged
    value = value or 0.0
    limits = _limits(rule, history)
    if limits is None:
        return replace(judged, value=value, verdict=WindowVerdict.LEARNING)
    low, high = limits
    is_inside = (low is None or value >= low) and (high is None or value <= high)
    verdict = WindowVerdict.OK if is_inside else WindowVerdict.FIRED
    return replace(judged, value=value, verdict=verdict, low=low, high=high)


def _limits(rule: AlertRule, history: Sequence[float]) -> tuple[float | None, float | None] | None:
    """The lowest and the highest value that do not fire; None while too little is known."""
    threshold = rule.threshold or 0.0
    match rule.test:
        case AlertTest.ABOVE:
            return None, threshold
        case AlertTest.BELOW:
            return threshold, None
        case AlertTest.UNUSUAL:
            return usual_band(history, is_count=_is_count(rule.metric))
        case AlertTest.TIMES_USUAL:
            usual = statistics.median(history) if len(history) >= MIN_WEEKS else 0.0
            return (None, threshold * usual) if usual > 0 else None


def whole_windows(span: TimeRange, width: Bucket, zone: ZoneInfo) -> list[TimeRange]:
    """The windows that lie in the span whole, oldest first."""
    start = bucket_start(span.since, width, zone)
    if start < span.since:
        start = next_bucket(start, width, zone)
    windows = []
    while (end := next_bucket(start, width, zone)) <= span.until:
        windows.append(TimeRange(start, end))
        start = end
    return windows


def counted_windows(snapshot: Snapshot, span: TimeRange, width: Bucket) -> list[TimeRange]:
    """The windows that lie in the span whole and of which the snapshot has every turn."""
    windows = whole_windows(span, width, snapshot.zone)
    is_withheld = bool(snapshot.days_withheld())
    return [
        window
        for window in windows
        if window.until
        <= (snapshot.data_through_of(window) if is_withheld else snapshot.data_through)
    ]


def same_windows_before(
    window: TimeRange, zone: ZoneInfo, known: Mapping[datetime, float | None]
) -> list[float]:
    """The values of the same weekday and hour of the last 8 weeks; unknown ones are left out.

    Args:
        window: whose past is meant.
        zone: by whose clock: 09:00 is compared with 09:00, also across a change of clocks.
        known: values by the start of their window, on that clock.
    """
    start = on_wall(window.since, zone)
    values = (known.get(start - weeks * WEEK) for weeks in range(1, WEEKS + 1))
    return [value for value in values if value is not None]


def on_wall(moment: datetime, zone: ZoneInfo) -> datetime:
    """The zone's clock at a moment, naive."""
    return moment.astimezone(zone).replace(tzinfo=None)


async def judge_windows(
    reader: Reader, rule: AlertRule, *, snapshot: Snapshot, span: TimeRange
) -> list[JudgedWindow]:
    """The verdicts on all whole windows of a span that the snapshot has counted, oldest first.

    Raises:
        InvalidQueryError: the metric or a filter is not one of `/query`.
        WarehouseError: ClickHouse does not answer.
    """
    windows = counted_windows(snapshot, span, rule.width)
    if not windows:
        return []
    asked = TimeRange(windows[0].since, windows[-1].until)
    if rule.test in (AlertTest.UNUSUAL, AlertTest.TIMES_USUAL):
        # A day more, so that a change of clocks does not cut the first window.
        since = asked.since - WEEKS * WEEK - timedelta(days=1)
        asked = replace(asked, since=bucket_start(since, rule.width, snapshot.zone))
    values = await _values(reader, rule, snapshot, asked)
    history = _history(values, rule, snapshot, asked)
    return [
        judge(
            rule,
            window,
            values.get(window.since),
            same_windows_before(window, snapshot.zone, history),
        )
        for window in windows
    ]


async def _values(
    reader: Reader, rule: AlertRule, snapshot: Snapshot, span: TimeRange
) -> dict[datetime, float | None]:
    """The metric of each window with turns, by its start."""
    zone = snapshot.zone
    request = parse(
        {
            "metrics": [rule.metric],
            "date_range": [moment.isoformat() for moment in (span.since, span.until)],
            "dimensions": [f"time:{rule.width.value}"],
            "filters": list(rule.filters),
            "tz": zone.key,
        },
        now=snapshot.data_through,
        default_tz=zone.key,
    )
    answer = await run(reader, replace(request, limit=MAX_ROWS), snapshot=snapshot)
    found: dict[datetime, float | None] = {}
    for row in answer.results:
        [start], [value] = row.dimensions, row.metrics
        assert isinstance(start, date)  # noqa: S101 # a time dimension is a day or a moment
        moment = start.astimezone(UTC) if isinstance(start, datetime) else midnight(start, zone)
        found[moment] = None if value is None else float(value)
    return found


def _history(
    values: Mapping[datetime, float | None], rule: AlertRule, snapshot: Snapshot, span: TimeRange
) -> dict[datetime, float | None]:
    """The values on the zone's clock, windows without turns too, from the very first turn on."""
    if snapshot.beginning is None:
        return {}
    empty = METRIC_VALUES[rule.metric](NO_TURNS)
    counted = replace(span, since=max(span.since, snapshot.beginning))
    return {
        on_wall(window.since, snapshot.zone): values.get(
            window.since, None if empty is None else float(empty)
        )
        for window in whole_windows(counted, rule.width, snapshot.zone)
    }


def _is_count(metric: str) -> bool:
    """Whether a metric is 0, not unknown, where there are no turns, and a whole number."""
    return isinstance(METRIC_VALUES[metric](NO_TURNS), int)
