"""Sessions: turns of a person with a bot without a pause of half an hour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from warehouse.clickhouse.reader import ArrayLiteral, Reader
from warehouse.periods import Period, TimeRange
from warehouse.reports.parameters import Row, ask_ledger, ledger_parameters, ratio, time_range
from warehouse.reports.shapes import NO_FILTERS, Filters
from warehouse.snapshot import Snapshot

PAUSE = timedelta(minutes=30)
"""A turn this long after the one before begins a session."""
LOOK_AHEAD = timedelta(hours=6)
"""How far beyond the period its last sessions are followed at first."""
_NONE: Row = {"sessions": 0, "turns": 0, "length_p50_ms": None, "open": 0}


@dataclass(frozen=True, slots=True)
class SessionPoint:
    """The sessions that begin in one bucket. Empty buckets are present with zeros."""

    start: datetime
    """UTC; the bucket's start on the zone's clock, cut at the period's start."""
    sessions: int
    session_turns: int
    """Turns of these sessions, also those after the bucket."""
    turns_per_session: float | None
    session_p50_ms: float | None
    """Median of the time from the first turn to the last; 0 of a single turn."""


@dataclass(frozen=True, slots=True)
class UserSessions:
    """The sessions that begin in the period."""

    sessions: int
    session_turns: int
    """Turns of these sessions, also those after the period."""
    turns_per_session: float | None
    session_p50_ms: float | None
    """Median of the time from the first turn to the last; 0 of a single turn."""
    points: tuple[SessionPoint, ...]


async def sessions(
    reader: Reader, *, snapshot: Snapshot, period: Period, filters: Filters = NO_FILTERS
) -> UserSessions:
    """Sessions by their beginning. Under filters only the turns that they let pass count."""
    starts = [max(start, period.since) for start in period.bucket_starts(period.span)]
    rows = await _ask(reader, snapshot, period.span, starts, filters)
    found = {row["start"]: row for row in rows}
    total = found.get(0, _NONE)
    return UserSessions(
        sessions=total["sessions"],
        session_turns=total["turns"],
        turns_per_session=ratio(total["turns"], total["sessions"]),
        session_p50_ms=total["length_p50_ms"] if total["sessions"] else None,
        points=tuple(_point(start, found.get(int(start.timestamp()), _NONE)) for start in starts),
    )


def _point(start: datetime, row: Row) -> SessionPoint:
    return SessionPoint(
        start=start,
        sessions=row["sessions"],
        session_turns=row["turns"],
        turns_per_session=ratio(row["turns"], row["sessions"]),
        session_p50_ms=row["length_p50_ms"],
    )


async def _ask(
    reader: Reader,
    snapshot: Snapshot,
    span: TimeRange,
    starts: Sequence[datetime],
    filters: Filters,
) -> list[Row]:
    """Rows of `sessions`, read as far beyond the span as its sessions go on."""
    ahead = LOOK_AHEAD
    while True:
        read_until = span.until + ahead
        rows = await ask_ledger(
            reader,
            "sessions",
            {
                **time_range(span),
                **ledger_parameters(snapshot),
                "pause": int(PAUSE.total_seconds()),
                "read_until": read_until,
                "edges": ArrayLiteral(int(start.timestamp()) for start in starts),
            },
            filters,
        )
        if read_until > snapshot.data_through or not any(row["open"] for row in rows):
            return rows
        ahead *= 4
