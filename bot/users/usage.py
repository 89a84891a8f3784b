"""One user's usage by day, from the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from bot.db.sql import statement
from common.postgres import Sessions
from common.zones import ledger_clock


@dataclass(frozen=True)
class DailyUsage:
    """One day. `cost_usd` is None if no cost is known; it is incomplete for `unpriced` turns."""

    day: date
    messages: int
    answers: int
    tokens: int
    cost_usd: Decimal | None
    unpriced: int


@dataclass(frozen=True)
class UsageTotal:
    messages: int
    answers: int
    tokens: int
    cost_usd: Decimal | None
    unpriced: int
    days: int


class UsageReader:
    """Reads a user's usage.

    Args:
        zone: IANA name of the zone of the days.
    """

    def __init__(self, *, sessions: Sessions, zone: str) -> None:
        self._sessions = sessions
        self._clock = ledger_clock(zone)

    async def by_day(self, user_key: int) -> list[DailyUsage]:
        """Every day with a turn, oldest first."""
        async with self._sessions() as session:
            rows = await session.execute(
                statement("usage_by_day"), {**self._clock.parameters(), "user_key": user_key}
            )
            return [DailyUsage(**row) for row in rows.mappings()]


def total_usage(days: Sequence[DailyUsage]) -> UsageTotal:
    """The sum of these days."""
    known = [day.cost_usd for day in days if day.cost_usd is not None]
    return UsageTotal(
        messages=sum(day.messages for day in days),
        answers=sum(day.answers for day in days),
        tokens=sum(day.tokens for day in days),
        cost_usd=sum(known, Decimal(0)) if known else None,
        unpriced=sum(day.unpriced for day in days),
        days=len(days),
    )
