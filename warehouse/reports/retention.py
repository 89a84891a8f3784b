"""Cohorts of new people, and who of them returned."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from warehouse.clickhouse.reader import Reader
from warehouse.periods import Period
from warehouse.reports.ledger_tier import ask_filtered
from warehouse.reports.parameters import Parameters, days_shown, is_filtered, today
from warehouse.reports.shapes import NO_FILTERS, Filters
from warehouse.snapshot import Snapshot


class CohortWidth(StrEnum):
    DAY = "day"
    WEEK = "week"


@dataclass(frozen=True, slots=True)
class Cohort:
    """People whose first turn lies in one day or week of the report zone."""

    start: date
    users: int
    active: tuple[int | None, ...]
    """`active[n]`: of them, active in exactly the n-th day (week) after; None: not over yet.
    `active[0]` equals `users`."""


@dataclass(frozen=True, slots=True)
class Retention:
    width: CohortWidth
    tz: str
    """Always the report zone: cohorts are its calendar days."""
    cohorts: tuple[Cohort, ...]


async def retention(
    reader: Reader,
    *,
    snapshot: Snapshot,
    period: Period,
    width: CohortWidth = CohortWidth.DAY,
    steps: int = 30,
    filters: Filters = NO_FILTERS,
) -> Retention:
    """Cohorts that began in the period and how many returned in exactly the n-th day (week).

    Args:
        reader: connection to ClickHouse.
        snapshot: what the answer rests on.
        period: its days in the report zone are the cohorts; a day (week) that it cuts counts
            whole.
        width: days, or weeks from Monday.
        steps: 1 to 60 days or weeks followed after the first.
        filters: of the people who began, those whom the filters find active at once; and only
            their activity that the filters find.
    """
    days = 7 if width is CohortWidth.WEEK else 1
    first, last = days_shown(snapshot, period)
    first -= timedelta(days=first.weekday() if days > 1 else 0)
    last += timedelta(days=6 - last.weekday() if days > 1 else 0)
    followed = last + timedelta(days=steps * days)
    parameters: Parameters = {
        "last_day": last,
        "width": days,
        "steps": steps,
        "builds": snapshot.versions(first, followed),
    }
    if is_filtered(filters):
        parameters |= {"first_day": first, "followed_last": followed}
    rows = await ask_filtered(
        reader,
        "retention",
        parameters,
        filters,
        tier="daily",
        snapshot=snapshot,
        days=(first, followed),
    )
    found = {(row["start"], row["step"]): row["people"] for row in rows}
    newest = today(snapshot)
    cohorts = []
    start = first
    while start <= last:
        over = ((newest - start).days // days) - 1
        cohorts.append(
            Cohort(
                start,
                found.get((start, 0), 0),
                tuple(
                    found.get((start, step), 0) if step <= max(over, 0) else None
                    for step in range(steps + 1)
                ),
            )
        )
        start += timedelta(days=days)
    return Retention(width, snapshot.report_timezone, tuple(cohorts))
