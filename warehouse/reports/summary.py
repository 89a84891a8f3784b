"""Totals of a period."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from warehouse.clickhouse.reader import Reader
from warehouse.comparison import ComparedWith, compared_range
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
    abandoned: int
    edited_questions: int
    command_turns: int
    uncounted_turns: int
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
    fallback_wait_ms: int
    fallback_cost_usd: Decimal | None
    answer_parts: int
    flood_waits: int
    flood_wait_ms: int
    pacing_wait_ms: int
    messages_per_user: float | None
    latency_p50_ms: float | None
    latency_p95_ms: float | None
    ttft_p50_ms: float | None
    ttft_p95_ms: float | None
    tokens_per_second: float | None
    # metrics.toml ends


@dataclass(frozen=True, slots=True)
class Summary:
    """The figures of a period and, when asked for, of the one that it is compared with."""

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
    compared_with: ComparedWith = None,
) -> Summary:
    """Totals of the period, and of the one it is compared with, cut at the same point."""
    spans = [(span, ()) for span in compared_spans(snapshot, period, compared_with)]
    found = await figures(reader, snapshot=snapshot, spans=spans, filters=filters)
    return summary_of([span for span, _ in spans], found)


def compared_spans(
    snapshot: Snapshot, period: Period, compared_with: ComparedWith
) -> list[TimeRange]:
    """The period's span, after that of the period that it is compared with if there is one."""
    if compared_with is None:
        return [period.span]
    through = snapshot.data_through
    return [compared_range(period, compared_with, data_through=through), period.span]


def summary_of(spans: Sequence[TimeRange], found: Sequence[Figures]) -> Summary:
    """The summary of the figures of `compared_spans`."""
    *before, current = [_totals(each.total) for each in found]
    if not before:
        return Summary(current, None, None, None)
    return Summary(current, before[0], spans[0].since, spans[0].until)


def _totals(row: Row) -> Totals:
    return Totals(**{name: value(row) for name, value in _TOTALS})
