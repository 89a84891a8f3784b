"""Rows of a tier made of the ledger within a statement, for filters that no tier holds.

A statement reads `daily` or `activity`; here it reads the rows instead that
`rollups/activity.sql` makes of the turns that the filters let pass. So every figure keeps the one
expression that the rollups are built by.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, timedelta
from functools import cache
from typing import Literal

from common.zones import ledger_clock
from warehouse.clickhouse.reader import ArrayLiteral, Reader
from warehouse.clickhouse.statements import kept, of_whole_days, statement
from warehouse.periods import midnight
from warehouse.reports.conditions import Lists, every_condition, value_lists
from warehouse.reports.parameters import (
    Parameters,
    Row,
    ask,
    filter_parameters,
    is_filtered,
    ledger_parameters,
    needed,
)
from warehouse.reports.shapes import Filters
from warehouse.snapshot import Snapshot
from warehouse.tiers import NO_DAYS

Tier = Literal["activity", "daily"]
Days = tuple[date, date]
"""First and last day of the report zone, both included."""

_BEGIN = re.compile(r"^(WITH|SELECT)$", re.MULTILINE)
_NAMED = {"WITH": "WITH\n{},", "SELECT": "WITH\n{}\nSELECT"}
_PARAMETER = re.compile(r"\{(?=\w+:)")
_DAY = timedelta(days=1)


@cache
def over_ledger(sql: str, tier: Tier, wanted: frozenset[str]) -> str:
    """The statement with filtered turns in place of the tier.

    Args:
        sql: a statement that reads the tier.
        tier: the table that the turns replace.
        wanted: marks of the lines of `rollups/activity.sql` that are kept.
    """
    inserted = kept(of_whole_days("rollups/activity"), wanted | {"snapshot"})
    # The parameters of the statement have names of their own.
    turns = _PARAMETER.sub("{ledger_", inserted[inserted.index("\nWITH\n") :].strip())
    rows = (
        f"{tier} AS (\n"
        "SELECT built.* REPLACE (transform(built.day, {ledger_days:Array(Date)},"
        " {ledger_versions:Array(UInt64)}, toUInt64(0)) AS version)\n"
        f"FROM (\n{turns}\n) AS built\n)"
    )
    # A statement with names of its own gets one more.
    return _BEGIN.sub(lambda found: _NAMED[found[1]].format(rows), sql, count=1)


def ledger_tier_parameters(snapshot: Snapshot, days: Iterable[date], lists: Lists) -> Parameters:
    """Parameters of the rows that `over_ledger` makes of these days under these filters."""
    built = sorted(days)
    first, last = (built[0], built[-1]) if built else NO_DAYS
    since, until = midnight(first, snapshot.zone), midnight(last + _DAY, snapshot.zone)
    clock = ledger_clock(snapshot.report_timezone).days(first, last)
    utc_days = (since.date() + _DAY * n for n in range((until.date() - since.date()).days + 1))
    parameters: Parameters = {
        **ledger_parameters(snapshot),
        **clock.parameters(),
        "since": since,
        "until": until,
        "utc_days": ArrayLiteral(f"'{day}'" for day in utc_days),
        "days": ArrayLiteral(f"'{day}'" for day in built),
        "versions": ArrayLiteral(snapshot.builds[day].version for day in built),
        "version": 0,
        **lists,
    }
    return {f"ledger_{name}": value for name, value in parameters.items()}


async def ask_filtered(
    reader: Reader,
    name: str,
    parameters: Parameters,
    filters: Filters,
    *,
    tier: Tier,
    snapshot: Snapshot,
    days: Days,
) -> list[Row]:
    """Run the statement over the tiers per bot, or `<name>_narrowed` over every dimension.

    The first reads a row per bot where the second reads one per chat type, language and model.
    The arguments are those of `ask_tier`.
    """
    if not is_filtered(filters):
        return await ask(reader, name, {**parameters, "bot_id": filters.bot_id})
    return await ask_tier(
        reader,
        f"{name}_narrowed",
        parameters,
        filters,
        tier=tier,
        snapshot=snapshot,
        days=days,
    )


async def ask_tier(
    reader: Reader,
    name: str,
    parameters: Parameters,
    filters: Filters,
    *,
    tier: Tier,
    snapshot: Snapshot,
    days: Days,
) -> list[Row]:
    """Run the statement over the tier, or with conditions over the turns of these days.

    Args:
        reader: connection to ClickHouse.
        name: of `sql/reports`.
        parameters: those of the statement beside the filters.
        filters: filters of the turns that are counted.
        tier: the table that the statement reads.
        snapshot: the snapshot to read.
        days: all that the statement reads of the tier.
    """
    given = {**parameters, **filter_parameters(filters)}
    if not filters.conditions:
        return await ask(reader, name, given)
    lists = value_lists(every_condition(filters))
    # First turns belong to a bot, and to no other dimension.
    bots = {key: values for key, values in lists.items() if key in ("bot_is", "bot_is_not")}
    built = [day for day in snapshot.builds if days[0] <= day <= days[1]]
    sql = over_ledger(kept(statement(f"reports/{name}"), bots), tier, frozenset(lists))
    given |= ledger_tier_parameters(snapshot, built, lists) | bots
    return await reader.rows(name, sql, needed(sql, given))
