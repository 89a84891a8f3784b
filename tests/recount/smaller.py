"""Simpler variants of a request, to find the smallest one that shows a difference."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from tests.recount.constants import DAY, QUARTER
from tests.recount.periods import Period
from tests.recount.requests import Request
from tests.recount.zones import moment

CORE = ("from", "to", "period")

REQUIRED = ("person",)
"""Arguments that no request may lack."""


def smaller(request: Request, period: Period | None) -> Iterator[Request]:
    """Requests with one argument less, or half of the period."""
    given = request.arguments
    for name in given:
        if name not in (*CORE, *REQUIRED, "metrics", "date_range"):
            yield _with(request, {key: given[key] for key in given if key != name})
    if request.is_query:
        for name in ("metrics", "dimensions", "filters", "order_by"):
            values = given.get(name, [])
            for place in range(len(values)) if len(values) > 1 else ():
                yield _with(request, {**given, name: values[:place] + values[place + 1 :]})
    if period is not None:
        for since, until in _halves(period):
            yield _with(request, {**_without_period(given), **_ends(request, since, until)})


def _halves(period: Period) -> Iterator[tuple[int, int]]:
    zone = period.zone
    middle = (period.since + period.until) // 2
    # Days stay whole for as long as there are two of them.
    middle = (
        zone.midnight(zone.day(middle))
        if period.until - period.since > 2 * DAY
        else middle // QUARTER * QUARTER
    )
    if period.since < middle < period.until:
        yield period.since, middle
        yield middle, period.until


def _without_period(given: Any) -> dict[str, Any]:
    return {name: value for name, value in given.items() if name not in (*CORE, "date_range")}


def _ends(request: Request, since: int, until: int) -> dict[str, Any]:
    begin, end = moment(since).isoformat(), moment(until).isoformat()
    return {"date_range": [begin, end]} if request.is_query else {"from": begin, "to": end}


def _with(request: Request, arguments: dict[str, Any]) -> Request:
    """The request without orders by what it no longer asks for, which would be refused."""
    shown = [*arguments.get("metrics", []), *arguments.get("dimensions", [])]
    order = [one for one in arguments.get("order_by", []) if one[0] in shown]
    left = {name: value for name, value in arguments.items() if name != "order_by"}
    return replace(request, arguments=left | ({"order_by": order} if order else {}))
