"""One person: when they came, from where, and what they did since."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from warehouse.clickhouse.reader import Reader
from warehouse.reports.parameters import ask, cost
from warehouse.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class PersonTotals:
    """A person's turns since the first one."""

    user_key: int
    first_turn_at: datetime
    last_turn_at: datetime
    active_days: int
    """Days of the report zone with a turn."""
    language: str | None
    source: str | None
    """The deep link that they came by."""
    blocked_at: datetime | None
    """When they blocked the bot."""
    turns: int
    user_messages: int
    answers: int
    failed: int
    rejected: int
    tokens: int
    cost_usd: Decimal | None
    unpriced_turns: int


async def person(reader: Reader, *, snapshot: Snapshot, user_key: int) -> PersonTotals | None:
    """All that the warehouse knows of a person; None without a turn."""
    rows = await ask(
        reader,
        "person",
        {
            "person": user_key,
            "builds": snapshot.versions(date.min, date.max),
            "epoch": snapshot.epoch,
        },
    )
    if not rows:
        return None
    row = rows[0]
    return PersonTotals(
        user_key=user_key,
        first_turn_at=row["first_at"],
        last_turn_at=row["last_at"],
        active_days=row["active_days"],
        language=row["tongue"] or None,
        source=row["origin"] or None,
        blocked_at=row["blocked_at"],
        turns=row["turns"],
        user_messages=row["user_messages"],
        answers=row["answers"],
        failed=row["failed"],
        rejected=row["rejected"],
        tokens=row["tokens"],
        cost_usd=cost(row),
        unpriced_turns=row["unpriced"],
    )
