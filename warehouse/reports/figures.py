"""Every figure of spans and of their buckets, from the coarsest tiers that are exact."""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from itertools import pairwise

from warehouse.catalogue import SUM_COLUMNS
from warehouse.clickhouse.reader import Reader
from warehouse.clickhouse.statements import statement
from warehouse.periods import TimeRange
from warehouse.reports.parameters import Parameters, Row, figures_parameters, is_filtered
from warehouse.reports.shapes import Filters
from warehouse.snapshot import Snapshot

_PEOPLE = ("active_users", "served_users", "reached_users", "new_users")
NO_TURNS: Row = (
    dict.fromkeys((*(column.name for column in SUM_COLUMNS), *_PEOPLE), 0)
    | {"cost_usd": Decimal(0)}
    | dict.fromkeys(("latency", "ttft"), (math.nan,) * 4)
)
"""The row of a group without turns."""
GROUPS = ("bot", "chat_type", "language", "model", "model_asked")
OPERATORS = ("is", "is_not", "contains", "contains_not")
FILTERS = tuple(
    (dimension, operator)
    for dimension in GROUPS
    for operator in (OPERATORS[:2] if dimension == "bot" else OPERATORS)
)
"""Parameters of `figures_narrowed`, each a list of values: `chat_type_is` and so on."""
MAX_GROUPS = 10_000
_PART = re.compile(r"^ *-- from \w+\n", re.MULTILINE)
_ONLY_FOR = re.compile(r" -- for (\w+)$")


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
    parameters = figures_parameters(
        snapshot, [span for span, _ in shown], [start for _, starts in shown for start in starts]
    )
    days, quarters = bool(parameters["days"]), bool(parameters["quarters"])
    rows: list[Row] = []
    if is_filtered(filters):
        given = parameters | filter_lists(filters) | group_parameters(())
        rows = await ask_narrowed(reader, given, new_users=True)
    elif days or quarters:
        points = any(starts for _, starts in shown)
        sql = _sql(totals=totals, points=points, days=days, quarters=quarters)
        rows = await _rows(reader, "figures", sql, parameters | {"bot_id": filters.bot_id})
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


async def ask_narrowed(reader: Reader, parameters: Parameters, *, new_users: bool) -> list[Row]:
    """Rows of `figures_narrowed`: of the filters, `parameters` holds those that are set."""
    names = {f"{dimension}_{operator}" for dimension, operator in FILTERS}
    sql = narrowed_sql(frozenset(names & parameters.keys()), new_users=new_users)
    return await _rows(reader, "figures_narrowed", sql, parameters)


async def _rows(reader: Reader, name: str, sql: str, parameters: Parameters) -> list[Row]:
    needed = {key: value for key, value in parameters.items() if f"{{{key}:" in sql}
    return await reader.rows(name, sql, needed)


@cache
def narrowed_sql(filters: frozenset[str], *, new_users: bool) -> str:
    """The statement with these conditions of `FILTERS`, with or without the column `new_users`."""
    figures, newcomers = _PART.split(statement("reports/figures_narrowed"))
    return _kept(
        figures + newcomers if new_users else figures,
        filters | {"new_users"} if new_users else filters,
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
    return _kept(
        before + sources[days, quarters] + after,
        {name for name, is_wanted in wanted.items() if is_wanted},
    )


def _kept(sql: str, wanted: Collection[str]) -> str:
    """The lines that are for everybody or for something wanted."""
    return "\n".join(
        line
        for line in sql.splitlines()
        if (mark := _ONLY_FOR.search(line)) is None or mark[1] in wanted
    )


def filter_lists(filters: Filters) -> Parameters:
    """The filters that are set, as parameters of `figures_narrowed`."""
    chosen = {
        "bot_is": filters.bot_id,
        "chat_type_is": filters.chat_type,
        "language_is": filters.language,
        "model_is": filters.model,
    }
    return {name: [value] for name, value in chosen.items() if value is not None}


def group_parameters(dimensions: Sequence[str]) -> Parameters:
    """Parameters of `figures_narrowed` that group by these dimensions."""
    return {
        **{f"by_{name}": name in dimensions for name in GROUPS},
        # One group more than an answer may have, and the row of the whole span.
        "limit": MAX_GROUPS + 2,
    }


def _key(moment: datetime) -> int:
    return int(moment.timestamp())
