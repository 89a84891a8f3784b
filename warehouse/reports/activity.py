"""The series of a period: a point for each bucket."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from warehouse.clickhouse.reader import Reader
from warehouse.comparison import ComparedWith
from warehouse.periods import Period, TimeRange
from warehouse.reports.figures import Figures, figures
from warehouse.reports.metric_values import metric_fields
from warehouse.reports.parameters import Row
from warehouse.reports.shapes import NO_FILTERS, Filters
from warehouse.reports.summary import Summary, compared_spans, summary_of
from warehouse.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class ActivityPoint:
    """One bucket of the series. Empty buckets are present with zeros."""

    start: datetime
    """UTC; the bucket's start on the zone's clock, cut at the period's start."""
    # metrics.toml: fields of series
    user_messages: int
    turns: int
    served_turns: int
    answers: int
    failed: int
    rejected: int
    abandoned: int
    edited_questions: int
    command_turns: int
    uncounted_turns: int
    active_users: int
    served_users: int
    new_users: int
    tokens: int
    cost_usd: Decimal | None
    unpriced_turns: int
    latency_p50_ms: float | None
    latency_p95_ms: float | None
    tokens_per_second: float | None
    # metrics.toml ends


@dataclass(frozen=True, slots=True)
class Activity:
    points: tuple[ActivityPoint, ...]
    previous: tuple[ActivityPoint, ...]
    """Points of the period compared with, in order; empty unless asked for. May be fewer (cut)."""


_POINT = metric_fields(ActivityPoint)


async def activity(
    reader: Reader,
    *,
    snapshot: Snapshot,
    period: Period,
    filters: Filters = NO_FILTERS,
    compared_with: ComparedWith = None,
) -> Activity:
    """One point per bucket of the period, empty ones as zeros."""
    spans = compared_spans(snapshot, period, compared_with)
    return _activity(
        await _figures(
            reader, snapshot=snapshot, period=period, spans=spans, filters=filters, totals=False
        )
    )


async def summary_and_activity(
    reader: Reader,
    *,
    snapshot: Snapshot,
    period: Period,
    filters: Filters = NO_FILTERS,
    compared_with: ComparedWith = None,
) -> tuple[Summary, Activity]:
    """Totals and points of the period in one statement, and of what it is compared with."""
    spans = compared_spans(snapshot, period, compared_with)
    found = await _figures(
        reader, snapshot=snapshot, period=period, spans=spans, filters=filters, totals=True
    )
    return summary_of(spans, found), _activity(found)


async def _figures(
    reader: Reader,
    *,
    snapshot: Snapshot,
    period: Period,
    spans: Sequence[TimeRange],
    filters: Filters,
    totals: bool,
) -> list[Figures]:
    return await figures(
        reader,
        snapshot=snapshot,
        spans=[(span, period.bucket_starts(span)) for span in spans],
        filters=filters,
        totals=totals,
    )


def _activity(found: Sequence[Figures]) -> Activity:
    *before, current = [tuple(_point(*point) for point in each.points) for each in found]
    return Activity(current, before[0] if before else ())


def _point(start: datetime, row: Row) -> ActivityPoint:
    return ActivityPoint(start, **{name: value(row) for name, value in _POINT})
