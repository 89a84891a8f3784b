"""Whether the figures are right: checks, and comparisons with PostgreSQL."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from warehouse.clickhouse.reader import Reader
from warehouse.reports.parameters import Row, ask
from warehouse.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The latest result of one check."""

    suite: str
    asset: str
    name: str
    day: date | None
    """None: the check is of a whole table."""
    is_blocking: bool
    passed: bool
    checked_at: datetime
    observed: str
    expected: str


@dataclass(frozen=True, slots=True)
class ReconciledDay:
    """PostgreSQL against ClickHouse, the latest comparison of one day of the report zone."""

    day: date
    compared_at: datetime
    source_turns: int
    warehouse_turns: int
    source_tokens: int
    warehouse_tokens: int
    source_cost_usd: Decimal
    warehouse_cost_usd: Decimal
    source_users: int
    warehouse_users: int
    rows_differ: int
    was_repaired: bool
    is_equal: bool


@dataclass(frozen=True, slots=True)
class Quality:
    is_ok: bool
    """Every latest check passed, every compared day is equal and no day is withheld."""
    checks: tuple[CheckResult, ...]
    """Newest first."""
    days: tuple[ReconciledDay, ...]
    """Newest first."""
    days_withheld: tuple[date, ...]
    """Days whose publication a failed blocking check withholds; they show older numbers."""


async def quality(reader: Reader, *, snapshot: Snapshot, days: int = 30) -> Quality:
    """Latest result of every check, and the comparison with PostgreSQL of the last `days` days."""
    since = snapshot.data_through - timedelta(days=days)
    checks = await ask(reader, "quality_checks", {"since": since})
    compared = await ask(
        reader, "quality_days", {"since_day": since.astimezone(snapshot.zone).date()}
    )
    withheld = snapshot.days_withheld()
    return Quality(
        is_ok=not withheld
        and all(row["passed"] for row in checks)
        and all(row["ok"] for row in compared),
        checks=tuple(_check(row) for row in checks),
        days=tuple(_day(row) for row in compared),
        days_withheld=withheld,
    )


def _check(row: Row) -> CheckResult:
    return CheckResult(
        suite=row["suite"],
        asset=row["asset"],
        name=row["name"],
        day=row["day"],
        is_blocking=row["blocking"],
        passed=row["passed"],
        checked_at=row["checked_at"],
        observed=row["observed"],
        expected=row["expected"],
    )


def _day(row: Row) -> ReconciledDay:
    return ReconciledDay(
        day=row["day"],
        compared_at=row["ran_at"],
        source_turns=row["postgres_turns"],
        warehouse_turns=row["warehouse_turns"],
        source_tokens=row["postgres_tokens"],
        warehouse_tokens=row["warehouse_tokens"],
        source_cost_usd=row["postgres_cost_usd"],
        warehouse_cost_usd=row["warehouse_cost_usd"],
        source_users=row["postgres_users"],
        warehouse_users=row["warehouse_users"],
        rows_differ=row["rows_differ"],
        was_repaired=row["repaired"],
        is_equal=row["ok"],
    )
