"""The last half hour, minute by minute, counted from the turns themselves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from warehouse.clickhouse.reader import Reader
from warehouse.reports.parameters import ask, ledger_parameters
from warehouse.snapshot import Snapshot

MINUTES = 30
ONE_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Minute:
    start: datetime
    turns: int
    active_users: int


@dataclass(frozen=True, slots=True)
class LastMinutes:
    since: datetime
    until: datetime
    """Exclusive: the end of the running minute."""
    turns: int
    active_users: int
    """Distinct over the whole half hour."""
    points: tuple[Minute, ...]
    """All 30, the oldest first; those after `data_through` are not known yet."""


def end_of_minute(now: datetime) -> datetime:
    """When the running minute ends, UTC."""
    return now.astimezone(UTC).replace(second=0, microsecond=0) + ONE_MINUTE


async def last_minutes(reader: Reader, *, snapshot: Snapshot, until: datetime) -> LastMinutes:
    """The half hour before `until`, a whole minute."""
    since = until - MINUTES * ONE_MINUTE
    rows = await ask(
        reader, "minutes", {"since": since, "until": until, **ledger_parameters(snapshot)}
    )
    found = {row["minute"]: (row["turns"], row["active_users"]) for row in rows}
    starts = [since + number * ONE_MINUTE for number in range(MINUTES)]
    turns, active_users = found.get(0, (0, 0))
    return LastMinutes(
        since=since,
        until=until,
        turns=turns,
        active_users=active_users,
        points=tuple(Minute(start, *found.get(int(start.timestamp()), (0, 0))) for start in starts),
    )
