"""Where people come from and how far they come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from warehouse.clickhouse.reader import Reader
from warehouse.periods import Period
from warehouse.reports.ledger_tier import ask_tier
from warehouse.reports.parameters import (
    Row,
    cost,
    is_filtered,
    money_ratio,
    ratio,
    time_range,
)
from warehouse.reports.shapes import NO_FILTERS, Filters
from warehouse.snapshot import Snapshot
from warehouse.tiers import touched_days

MAX_SOURCES = 50
_COUNTS = (
    "started",
    "activated",
    "day_1",
    "day_1_eligible",
    "day_7",
    "day_7_eligible",
    "day_30",
    "day_30_eligible",
    "unpriced",
    "priced",
    "cost_usd",
)


@dataclass(frozen=True, slots=True)
class FunnelStep:
    """One step: how many could have come here by now, how many did."""

    eligible: int
    users: int
    rate: float | None


@dataclass(frozen=True, slots=True)
class FunnelRow:
    """People whose first turn lies in the period, by the source they came from.

    Under filters: those of them whom the filters find active in the period.
    """

    source: str | None
    """None: came without a deep link."""
    started: int
    """First turn."""
    activated: FunnelStep
    """Third turn, ever."""
    day_1: FunnelStep
    """Active on exactly the first day after the first one, in the report zone."""
    day_7: FunnelStep
    day_30: FunnelStep
    cost_usd: Decimal | None
    """All that these people have cost since."""
    unpriced_turns: int
    cost_per_activated_usd: Decimal | None


@dataclass(frozen=True, slots=True)
class Funnel:
    tz: str
    total: FunnelRow
    sources: tuple[FunnelRow, ...]
    """Most started first, at most 50."""
    others: FunnelRow | None
    """All further sources together; None when there is none."""


async def funnel(
    reader: Reader, *, snapshot: Snapshot, period: Period, filters: Filters = NO_FILTERS
) -> Funnel:
    """Source, first turn, third turn, D1, D7, D30, for people who began in the period."""
    first, last = touched_days(period.span, snapshot.zone)
    today = snapshot.data_through.astimezone(snapshot.zone).date()
    rows = await ask_tier(
        reader,
        "funnel",
        {
            **time_range(period.span),
            "is_filtered": is_filtered(filters),
            "builds": snapshot.versions(first, max(first, today)),
            "today": today,
        },
        filters,
        tier="activity",
        snapshot=snapshot,
        days=(first, last),
    )
    others = rows[MAX_SOURCES:]
    return Funnel(
        snapshot.report_timezone,
        _row(None, _added(rows)),
        tuple(_row(row["source"] or None, row) for row in rows[:MAX_SOURCES]),
        _row(None, _added(others)) if others else None,
    )


def _added(rows: Sequence[Row]) -> Row:
    total: Row = {name: sum(row[name] for row in rows) for name in _COUNTS}
    total["cost_usd"] += Decimal(0)
    return total


def _row(source: str | None, row: Row) -> FunnelRow:
    known = cost(row)
    return FunnelRow(
        source=source,
        started=row["started"],
        activated=FunnelStep(
            row["started"], row["activated"], ratio(row["activated"], row["started"])
        ),
        day_1=_step(row, "day_1"),
        day_7=_step(row, "day_7"),
        day_30=_step(row, "day_30"),
        cost_usd=known,
        unpriced_turns=row["unpriced"],
        cost_per_activated_usd=money_ratio(known, row["activated"]),
    )


def _step(row: Row, name: str) -> FunnelStep:
    eligible = row[f"{name}_eligible"]
    return FunnelStep(eligible, row[name], ratio(row[name], eligible))
