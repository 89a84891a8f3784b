"""Run a validated query at one snapshot. The statements are fixed, only parameters change."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from warehouse.clickhouse.reader import Reader
from warehouse.periods import Bucket
from warehouse.query.errors import InvalidQueryError
from warehouse.query.request import QueryRequest
from warehouse.query.result import DimensionValue, QueryAnswer, QueryRow
from warehouse.reports.figures import MAX_GROUPS, NO_TURNS, ask_narrowed
from warehouse.reports.metric_values import COSTS, METRIC_VALUES, PERCENTILES, MetricValue
from warehouse.reports.parameters import Row
from warehouse.snapshot import Snapshot

COLUMNS = {
    "bot": "bot",
    "chat_type": "chat",
    "language": "tongue",
    "model": "answerer",
    "model_asked": "asked",
    "source": "origin",
    "person": "person_key",
    "dialog": "talk",
    "status": "ending",
    "cause": "why",
    "fallback_cause": "handed_for",
}


async def run(reader: Reader, request: QueryRequest, *, snapshot: Snapshot) -> QueryAnswer:
    """Answer the query: at most 1,000 rows per page, exact figures.

    Raises:
        InvalidQueryError: the dimensions make more than 10,000 groups.
    """
    starts = _starts(request)
    rows, keys = await _groups(reader, request, snapshot=snapshot, starts=starts)
    if len(rows) > MAX_GROUPS:
        raise InvalidQueryError(
            "dimensions", f"make more than {MAX_GROUPS} groups: filter, or ask for fewer"
        )
    if not rows and not request.dimensions:
        rows = [NO_TURNS]
    moments_of = dict(zip(keys, starts, strict=False))
    results = [_result(row, request, moments_of) for row in rows]
    # Ties keep the order of the dimensions, so that pages never overlap.
    results.sort(key=lambda row: tuple(map(_ordered, row.dimensions)))
    for name, direction in reversed(request.order_by):
        _sort(results, _place(request, name), is_descending=direction == "desc")
    page = results[request.offset : request.offset + request.limit]
    return QueryAnswer(
        results=tuple(page),
        period=request.period,
        query=request.normalised,
        warnings=tuple(_warnings(request, rows)),
        total_rows=len(results) if request.include_total_rows else None,
        has_more=len(results) > request.offset + request.limit,
        time_labels=tuple(_label(start, request) for start in starts)
        if request.include_time_labels
        else None,
    )


async def _groups(
    reader: Reader, request: QueryRequest, *, snapshot: Snapshot, starts: list[datetime]
) -> tuple[list[Row], list[int]]:
    """The groups, and the key of each bucket in them."""
    span = request.period.span
    # A bucket that the period cuts is named by its first moment in the period.
    edges = [max(start, span.since) for start in starts]
    rows = await ask_narrowed(
        reader,
        snapshot=snapshot,
        spans=[span],
        starts=edges,
        conditions=request.filters,
        dimensions=[name for name in request.dimensions if name in COLUMNS],
        new_users="new_users" in request.metrics,
    )
    return [row for row in rows if row["start"]], [int(edge.timestamp()) for edge in edges]


def _starts(request: QueryRequest) -> list[datetime]:
    if request.time_dimension is None:
        return [request.period.since]
    return request.period.bucket_starts()


def _result(row: Row, request: QueryRequest, starts: dict[int, datetime]) -> QueryRow:
    return QueryRow(
        metrics=tuple(METRIC_VALUES[name](row) for name in request.metrics),
        dimensions=tuple(_dimension(row, name, request, starts) for name in request.dimensions),
    )


def _dimension(
    row: Row, name: str, request: QueryRequest, starts: dict[int, datetime]
) -> DimensionValue:
    if name in COLUMNS:
        value: str | int = row[COLUMNS[name]]
        return value
    return _label(starts[row["start"]], request)


def _label(start: datetime, request: QueryRequest) -> DimensionValue:
    """Days, weeks and months by their first day, shorter buckets by their moment in the zone."""
    local = start.astimezone(request.period.zone)
    if request.period.bucket in (Bucket.DAY, Bucket.WEEK, Bucket.MONTH):
        return local.date()
    return local


def _place(request: QueryRequest, name: str) -> tuple[str, int]:
    if name in request.metrics:
        return "metrics", request.metrics.index(name)
    return "dimensions", request.dimensions.index(name)


def _sort(results: list[QueryRow], place: tuple[str, int], *, is_descending: bool) -> None:
    """Stable; what has no value comes last in either direction."""
    part, index = place

    def value(row: QueryRow) -> Any:
        return _ordered(getattr(row, part)[index])

    known = [row for row in results if value(row) is not None]
    unknown = [row for row in results if value(row) is None]
    known.sort(key=value, reverse=is_descending)
    results[:] = known + unknown


def _ordered(value: DimensionValue | MetricValue) -> Any:
    """The sort key of a value. Two moments of one zone would be compared by its clock."""
    return value.astimezone(UTC) if isinstance(value, datetime) else value


def _warnings(request: QueryRequest, rows: list[Row]) -> list[str]:
    warnings = []
    unpriced = sum(row["unpriced"] for row in rows)
    for name in request.metrics:
        missing = sum(METRIC_VALUES[name](row) is None for row in rows)
        if name in COSTS and unpriced:
            warnings.append(f"{name}: {unpriced} turns have no known cost and are not in it")
        elif name in PERCENTILES and missing:
            warnings.append(f"{name}: null where nothing was measured ({missing} rows)")
        elif missing:
            warnings.append(f"{name}: null where it cannot be computed ({missing} rows)")
    return warnings
