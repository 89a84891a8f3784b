"""Totals, series and the week at a glance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

from common.zones import Clock, clock_of
from warehouse.clickhouse.reader import Reader
from warehouse.periods import Period, Span
from warehouse.reports.answers import (
    NO_FILTERS,
    Activity,
    ActivityPoint,
    Filters,
    Summary,
    Totals,
)
from warehouse.reports.asking import Row, ask_filtered, moments
from warehouse.reports.figures import Figures, figures
from warehouse.reports.metric_values import METRIC_VALUES
from warehouse.reports.people_answers import Heatmap, HeatmapCell
from warehouse.snapshot import Snapshot
from warehouse.tiers import touched_days

WEEKDAYS = range(1, 8)
HOURS = range(24)
_TOTALS: list[tuple[str, Callable[[Row], Any]]] = [
    (field.name, METRIC_VALUES[field.name]) for field in fields(Totals)
]
_POINT: list[tuple[str, Callable[[Row], Any]]] = [
    (field.name, METRIC_VALUES[field.name]) for field in fields(ActivityPoint)[1:]
]


async def summary(
    reader: Reader,
    *,
    snapshot: Snapshot,
    period: Period,
    filters: Filters = NO_FILTERS,
    compare: bool = False,
) -> Summary:
    """Totals of the period and, with `compare`, of the one before, cut at the same point."""
    spans = [(span, ()) for span in _spans(snapshot, period, compare=compare)]
    found = await figures(reader, snapshot=snapshot, spans=spans, filters=filters)
    return _summary([span for span, _ in spans], found)


async def activity(
    reader: Reader,
    *,
    snapshot: Snapshot,
    period: Period,
    filters: Filters = NO_FILTERS,
    compare: bool = False,
) -> Activity:
    """One point per bucket of the period, empty ones as zeros."""
    _, found = await overview(
        reader, snapshot=snapshot, period=period, filters=filters, compare=compare
    )
    return found


async def overview(
    reader: Reader,
    *,
    snapshot: Snapshot,
    period: Period,
    filters: Filters = NO_FILTERS,
    compare: bool = False,
) -> tuple[Summary, Activity]:
    """Totals and points of the period in one statement, and with `compare` of the one before."""
    spans = _spans(snapshot, period, compare=compare)
    found = await figures(
        reader,
        snapshot=snapshot,
        spans=[(span, period.bucket_starts(span)) for span in spans],
        filters=filters,
    )
    *before, current = [tuple(_point(*point) for point in each.points) for each in found]
    return _summary(spans, found), Activity(current, before[0] if before else ())


def _spans(snapshot: Snapshot, period: Period, *, compare: bool) -> list[Span]:
    """In the order of time."""
    if not compare:
        return [period.span]
    return [period.previous(data_through=snapshot.data_through), period.span]


def _summary(spans: Sequence[Span], found: Sequence[Figures]) -> Summary:
    *before, current = [_totals(each.total) for each in found]
    if not before:
        return Summary(current, None, None, None)
    return Summary(current, before[0], spans[0].since, spans[0].until)


async def heatmap(
    reader: Reader, *, snapshot: Snapshot, period: Period, filters: Filters = NO_FILTERS
) -> Heatmap:
    """Weekday by hour in the period's zone, all 168 cells."""
    rows = await ask_filtered(
        reader,
        "heatmap",
        {
            **moments(period.span),
            "builds": snapshot.versions(*touched_days(period.span, snapshot.zone)),
            **_clock(period).parameters(),
        },
        filters,
    )
    found = {(row["weekday"], row["hour"]): row for row in rows}
    return Heatmap(
        tuple(
            _cell(weekday, hour, found.get((weekday, hour)))
            for weekday in WEEKDAYS
            for hour in HOURS
        )
    )


def _clock(period: Period) -> Clock:
    return clock_of(period.zone, int(period.since.timestamp()), int(period.until.timestamp()))


def _point(start: datetime, row: Row) -> ActivityPoint:
    return ActivityPoint(start, **{name: value(row) for name, value in _POINT})


def _cell(weekday: int, hour: int, row: Row | None) -> HeatmapCell:
    if row is None:
        return HeatmapCell(weekday, hour, 0, 0, 0)
    return HeatmapCell(weekday, hour, row["user_messages"], row["turns"], row["active_users"])


def _totals(row: Row) -> Totals:
    return Totals(**{name: value(row) for name, value in _TOTALS})
