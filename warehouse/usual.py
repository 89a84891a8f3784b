"""The usual range of a metric: from the same hour, day or week in each of the last 8 weeks.

A value is unusual outside the interval in which 99 of 100 further weeks would lie (Student's t).
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from warehouse.clickhouse.reader import Reader
from warehouse.periods import (
    MAX_BUCKETS,
    MAX_PERIOD_DAYS,
    Bucket,
    Period,
    TimeRange,
    bucket_start,
    midnight,
    next_bucket,
)
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


@dataclass(frozen=True, slots=True)
class WindowedMetric:
    """A metric in windows of time.

    Args:
        metric: one of `/query`.
        filters: as in `/query`: [operator, dimension, [value, …]].
        width: hour, day or week.
    """

    metric: str
    filters: Sequence[Any]
    width: Bucket

    @property
    def is_count(self) -> bool:
        """Whether the metric is 0, not unknown, where there are no turns, and a whole number."""
        return isinstance(METRIC_VALUES[self.metric](NO_TURNS), int)


@dataclass(frozen=True, slots=True)
class UsualWindow:
    """One window with its usual range; None with fewer than 4 weeks before it."""

    since: datetime
    until: datetime
    low: float | None
    high: float | None


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


def weeks_before(moment: datetime, width: Bucket, zone: ZoneInfo) -> datetime:
    """Where the history of a window that starts at `moment` begins."""
    # A day more, so that a change of clocks does not cut the first window.
    return bucket_start(moment - WEEKS * WEEK - timedelta(days=1), width, zone)


async def usual_windows(
    reader: Reader, measured: WindowedMetric, *, snapshot: Snapshot, period: Period
) -> list[UsualWindow]:
    """The usual range of each whole window of a period that has begun, oldest first.

    The windows are those of the period's zone.

    Raises:
        InvalidQueryError: the metric or a filter is not one of `/query`.
        WarehouseError: ClickHouse does not answer.
    """
    zone = period.zone
    windows = [
        window
        for window in whole_windows(period.span, measured.width, zone)
        if window.since < snapshot.data_through
    ]
    if not windows or snapshot.beginning is None:
        return []
    # All windows before the last one have been counted.
    until = windows[-1].since
    earliest = max(snapshot.beginning, until - timedelta(days=MAX_PERIOD_DAYS) + WEEK)
    since = max(weeks_before(windows[0].since, measured.width, zone), earliest)
    since = bucket_start(since, measured.width, zone)
    history: Mapping[datetime, float | None] = {}
    if since < until:
        asked = TimeRange(since, until)
        values: dict[datetime, float | None] = {}
        for part in _readable_parts(asked, measured.width, zone):
            values |= await window_values(reader, measured, snapshot=snapshot, zone=zone, span=part)
        history = history_of(values, measured, snapshot=snapshot, zone=zone, span=asked)
    found = []
    for window in windows:
        past = same_windows_before(window, zone, history)
        low, high = usual_band(past, is_count=measured.is_count) or (None, None)
        found.append(UsualWindow(window.since, window.until, low, high))
    return found


def _readable_parts(span: TimeRange, width: Bucket, zone: ZoneInfo) -> list[TimeRange]:
    """Parts of a span of whole windows, each with as many as one question may have."""
    windows = whole_windows(span, width, zone)
    parts = (windows[at : at + MAX_BUCKETS] for at in range(0, len(windows), MAX_BUCKETS))
    return [TimeRange(part[0].since, part[-1].until) for part in parts]


async def window_values(
    reader: Reader,
    measured: WindowedMetric,
    *,
    snapshot: Snapshot,
    zone: ZoneInfo,
    span: TimeRange,
) -> dict[datetime, float | None]:
    """The metric of each window with turns, by its start."""
    request = parse(
        {
            "metrics": [measured.metric],
            "date_range": [moment.isoformat() for moment in (span.since, span.until)],
            "dimensions": [f"time:{measured.width.value}"],
            "filters": list(measured.filters),
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


def history_of(
    values: Mapping[datetime, float | None],
    measured: WindowedMetric,
    *,
    snapshot: Snapshot,
    zone: ZoneInfo,
    span: TimeRange,
) -> dict[datetime, float | None]:
    """The values on the zone's clock, windows without turns too, from the very first turn on."""
    if snapshot.beginning is None:
        return {}
    empty = METRIC_VALUES[measured.metric](NO_TURNS)
    counted = replace(span, since=max(span.since, snapshot.beginning))
    return {
        on_wall(window.since, zone): values.get(
            window.since, None if empty is None else float(empty)
        )
        for window in whole_windows(counted, measured.width, zone)
    }
