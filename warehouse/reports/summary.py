"""Totals of a period."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from warehouse.clickhouse.reader import Reader
from warehouse.periods import Period, TimeRange
from warehouse.reports.figures import Figures, figures
from warehouse.reports.metric_values import metric_fields
from warehouse.reports.parameters import Row
from warehouse.reports.shapes import NO_FILTERS, Filters
from warehouse.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Totals:
    """Every figure of one span. Users, latencies and averages cannot be added across spans."""

    # metrics.toml: fields of totals
    user_messages: int
    turns: int
    served_turns: int
    answers: int
    incomplete: int
    failed: int
    rejected: int
    cancelled: int
    edited_questions: int
    command_turns: int
    active_users: int
    served_users: int
    rejected_users: int
    reached_users: int
    new_users: int
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    reasoning_tokens: int
    tokens: int
    cost_usd: Decimal | None
    unpriced_turns: int
    fallbacks: int
    answer_parts: int
    flood_waits: int
    flood_wait_ms: int
    pacing_wait_ms: int
    messages_per_user: float | None
    latency_p50_ms: float | None
    latency_p95_ms: float | None
    ttft_p50_ms: float | None
    ttft_p95_ms: float | None
    # metrics.toml ends


@dataclass(frozen=True, slots=True)
class Summary:
    """The figures of a period and, when asked for, of the period before."""

    current: Totals
    previous: Totals | None
    previous_since: datetime | None
    previous_until: datetime | None


_TOTALS = metric_fields(Totals)


async def summary(
    reader: Reader,
    *,
    snapshot: Snapshot,
    period: Period,
    filters: Filters = NO_FILTERS,
    compare: bool = False,
) -> Summary:
    """Totals of the period and, with `compare`, of the one before, cut at the same point."""
    spans = [(span, ()) for span in compared_spans(snapshot, period, compare=compare)]
    found = await figures(reader, snapshot=snapshot, spans=spans, filters=filters)
    return summary_of([span for span, _ in spans], found)


def compared_spans(snapshot: Snapshot, period: Period, *, compare: bool) -> list[TimeRange]:
    """The period's span and, with `compare`, the one before; in the order of time."""
    if not compare:
        return [period.span]
    return [period.previous(data_through=snapshot.data_through), period.span]


def summary_of(spans: Sequence[TimeRange], found: Sequence[Figures]) -> Summary:
    """The summary of the figures of `compared_spans`."""
    *before, current = [_totals(each.total) for each in found]
    if not before:
        return Summary(current, None, None, None)
    return Summary(current, before[0], spans[0].since, spans[0].until)


def _totals(row: Row) -> Totals:
    return Totals(**{name: value(row) for name, value in _TOTALS})
