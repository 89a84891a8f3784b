"""A query as it was asked, strictly validated. Unknown keys and values are refused."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from warehouse.moments import PeriodError, zone_named
from warehouse.periods import Bucket, Period
from warehouse.query.errors import InvalidQueryError
from warehouse.query.filters import as_list, parse_filters
from warehouse.query.ranges import resolve_range
from warehouse.reports.figures import GROUPS
from warehouse.reports.metric_values import METRIC_VALUES
from warehouse.reports.shapes import Condition

MAX_METRICS = 40
MAX_DIMENSIONS = 5
MAX_ROWS = 1_000
MAX_OFFSET = 100_000

TIME = "time"
DIMENSIONS = (TIME, *(f"{TIME}:{bucket.value}" for bucket in Bucket), *GROUPS)
DIRECTIONS = ("asc", "desc")
_KEYS = (
    "metrics",
    "date_range",
    "dimensions",
    "filters",
    "order_by",
    "include",
    "pagination",
    "tz",
)


@dataclass(frozen=True, slots=True)
class QueryRequest:
    metrics: tuple[str, ...]
    period: Period
    dimensions: tuple[str, ...]
    filters: tuple[Condition, ...]
    order_by: tuple[tuple[str, str], ...]
    """(metric or dimension, `asc` or `desc`)."""
    limit: int
    offset: int
    include_total_rows: bool
    include_time_labels: bool
    normalised: dict[str, Any]

    @property
    def time_dimension(self) -> str | None:
        return next((name for name in self.dimensions if name.startswith(TIME)), None)


def parse(
    body: Any, *, now: datetime, default_tz: str, beginning: datetime | None = None
) -> QueryRequest:
    """Validate the JSON body of a query.

    `{"metrics": ["user_messages", "active_users"],
      "date_range": "7d" | ["2026-03-01", "2026-03-07"] | ["…T00:00:00+03:00", "…"],
      "dimensions": ["time:day", "model"], "filters": [["is", "chat_type", ["private"]]],
      "order_by": [["user_messages", "desc"]],
      "include": {"total_rows": true, "time_labels": true},
      "pagination": {"limit": 100, "offset": 0}, "tz": "Europe/Berlin"}`

    Args:
        body: decoded JSON, whatever it is.
        now: aware; the moment at which named ranges are taken.
        default_tz: zone of a query that names none.
        beginning: of the data, where `all` begins.

    Raises:
        InvalidQueryError: naming the place in the body that is wrong.
    """
    query = _object(body, "query", _KEYS)
    for key in ("metrics", "date_range"):
        if key not in query:
            raise InvalidQueryError(key, "is needed")
    metrics = _names(query["metrics"], "metrics", tuple(METRIC_VALUES), most=MAX_METRICS, least=1)
    dimensions = _names(
        query.get("dimensions", []), "dimensions", DIMENSIONS, most=MAX_DIMENSIONS + 1
    )
    times = [name for name in dimensions if name.startswith(TIME)]
    if len(times) > 1:
        raise InvalidQueryError("dimensions", "at most one of them may be a time")
    period = _period(query, now=now, default_tz=default_tz, times=times, beginning=beginning)
    filters = parse_filters(query.get("filters", []))
    order_by = _order(query.get("order_by", []), metrics, dimensions)
    include = _object(query.get("include", {}), "include", ("total_rows", "time_labels"))
    paging = _object(query.get("pagination", {}), "pagination", ("limit", "offset"))
    limit = _integer(paging.get("limit", 100), "pagination.limit", 1, MAX_ROWS)
    offset = _integer(paging.get("offset", 0), "pagination.offset", 0, MAX_OFFSET)
    total_rows = _boolean(include.get("total_rows", False), "include.total_rows")
    time_labels = _boolean(include.get("time_labels", False), "include.time_labels")
    if time_labels and not times:
        raise InvalidQueryError("include.time_labels", "needs a time dimension")
    return QueryRequest(
        metrics=metrics,
        period=period,
        dimensions=dimensions,
        filters=filters,
        order_by=order_by,
        limit=limit,
        offset=offset,
        include_total_rows=total_rows,
        include_time_labels=time_labels,
        normalised={
            "metrics": list(metrics),
            "date_range": [
                moment.astimezone(period.zone).isoformat()
                for moment in (period.since, period.until)
            ],
            "dimensions": [_spelled_out(name, period) for name in dimensions],
            "filters": [[one.operator, one.dimension, list(one.values)] for one in filters],
            "order_by": [[_spelled_out(name, period), way] for name, way in order_by],
            "include": {"total_rows": total_rows, "time_labels": time_labels},
            "pagination": {"limit": limit, "offset": offset},
            "tz": period.tz,
        },
    )


def _spelled_out(name: str, period: Period) -> str:
    return f"{TIME}:{period.bucket.value}" if name == TIME else name


def _period(
    query: dict[str, Any],
    *,
    now: datetime,
    default_tz: str,
    times: list[str],
    beginning: datetime | None,
) -> Period:
    tz = query.get("tz", default_tz)
    if not isinstance(tz, str):
        raise InvalidQueryError("tz", "expected the name of a zone")
    _, _, width = times[0].partition(":") if times else ("", "", "")
    try:
        return resolve_range(
            query["date_range"],
            now=now,
            zone=zone_named(tz),
            bucket=Bucket(width) if width else None,
            beginning=beginning,
        )
    except PeriodError as error:
        path = {"tz": "tz", "bucket": "dimensions"}.get(error.field, "date_range")
        raise InvalidQueryError(path, str(error).partition(": ")[2]) from error
    except ValueError as error:
        raise InvalidQueryError("date_range", str(error)) from error


def _order(
    given: Any, metrics: tuple[str, ...], dimensions: tuple[str, ...]
) -> tuple[tuple[str, str], ...]:
    pairs = []
    for place, item in enumerate(as_list(given, "order_by", most=len(metrics) + len(dimensions))):
        match item:
            case [str() as name, str() as direction] if direction in DIRECTIONS:
                pass
            case _:
                raise InvalidQueryError(f"order_by[{place}]", 'expected [name, "asc" or "desc"]')
        if name not in metrics and name not in dimensions:
            raise InvalidQueryError(
                f"order_by[{place}][0]", "must be a metric or dimension of the query"
            )
        pairs.append((name, direction))
    if pairs:
        return tuple(pairs)
    times = [(name, "asc") for name in dimensions if name.startswith(TIME)]
    return (*times, (metrics[0], "desc"))


def _object(given: Any, path: str, keys: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise InvalidQueryError(path, "expected an object")
    for key in given:
        if key not in keys:
            raise InvalidQueryError(
                path, f"unknown key {str(key)[:50]!r}, known: {', '.join(keys)}"
            )
    return given


def _names(
    given: Any, path: str, known: tuple[str, ...], *, most: int, least: int = 0
) -> tuple[str, ...]:
    names = as_list(given, path, most=most)
    if len(names) < least:
        raise InvalidQueryError(path, f"at least {least}")
    for place, name in enumerate(names):
        if name not in known:
            raise InvalidQueryError(f"{path}[{place}]", f"expected one of {', '.join(known)}")
        if name in names[:place]:
            raise InvalidQueryError(f"{path}[{place}]", "is named twice")
    return tuple(names)


def _integer(given: Any, path: str, least: int, most: int) -> int:
    if isinstance(given, bool) or not isinstance(given, int) or not least <= given <= most:
        raise InvalidQueryError(path, f"expected a number from {least} to {most}")
    return given


def _boolean(given: Any, path: str) -> bool:
    if not isinstance(given, bool):
        raise InvalidQueryError(path, "expected true or false")
    return given
