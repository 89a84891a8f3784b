"""Commands that people use, and that they block the bot and come back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from warehouse.clickhouse.reader import ArrayLiteral, Reader
from warehouse.periods import Period
from warehouse.reports.parameters import Row, ask_ledger, ledger_parameters, time_range
from warehouse.reports.shapes import NO_FILTERS, Filters
from warehouse.snapshot import Snapshot

COMMAND, BLOCKED, UNBLOCKED = "command", "blocked", "unblocked"
NONE: Row = {"events": 0, "people": 0}


@dataclass(frozen=True, slots=True)
class CommandUse:
    """Uses of one command in the period."""

    name: str
    """As registered; `unknown` for all others."""
    command_uses: int
    command_people: int
    """Distinct people."""


@dataclass(frozen=True, slots=True)
class CommandPoint:
    """Uses of one command in one bucket."""

    start: datetime
    name: str
    command_uses: int
    command_people: int


@dataclass(frozen=True, slots=True)
class CommandBucket:
    """Uses of all commands in one bucket."""

    start: datetime
    command_uses: int
    command_people: int


@dataclass(frozen=True, slots=True)
class Commands:
    """Uses of commands in the period."""

    command_uses: int
    command_people: int
    """Distinct over the whole period."""
    names: tuple[CommandUse, ...]
    """Most used first."""
    buckets: tuple[CommandBucket, ...]
    """Every bucket, empty ones as zeros."""
    points: tuple[CommandPoint, ...]
    """By time, most used first; only commands that were used."""


@dataclass(frozen=True, slots=True)
class BlockPoint:
    """One bucket."""

    start: datetime
    blocked_people: int
    unblocked_people: int


@dataclass(frozen=True, slots=True)
class Blocks:
    """People who blocked the bot in the period, and who came back; some did both."""

    blocked_people: int
    unblocked_people: int
    points: tuple[BlockPoint, ...]
    """Every bucket, empty ones as zeros."""


async def commands(
    reader: Reader, *, snapshot: Snapshot, period: Period, filters: Filters = NO_FILTERS
) -> Commands:
    """Uses of commands by name and bucket."""
    rows = await _rows(reader, [COMMAND], snapshot=snapshot, period=period, filters=filters)
    found = _by_kind_and_start(rows)
    total = found.get((COMMAND, None), NONE)
    named = [row for row in rows if row["is_of_command"] and not row["is_of_bucket"]]
    return Commands(
        command_uses=total["events"],
        command_people=total["people"],
        names=tuple(
            CommandUse(row["command"], row["events"], row["people"])
            for row in sorted(named, key=lambda row: (-row["events"], row["command"]))
        ),
        buckets=tuple(
            CommandBucket(start, row["events"], row["people"])
            for start in _starts(period)
            for row in [found.get((COMMAND, start), NONE)]
        ),
        points=tuple(
            CommandPoint(_moment(row), row["command"], row["events"], row["people"])
            for row in rows
            if row["is_of_command"] and row["is_of_bucket"]
        ),
    )


async def blocks(
    reader: Reader, *, snapshot: Snapshot, period: Period, filters: Filters = NO_FILTERS
) -> Blocks:
    """People who blocked the bot and who came back, by bucket."""
    rows = await _rows(
        reader, [BLOCKED, UNBLOCKED], snapshot=snapshot, period=period, filters=filters
    )
    found = _by_kind_and_start(rows)

    def people(kind: str, start: datetime | None = None) -> int:
        count: int = found.get((kind, start), NONE)["people"]
        return count

    return Blocks(
        people(BLOCKED),
        people(UNBLOCKED),
        tuple(
            BlockPoint(start, people(BLOCKED, start), people(UNBLOCKED, start))
            for start in _starts(period)
        ),
    )


async def _rows(
    reader: Reader, kinds: Sequence[str], *, snapshot: Snapshot, period: Period, filters: Filters
) -> list[Row]:
    starts = ArrayLiteral(int(start.timestamp()) for start in _starts(period))
    return await ask_ledger(
        reader,
        "user_events",
        {
            **time_range(period.span),
            **ledger_parameters(snapshot),
            "kinds": list(kinds),
            "starts": starts,
        },
        filters,
    )


def _by_kind_and_start(rows: Sequence[Row]) -> dict[tuple[str, datetime | None], Row]:
    """The rows of all commands together; None: of the whole period."""
    return {
        (row["happened"], _moment(row) if row["is_of_bucket"] else None): row
        for row in rows
        if not row["is_of_command"]
    }


def _starts(period: Period) -> list[datetime]:
    return [max(start, period.since) for start in period.bucket_starts()]


def _moment(row: Row) -> datetime:
    return datetime.fromtimestamp(row["bucket_start"], UTC)
