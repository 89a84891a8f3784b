"""`POST /query`: any metrics by any dimensions under filters."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import numpy as np

from tests.recount.facts import DIMENSIONS, Group, Rows
from tests.recount.periods import Period
from tests.recount.view import Expected, Row, View

COSTS = (
    *("cost_usd", "cost_per_served_user_usd", "cost_per_answer_usd"),
    "fallback_cost_usd",
)
LONG = ("day", "week", "month")
"""Buckets that are named by their first day."""


def query(view: View) -> Expected:
    body = view.arguments
    metrics, dimensions = body["metrics"], body.get("dimensions", [])
    groups = _groups(view, dimensions)
    if not groups and not dimensions:
        empty = view.facts.all[:0]
        groups = {(): view.facts.group(empty, empty)}
    # Ties stay in the order of the dimensions; a time sorts by its moment.
    results = [(key, list(group.figures(metrics).values())) for key, group in groups.items()]
    results.sort(key=lambda result: result[0])
    ranks = any(is_percentile(name) for name, _ in _order(body))
    for name, direction in reversed(_order(body)) if not ranks else ():
        place = (0, dimensions.index(name)) if name in dimensions else (1, metrics.index(name))
        _sort(results, place, is_descending=direction == "desc")
    paging = {"limit": 100, "offset": 0, **body.get("pagination", {})}
    end = paging["offset"] + paging["limit"]
    include = {"total_rows": False, "time_labels": False, **body.get("include", {})}
    page = [
        {
            "metrics": values,
            "dimensions": [
                _label(part, view.period) if name[:4] == "time" else part
                for part, name in zip(key, dimensions, strict=True)
            ],
        }
        for key, values in results[paging["offset"] : end]
    ]
    labels = [_label(start, view.period) for start in view.period.starts()]
    columns = (*dimensions, *metrics)
    return Expected(
        {
            "results": page,
            "query": _normalised(view, include, paging),
            "warnings": _warnings(
                metrics,
                [values for _, values in results],
                sum(group.unpriced for group in groups.values()),
            ),
            "total_rows": len(results) if include["total_rows"] else None,
            "has_more": len(results) > end,
            "time_labels": labels if include["time_labels"] else None,
        },
        columns,
        [dict(zip(columns, (*row["dimensions"], *row["metrics"]), strict=True)) for row in page],
        order=[(name, way == "desc") for name, way in _order(body)] if ranks else (),
        key=dimensions,
    )


def _groups(view: View, dimensions: list[str]) -> dict[tuple[Any, ...], Group]:
    facts, period = view.facts, view.period
    filters = view.arguments.get("filters", [])
    rows = facts.matching(facts.within(period.since, period.until), filters)
    bots = [one for one in filters if one[1] == "bot"]
    firsts = facts.matching(facts.newcomers(period.since, period.until), bots)
    starts = np.array(period.starts(), np.int64)

    def parts(of: Rows, name: str) -> list[Any]:
        if name[:4] == "time":
            places = np.searchsorted(starts, facts.at[of], side="right") - 1
            return [int(start) for start in starts[places]]
        return list(facts.column(DIMENSIONS[name], of).tolist())

    # A newcomer belongs to the time and bot of their first turn, to other groups by activity.
    shared = [name for name in dimensions if name[:4] == "time" or name == "bot"]
    newcomers = _split(firsts, [parts(firsts, name) for name in shared])
    found = {}
    for key, own in _split(rows, [parts(rows, name) for name in dimensions]).items():
        of = tuple(part for part, name in zip(key, dimensions, strict=True) if name in shared)
        found[key] = facts.group(own, newcomers.get(of, firsts[:0]))
    return found


def _split(rows: Rows, parts: list[list[Any]]) -> dict[tuple[Any, ...], Rows]:
    found: dict[tuple[Any, ...], list[int]] = {}
    for place, row in enumerate(rows):
        found.setdefault(tuple(column[place] for column in parts), []).append(int(row))
    return {key: np.array(own) for key, own in found.items()}


def is_percentile(metric: str) -> bool:
    return metric.startswith(("latency_", "ttft_"))


def _order(body: dict[str, Any] | Any) -> list[list[str]]:
    given = body.get("order_by", [])
    if given:
        return list(given)
    times = [[name, "asc"] for name in body.get("dimensions", []) if name[:4] == "time"]
    return [*times, [body["metrics"][0], "desc"]]


def _sort(results: list[Any], place: tuple[int, int], *, is_descending: bool) -> None:
    """Stable; what has no value comes last."""
    part, index = place

    def value(result: Any) -> Any:
        return result[part][index]

    known = [result for result in results if value(result) is not None]
    unknown = [result for result in results if value(result) is None]
    known.sort(key=value, reverse=is_descending)
    results[:] = known + unknown


def _label(start: int, period: Period) -> date | datetime:
    shown = period.zone.shown(start)
    return shown.date() if period.bucket in LONG else shown


def _normalised(view: View, include: Row, paging: Row) -> Row:
    body, period = view.arguments, view.period

    def spelled(name: str) -> str:
        return f"time:{period.bucket}" if name == "time" else name

    return {
        "metrics": body["metrics"],
        "date_range": [period.zone.shown(end).isoformat() for end in (period.since, period.until)],
        "dimensions": [spelled(name) for name in body.get("dimensions", [])],
        "filters": [list(one) for one in body.get("filters", [])],
        "order_by": [[spelled(name), way] for name, way in _order(body)],
        "include": include,
        "pagination": paging,
        "tz": period.tz,
    }


def _warnings(metrics: list[str], results: list[list[Any]], unpriced: int) -> list[str]:
    found = []
    for place, name in enumerate(metrics):
        missing = sum(values[place] is None for values in results)
        if name in COSTS and unpriced:
            found.append(f"{name}: {unpriced} turns have no known cost and are not in it")
        elif is_percentile(name) and missing:
            found.append(f"{name}: null where nothing was measured ({missing} rows)")
        elif missing:
            found.append(f"{name}: null where it cannot be computed ({missing} rows)")
    return found
