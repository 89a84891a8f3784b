"""Every figure of spans and of their buckets, from the coarsest tiers that are exact."""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from itertools import pairwise

from warehouse.catalogue import SUM_COLUMNS, TURN_DIMENSIONS
from warehouse.clickhouse.reader import Reader
from warehouse.clickhouse.statements import kept, statement
from warehouse.periods import TimeRange
from warehouse.reports.conditions import every_condition, needs_ledger, value_lists
from warehouse.reports.ledger_tier import ledger_tier_parameters, over_ledger
from warehouse.reports.parameters import (
    Row,
    days_of_spans,
    figures_parameters,
    is_filtered,
    needed,
)
from warehouse.reports.shapes import Condition, Filters
from warehouse.snapshot import Snapshot

_PEOPLE = ("active_users", "served_users", "reached_users", "new_users")
NO_TURNS: Row = (
    dict.fromkeys(_PEOPLE, 0)
    | {one.name: Decimal(0) if "Decimal" in one.type else 0 for one in SUM_COLUMNS}
    | dict.fromkeys(("latency", "ttft"), (math.nan,) * 4)
)
"""The row of a group without turns."""
TIER_GROUPS = tuple(one.name for one in TURN_DIMENSIONS if one.is_in_tiers)
GROUPS = tuple(one.name for one in TURN_DIMENSIONS)
MAX_GROUPS = 10_000
_PART = re.compile(r"^ *-- from \w+\n", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Figures:
    """Rows of one span; those without a turn are `NO_TURNS`."""

    total: Row
    points: tuple[tuple[datetime, Row], ...]
    """(start, row) of every bucket; the first one starts with the span, even inside its bucket."""


async def figures(
    reader: Reader,
    *,
    snapshot: Snapshot,
    spans: Sequence[tuple[TimeRange, Sequence[datetime]]],
    filters: Filters,
    totals: bool = True,
) -> list[Figures]:
    """Totals and buckets of each span, all of them in one statement.

    Args:
        reader: connection to ClickHouse.
        snapshot: the snapshot to read.
        spans: spans ordered by time, each with the starts of its buckets.
        filters: filters of the turns that are counted.
        totals: whether to return totals beside the buckets.
    """
    if any(later.since < span.until for (span, _), (later, _) in pairwise(spans)):
        # If a zone skipped a day, the period before may overlap with this one.
        apart = [
            figures(reader, snapshot=snapshot, spans=[one], filters=filters, totals=totals)
            for one in spans
        ]
        return [found for [found] in await asyncio.gather(*apart)]
    # An empty span may be inside a bucket, and has no points.
    clipped = [
        (span, [max(start, span.since) for start in starts if span.since < span.until])
        for span, starts in spans
    ]
    shown = [(span, starts) for span, starts in clipped if span.since < span.until]
    if not shown:
        return [Figures(NO_TURNS, ()) for _ in spans]
    asked_spans = [span for span, _ in shown]
    edges = [start for _, starts in shown for start in starts]
    if is_filtered(filters):
        rows = await ask_narrowed(
            reader,
            snapshot=snapshot,
            spans=asked_spans,
            starts=edges,
            conditions=every_condition(filters),
            dimensions=(),
            new_users=True,
        )
    else:
        rows = await _ask_figures(
            reader, snapshot, asked_spans, edges, totals=totals, bot_id=filters.bot_id
        )
    whole = {row["span"]: row for row in rows if not row.get("start")}
    buckets = {row["start"]: row for row in rows if row.get("start")}
    return [
        Figures(
            # An empty span has no row: its start may be that of another span.
            whole.get(_key(span.since), NO_TURNS) if (span, starts) in shown else NO_TURNS,
            tuple((start, buckets.get(_key(start), NO_TURNS)) for start in starts),
        )
        for span, starts in clipped
    ]


async def _ask_figures(
    reader: Reader,
    snapshot: Snapshot,
    spans: Sequence[TimeRange],
    starts: Sequence[datetime],
    *,
    totals: bool,
    bot_id: int | None,
) -> list[Row]:
    parameters = figures_parameters(snapshot, spans, starts) | {"bot_id": bot_id}
    days, quarters = bool(parameters["days"]), bool(parameters["quarters"])
    if not days and not quarters:
        return []
    sql = _sql(totals=totals, points=bool(starts), days=days, quarters=quarters)
    return await reader.rows("figures", sql, needed(sql, parameters))


async def ask_narrowed(
    reader: Reader,
    *,
    snapshot: Snapshot,
    spans: Sequence[TimeRange],
    starts: Sequence[datetime],
    conditions: Sequence[Condition],
    dimensions: Sequence[str],
    new_users: bool,
) -> list[Row]:
    """Figures of the turns that the conditions let pass, by group: rows of `figures_narrowed`.

    Args:
        reader: connection to ClickHouse.
        snapshot: the snapshot to read.
        spans: ascending.
        starts: of the buckets of the spans.
        conditions: filters of the turns.
        dimensions: of `GROUPS`, that make the groups.
        new_users: whether new users are counted.
    """
    lists = value_lists(conditions)
    is_over_ledger = needs_ledger(conditions, dimensions)
    parameters = {
        **figures_parameters(snapshot, spans, starts, only_quarters=is_over_ledger),
        **{f"by_{name}": name in dimensions for name in TIER_GROUPS},
        # One group more than an answer may have, and the row of the whole span.
        "limit": MAX_GROUPS + 2,
        **lists,
    }
    added = frozenset(f"by_{name}" for name in dimensions if name not in TIER_GROUPS)
    if is_over_ledger:
        # First turns belong to a bot, and to no other dimension.
        bots = frozenset(lists) & {"bot_is", "bot_is_not"}
        sql = narrowed_sql(bots | added, new_users=new_users, is_over_ledger=True)
        sql = over_ledger(sql, "activity", frozenset(lists) | added)
        days = days_of_spans(snapshot, spans)
        parameters |= ledger_tier_parameters(snapshot, days, lists)
    else:
        sql = narrowed_sql(frozenset(lists), new_users=new_users)
    return await reader.rows("figures_narrowed", sql, needed(sql, parameters))


@cache
def narrowed_sql(marks: frozenset[str], *, new_users: bool, is_over_ledger: bool = False) -> str:
    """The statement with the lines for these filters and dimensions.

    Args:
        marks: like `chat_type_is` and `by_source`.
        new_users: whether it has the column `new_users`.
        is_over_ledger: whether its rows come from a subquery in place of a table.
    """
    figures, newcomers = _PART.split(statement("reports/figures_narrowed"))
    wanted = {*marks, "ledger" if is_over_ledger else "tiers"}
    return kept(
        figures + newcomers if new_users else figures,
        wanted | {"new_users"} if new_users else wanted,
    )


@cache
def _sql(*, totals: bool, points: bool, days: bool, quarters: bool) -> str:
    """The statement without the lines that a request does not need."""
    before, of_days, both, of_quarters, after = _PART.split(statement("reports/figures"))
    sources = {
        (True, True): of_days + both + of_quarters,
        (True, False): of_days,
        (False, True): of_quarters,
    }
    wanted = {"totals": totals, "points": points, "both": totals and points}
    return kept(
        before + sources[days, quarters] + after,
        {name for name, is_wanted in wanted.items() if is_wanted},
    )


def _key(moment: datetime) -> int:
    return int(moment.timestamp())
