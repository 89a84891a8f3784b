"""How far replication has come, as the warehouse remembers it.

A record is written only after everything that it claims is stored.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID

from warehouse.clickhouse.client import Writer

LAST = """
SELECT * FROM watermarks ORDER BY epoch DESC, watermark DESC, sequence DESC LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Watermark:
    """Everything below `watermark` is stored; a batch towards `target` may have begun."""

    sequence: int
    epoch: int
    watermark: int
    target: int
    """End of the window that is being moved; equal to `watermark` when none is."""
    page_table: str
    """Table of the last stored page inside the window; empty: none."""
    page_version: int
    page_id: str
    batch_id: UUID
    """The last finished batch."""
    system_identifier: str
    timeline: int
    data_through: datetime
    written_at: datetime

    @property
    def is_finished(self) -> bool:
        return self.target == self.watermark


def monotonic_id(previous: int) -> int:
    """A number above `previous` that no other process draws: microseconds since 1970."""
    return max(previous + 1, time.time_ns() // 1_000)


class Watermarks:
    """The watermarks stored in the warehouse."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def last(self) -> Watermark | None:
        """The newest record; None before the first batch."""
        rows = self._writer.rows("last watermark", sql=LAST)
        return Watermark(**rows[0]) if rows else None

    def write(self, record: Watermark) -> Watermark:
        """Store a record under a new sequence number and return it as stored."""
        stored = replace(
            record, sequence=monotonic_id(record.sequence), written_at=datetime.now(UTC)
        )
        self._writer.insert(
            "watermarks", [{name: getattr(stored, name) for name in Watermark.__slots__}]
        )
        return stored
