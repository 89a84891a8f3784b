"""Runs the statements of reports; parameters and arithmetic that several of them share."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from warehouse.clickhouse.reader import ArrayLiteral, Reader
from warehouse.clickhouse.statements import kept, statement
from warehouse.periods import Period, TimeRange, midnight
from warehouse.reports.conditions import every_condition, value_lists
from warehouse.reports.shapes import Filters
from warehouse.snapshot import Snapshot
from warehouse.tiers import (
    NO_DAYS,
    SplitSpan,
    day_number,
    run_length_encode,
    split_by_tier,
    split_span,
    touched_days,
)

Row = dict[str, Any]
Parameters = dict[str, Any]

P50, P90, P95, P99 = range(4)
"""Places of the percentiles in every latency state."""


async def ask(reader: Reader, name: str, parameters: Parameters) -> list[Row]:
    """Run `sql/reports/<name>.sql` without its lines for conditions."""
    return await reader.rows(name, kept(statement(f"reports/{name}")), parameters)


async def ask_ledger(
    reader: Reader, name: str, parameters: Parameters, filters: Filters
) -> list[Row]:
    """Run a statement over the turns, with the lines for the filters."""
    lists = value_lists(every_condition(filters))
    sql = kept(statement(f"reports/{name}"), lists)
    given = {**parameters, **filter_parameters(filters), **lists}
    return await reader.rows(name, sql, needed(sql, given))


def needed(sql: str, parameters: Parameters) -> Parameters:
    """Those of the parameters that the statement has."""
    return {key: value for key, value in parameters.items() if f"{{{key}:" in sql}


def filter_parameters(filters: Filters) -> Parameters:
    """The filters as optional parameters."""
    return {
        "bot_id": filters.bot_id,
        "chat_type": filters.chat_type,
        "language": filters.language,
        "model": filters.model,
    }


def is_filtered(filters: Filters) -> bool:
    """Whether there is a filter beside the bot: the tiers per bot cannot answer it."""
    singles = (filters.chat_type, filters.language, filters.model)
    return singles != (None, None, None) or bool(filters.conditions)


def time_range(span: TimeRange) -> Parameters:
    return {"since": span.since, "until": span.until}


def day_range(first: date, last: date) -> Parameters:
    return {"first_day": first, "last_day": last}


def tier_builds(snapshot: Snapshot, span: TimeRange, *, only_quarters: bool = False) -> Parameters:
    """The builds of whole days and, for quarters of an hour, of the days that the span cuts."""
    days = _days(snapshot, span)
    edges = (span.since, span.until)
    whole, cut = ([], days) if only_quarters else split_by_tier(days, edges, snapshot.zone)
    return {
        **time_range(span),
        "days": snapshot.versions_of(whole),
        "quarters": snapshot.versions_of(cut),
    }


def figures_parameters(
    snapshot: Snapshot,
    spans: Sequence[TimeRange],
    starts: Sequence[datetime],
    *,
    only_quarters: bool = False,
) -> Parameters:
    """Parameters of `figures`: spans, ascending, and the starts of their buckets."""
    ends = sorted({edge for span in spans for edge in (span.since, span.until)})
    edges = sorted({*ends, *starts})
    days = days_of_spans(snapshot, spans)
    whole, cut = ([], days) if only_quarters else split_by_tier(days, edges, snapshot.zone)
    return {
        **time_range(TimeRange(ends[0], ends[-1])),
        "spans": ArrayLiteral(_seconds(ends)),
        "edges": ArrayLiteral(_seconds(edges)),
        "whole_days": ArrayLiteral(f"'{day}'" for day in whole),
        "midnights": ArrayLiteral(_seconds(midnight(day, snapshot.zone) for day in whole)),
        "days": snapshot.versions_of(whole),
        "quarters": snapshot.versions_of(cut),
    }


def days_of_spans(snapshot: Snapshot, spans: Iterable[TimeRange]) -> list[date]:
    """The days that one of the spans touches and that have a build."""
    return sorted({day for span in spans for day in _days(snapshot, span)})


def _days(snapshot: Snapshot, span: TimeRange) -> list[date]:
    """The days that the span touches and that have a build."""
    first, last = touched_days(span, snapshot.zone)
    return sorted(day for day in snapshot.builds if first <= day <= last)


def _seconds(edges: Iterable[datetime]) -> Iterable[int]:
    return (int(edge.timestamp()) for edge in edges)


def ledger_parameters(snapshot: Snapshot) -> Parameters:
    """The turns that belong to the snapshot: of a day that is withheld, those of its build."""
    return {
        "epoch": snapshot.epoch,
        "watermark": snapshot.watermark,
        "rows_excluded": snapshot.rows_excluded(),
    }


def whole_days(snapshot: Snapshot, span: TimeRange, filters: Filters) -> SplitSpan:
    """The days that sums per person can answer: none when the filters reach beyond the bot."""
    if is_filtered(filters):
        return SplitSpan(*NO_DAYS, TimeRange(span.since, span.since))
    return split_span(span, snapshot.zone)


def days_shown(snapshot: Snapshot, period: Period) -> tuple[date, date]:
    """The days that the period touches, up to the day that the data reach (at least one)."""
    first, last = touched_days(period.span, snapshot.zone)
    return first, max(first, min(last, today(snapshot)))


def today(snapshot: Snapshot) -> date:
    """The day of the report zone that the data reach."""
    return snapshot.data_through.astimezone(snapshot.zone).date()


def each_day(first: date, last: date) -> list[date]:
    """The days, both ends included."""
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def day_edges(days: Sequence[date]) -> list[tuple[int, int, int]]:
    return run_length_encode([day_number(day) for day in days])


def cost(row: Mapping[str, Any]) -> Decimal | None:
    """None when there are turns of unknown cost and no cost at all is known; 0 without turns."""
    known: Decimal = row["cost_usd"]
    return None if row["unpriced"] and not row["priced"] else known


def percentile(state: Sequence[float], place: int) -> float | None:
    """Milliseconds; None when nothing was measured."""
    value = state[place]
    return None if math.isnan(value) else value


def ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def money_ratio(part: Decimal | None, whole: int) -> Decimal | None:
    """Rounded to the ten decimal places that costs are kept in."""
    if part is None or not whole:
        return None
    return (part / whole).quantize(Decimal("0.0000000001"))
