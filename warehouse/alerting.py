"""Judges windows of time for alerts: a metric against a number, or against the weeks before."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from warehouse.clickhouse.reader import Reader
from warehouse.periods import Bucket, TimeRange
from warehouse.snapshot import Snapshot
from warehouse.usual import (
    MIN_WEEKS,
    WindowedMetric,
    history_of,
    same_windows_before,
    usual_band,
    weeks_before,
    whole_windows,
    window_values,
)


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
class AlertRule(WindowedMetric):
    """The terms of an alert; its windows are those of the report zone.

    Args:
        threshold: None for `unusual`.
    """

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
            return usual_band(history, is_count=rule.is_count)
        case AlertTest.TIMES_USUAL:
            usual = statistics.median(history) if len(history) >= MIN_WEEKS else 0.0
            return (None, threshold * usual) if usual > 0 else None


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
        asked = replace(asked, since=weeks_before(asked.since, rule.width, snapshot.zone))
    about: dict[str, Any] = {"snapshot": snapshot, "zone": snapshot.zone, "span": asked}
    values = await window_values(reader, rule, **about)
    history = history_of(values, rule, **about)
    return [
        judge(
            rule,
            window,
            values.get(window.since),
            same_windows_before(window, snapshot.zone, history),
        )
        for window in windows
    ]
