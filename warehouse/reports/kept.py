"""What reports say of whole days in memory, as the rows that their statements would answer.

The statements of the same reports serve what is not kept: parts of days, filters by more than the
bot, and more than `MOST_DAYS` days.
"""

from __future__ import annotations

import heapq
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID

from pyroaring import BitMap

from warehouse.kept_days import BotDay
from warehouse.reports.asking import Row
from warehouse.states import quantiles
from warehouse.tiers import day_number


def summary_row(days: Sequence[BotDay]) -> Row:
    """The figures of `summary_days`."""
    return _point(days) | {
        "ttft": quantiles([day.ttft for day in days]),
        "reached_users": len(_union([day.reached for day in days])),
    }


def activity_rows(days: Iterable[BotDay], starts: Sequence[int]) -> list[Row]:
    """The rows of `activity_days`; `starts` are the buckets' first days since 1970, ascending."""
    buckets: dict[int, list[BotDay]] = defaultdict(list)
    for day in days:
        buckets[starts[bisect_right(starts, day_number(day.day)) - 1]].append(day)
    return [{"start": start, **_point(inside)} for start, inside in buckets.items()]


def _point(days: Sequence[BotDay]) -> Row:
    """What a summary and a point of the series have in common."""
    return {
        "sums": [sum(column) for column in zip(*(day.sums for day in days), strict=True)],
        "cost_usd": sum((day.cost_usd for day in days), Decimal(0)),
        "latency": quantiles([day.latency for day in days]),
        "active_users": len(_union([day.active for day in days])),
        "served_users": len(_union([day.served for day in days])),
        "new_users": len(_union([day.new for day in days])),
    }


def retention_rows(days: Iterable[BotDay], *, width: int, steps: int, last_day: date) -> list[Row]:
    """The rows of `retention`: spans of `width` days, 1 or 7 from Monday."""
    spans: dict[date, list[BotDay]] = defaultdict(list)
    for day in days:
        since_monday = timedelta(days=day.day.weekday() if width > 1 else 0)
        spans[day.day - since_monday].append(day)
    active = {start: _union([day.active for day in span]) for start, span in spans.items()}
    return [
        {"start": start, "step": step, "people": cohort.intersection_cardinality(active[followed])}
        for start, span in spans.items()
        if start <= last_day
        for cohort in [_union([day.new for day in span])]
        for step in range(steps + 1)
        if (followed := start + timedelta(days=step * width)) in active
    ]


def newest_dialogs(days: Iterable[BotDay], *, limit: int) -> list[tuple[int, str]]:
    """The (newest turn in microseconds, dialog), newest first."""
    newest: dict[UUID, int] = {}
    for day in days:
        for micros, dialog in day.newest[:limit]:
            newest[dialog] = max(micros, newest.get(dialog, micros))
    first = heapq.nlargest(limit, ((micros, dialog) for dialog, micros in newest.items()))
    return [(micros, str(dialog)) for micros, dialog in first]


def _union(sets: Sequence[BitMap]) -> BitMap:
    """To be read only: of one set it is that set."""
    return sets[0] if len(sets) == 1 else BitMap.union(BitMap(), *sets)
