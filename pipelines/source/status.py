"""Where PostgreSQL is and who it is, at the start of a batch: horizon, lag, identity, echo."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

# Read before the horizon: transactions that hold it are listed here, or began later than this.
_HOLDERS: LiteralString = """
WITH holders AS (
    SELECT format('pid %s, %s on %s, %s', pid, coalesce(nullif(application_name, ''), usename),
                  datname, state) AS who,
           coalesce(xact_start, clock_timestamp()) AS since
    FROM pg_stat_activity WHERE backend_xid IS NOT NULL AND pid <> pg_backend_pid()
    UNION ALL
    SELECT format('prepared transaction %s', gid), prepared FROM pg_prepared_xacts
)
SELECT clock_timestamp() AS clock,
       least(clock_timestamp(), min(since)) AS data_through,
       (array_agg(who ORDER BY since))[1] AS held_by
FROM holders
"""

_STATUS: LiteralString = """
SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS horizon,
       (SELECT system_identifier::text FROM pg_control_system()) AS system_identifier,
       ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::int AS timeline,
       (SELECT row_to_json(e) FROM replication_echo e WHERE id = 1) AS echo
"""


@dataclass(frozen=True, slots=True)
class ReplicationCheckpoint:
    """The last batch, as PostgreSQL remembers it."""

    batch_id: UUID
    previous_batch_id: UUID | None
    epoch: int


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """PostgreSQL at the start of a batch."""

    horizon: int
    """Every transaction with a smaller id has ended."""
    system_identifier: str
    timeline: int
    clock: datetime
    data_through: datetime
    """Everything committed before this moment lies below the horizon."""
    blocked_by: str
    """The oldest writing transaction that is still open; empty: none."""
    checkpoint: ReplicationCheckpoint | None

    @property
    def lag_seconds(self) -> float:
        return max(0.0, (self.clock - self.data_through).total_seconds())


def read_status(one: Callable[[LiteralString], dict[str, Any]]) -> SourceStatus:
    """Ask PostgreSQL; `one` runs a query and returns its only row."""
    holders = one(_HOLDERS)
    now = one(_STATUS)
    checkpoint = now["echo"]
    return SourceStatus(
        horizon=now["horizon"],
        system_identifier=now["system_identifier"],
        timeline=now["timeline"],
        clock=holders["clock"],
        data_through=holders["data_through"],
        blocked_by=holders["held_by"] or "",
        checkpoint=ReplicationCheckpoint(
            batch_id=UUID(checkpoint["batch_id"]),
            previous_batch_id=UUID(checkpoint["previous_batch_id"])
            if checkpoint["previous_batch_id"]
            else None,
            epoch=checkpoint["epoch"],
        )
        if checkpoint
        else None,
    )
