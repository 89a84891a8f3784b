"""How old the figures are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from warehouse.clickhouse.reader import Reader
from warehouse.reports.parameters import ask
from warehouse.snapshot import BEGINNING, Snapshot


@dataclass(frozen=True, slots=True)
class Freshness:
    """How old the answers are and why."""

    snapshot_id: str
    data_through: datetime
    published_at: datetime | None
    replicated_at: datetime | None
    """End of the newest batch of replication; None before the first."""
    checked_at: datetime | None
    """When the newest look at PostgreSQL found out how far the data reach."""
    epoch: int
    watermark: int
    replication_lag_seconds: float | None
    """Age of the replication horizon at the newest look."""
    held_back_by: str | None
    """The oldest open writer that holds the horizon back, when there is one."""
    turns: int
    """Turns in the published builds."""
    first_day: date | None
    """First day of the report zone with a turn."""
    last_day: date | None


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


def _moment(value: datetime) -> datetime | None:
    """A maximum over no rows is 1970."""
    return value if value > BEGINNING else None
