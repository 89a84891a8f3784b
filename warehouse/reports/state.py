"""How old and how true the numbers are, and what there is to filter by."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from warehouse.clickhouse.reader import Reader
from warehouse.periods import Period
from warehouse.reports.asking import Row, ask, hybrid
from warehouse.reports.people_answers import (
    CheckResult,
    DimensionValues,
    Freshness,
    Quality,
    ReconciledDay,
)
from warehouse.snapshot import BEGINNING, Snapshot

MOST_VALUES = 100


async def freshness(reader: Reader, *, snapshot: Snapshot) -> Freshness:
    """How old the answers are and what holds them back."""
    row = (await ask(reader, "freshness", {"publication": snapshot.publication}))[0]
    looked = _moment(row["checked_at"])
    replicated = _moment(row["replicated_at"])
    lag, held_by = None, ""
    if looked is not None and (replicated is None or looked >= replicated):
        lag, held_by = row["lag_seconds"], row["held_by"]
    elif replicated is not None:
        lag, held_by = row["replication_lag_seconds"], row["batch_held_by"]
    has_turns = row["turns"] > 0
    return Freshness(
        snapshot_id=snapshot.id,
        data_through=snapshot.data_through,
        published_at=snapshot.published_at,
        replicated_at=replicated,
        checked_at=looked,
        epoch=snapshot.epoch,
        watermark=snapshot.watermark,
        replication_lag_seconds=lag,
        held_back_by=held_by or None,
        turns=row["turns"],
        first_day=row["first_day"] if has_turns else None,
        last_day=row["last_day"] if has_turns else None,
    )


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


async def dimension_values(
    reader: Reader, *, snapshot: Snapshot, period: Period
) -> DimensionValues:
    """Bots, chat types, languages and models seen in the period, to the quarter of an hour."""
    row = (await ask(reader, "dimension_values", hybrid(snapshot, period.span)))[0]
    return DimensionValues(
        bots=tuple(int(bot) for bot in _most_first(row["bots"])),
        chat_types=tuple(_most_first(row["chat_types"])),
        languages=tuple(value for value in _most_first(row["languages"]) if value),
        models=tuple(value for value in _most_first(row["models"]) if value),
    )


def _most_first(turns: dict[Any, int]) -> list[Any]:
    return sorted(turns, key=lambda value: (-turns[value], value))[:MOST_VALUES]


def _moment(value: datetime) -> datetime | None:
    """A maximum over no rows is 1970."""
    return value if value > BEGINNING else None


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
