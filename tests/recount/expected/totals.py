"""`summary` and `activity`: figures of a span, and of each of its buckets."""

from __future__ import annotations

from itertools import pairwise

from tests.recount.facts import FIGURES
from tests.recount.view import Expected, Row, View
from tests.recount.zones import moment

TOTALS = tuple(
    name
    for name in FIGURES
    if name not in ("error_rate", "fallback_rate")
    and not name.endswith(("_p99_ms", "_user_usd", "_answer_usd"))
)
POINT = tuple(
    name
    for name in TOTALS
    if name
    not in (
        *("incomplete", "cancelled", "rejected_users", "reached_users", "prompt_tokens"),
        *("completion_tokens", "cached_tokens", "reasoning_tokens", "fallbacks", "answer_parts"),
        *("flood_waits", "flood_wait_ms", "pacing_wait_ms", "messages_per_user"),
        *("ttft_p50_ms", "ttft_p95_ms", "fallback_wait_ms", "fallback_cost_usd"),
    )
)


def compares(view: View) -> bool:
    return view.arguments.get("compare") == "true"


def summary(view: View) -> Expected:
    current = view.group(view.period.since, view.period.until).figures(TOTALS)
    found: Row = {
        "current": current,
        "previous": None,
        "previous_since": None,
        "previous_until": None,
    }
    rows: list[Row] = [{"span": "current", **current}]
    if compares(view):
        since, until = view.period.other(view.arguments, through=view.through)
        previous = view.group(since, until).figures(TOTALS)
        found |= {
            "previous": previous,
            "previous_since": moment(since),
            "previous_until": moment(until),
        }
        rows.append({"span": "previous", **previous})
    return Expected({"summary": found}, ("span", *TOTALS), rows)


def points(view: View, since: int, until: int) -> list[Row]:
    """One point per bucket of the span, empty ones too."""
    starts = view.period.zone.bucket_starts(since, until, view.period.bucket)
    edges = [*(max(start, since) for start in starts), until]
    return [
        {"start": moment(begin), **view.group(begin, end).figures(POINT)}
        for begin, end in pairwise(edges)
    ]


def activity(view: View) -> Expected:
    current = points(view, view.period.since, view.period.until)
    previous: list[Row] = []
    if compares(view):
        previous = points(view, *view.period.other(view.arguments, through=view.through))
    rows = [{"span": "current", **point} for point in current]
    rows += [{"span": "previous", **point} for point in previous]
    found = {"points": current, "previous": previous}
    return Expected({"activity": found}, ("span", "start", *POINT), rows)
