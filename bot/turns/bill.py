"""The whole bill: limits on what all users together spend, decided where an attempt is opened.

Running totals in `bill_totals` are locked by the statement that opens an attempt. A trigger keeps
them equal to the ledger, whichever process writes to it and wherever it is killed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db.sql import statement
from bot.db.tables import BillTotal
from bot.llm.prices import RESERVE_WITHOUT_PRICE_USD
from bot.settings import BillSettings
from common.errors import DialyticsError
from common.postgres import Sessions, transaction

ALL_BOTS = 0
DAYS_AHEAD = 40
"""Totals are created ahead: on a day that has begun, other processes may be writing already."""
T = TypeVar("T")


@dataclass(frozen=True)
class BillLimit:
    """One limit. Its name is the reason of the turns that it refuses."""

    name: str
    bot_id: int
    """0: all bots of the installation together."""
    period: str
    """`day` or `month`."""
    usd: Decimal


@dataclass(frozen=True)
class BillState:
    """A limit and what is spent of it in the current period, with the reserves."""

    limit: BillLimit
    period_start: date
    spent_usd: Decimal


@dataclass(frozen=True)
class UnknownCosts:
    """Attempts whose cost the provider did not state, and what a limit counts for them."""

    calls: int
    usd: Decimal


class BillLimitError(DialyticsError):
    """A limit of the bill is used up. Nothing was written."""

    def __init__(self, limit: BillLimit) -> None:
        super().__init__(limit.name)
        self.limit = limit


class MissingTotalError(DialyticsError):
    """A total does not exist yet, see Bill.prepare. Nothing was written."""


def limits_below(limits: BillSettings, reserve: Decimal) -> list[str]:
    """The settings of limits that an attempt of this reserve never fits into."""
    return [
        name.upper()
        for name, usd in limits.model_dump().items()
        if usd is not None and usd < reserve
    ]


class Bill:
    """The limits of the bill.

    Args:
        saving_model: not limited.
        periods: today and the first day of this month, in `zone`.
    """

    def __init__(
        self,
        bot_id: int,
        *,
        limits: BillSettings,
        saving_model: str | None,
        zone: ZoneInfo,
        periods: Callable[[], tuple[date, date]],
        sessions: Sessions,
    ) -> None:
        given = (
            # A month is named before a day: it lasts longer.
            ("total_monthly_usd", ALL_BOTS, "month", limits.total_monthly_usd_limit),
            ("bot_monthly_usd", bot_id, "month", limits.bot_monthly_usd_limit),
            ("total_daily_usd", ALL_BOTS, "day", limits.total_daily_usd_limit),
            ("bot_daily_usd", bot_id, "day", limits.bot_daily_usd_limit),
        )
        self.limits = [
            BillLimit(name, scope, period, usd)
            for name, scope, period, usd in given
            if usd is not None
        ]
        self._bot_id = bot_id
        self.saving_model = saving_model
        self._zone = zone
        self._periods = periods
        self._sessions = sessions
        self.refused_by: dict[tuple[BillLimit, date], Decimal] = {}
        """Limits that refused an attempt, with the period's first day: the most that it may have
        cost, of the first one, in US dollars."""
        self.has_refused = asyncio.Event()
        """Set when a limit is added to `refused_by`."""

    def terms(self, model: str, *, reserve: Decimal) -> dict[str, Any]:
        """The parameters by which a statement decides on an attempt.

        `reserve`: the most that it can cost.
        """
        today, _ = self._periods()
        is_free = reserve == 0 or model == self.saving_model
        limits = [] if is_free else self.limits
        return {
            "bot_id": self._bot_id,
            "billed_on": today,
            "reserve_usd": reserve,
            "limit_names": [limit.name for limit in limits],
            "limit_bots": [limit.bot_id for limit in limits],
            "limit_periods": [limit.period for limit in limits],
            "limit_starts": [self._period_start(limit.period) for limit in limits],
            "limits_usd": [limit.usd for limit in limits],
        }

    def check(self, rows: Iterable[Mapping[str, Any]], *, reserve: Decimal) -> None:
        """Look for refusals in the rows of a statement with these `terms`.

        Raises:
            BillLimitError: a limit is used up.
            MissingTotalError: a total does not exist yet.
        """
        refused = {row["limit_name"]: row["is_missing"] for row in rows if row["limit_name"]}
        if any(refused.values()):
            raise MissingTotalError(", ".join(refused))
        for limit in self.limits:
            if limit.name in refused:
                key = (limit, self._period_start(limit.period))
                if key not in self.refused_by:
                    self.refused_by[key] = reserve
                    self.has_refused.set()
                raise BillLimitError(limit)

    async def decide(self, open_attempt: Callable[[], Awaitable[T]]) -> T:
        """Open an attempt; create the totals first if they are missing.

        Raises:
            BillLimitError: a limit is used up.
        """
        try:
            return await open_attempt()
        except MissingTotalError:
            await self.prepare()
            return await open_attempt()

    async def prepare(self) -> None:
        """Create the totals of this day and month, and those of the days to come."""
        if not self.limits:
            return
        async with transaction(self._sessions) as session:
            if len(await self._read(session)) < len(self.limits):
                # The ledger is summed up once, while it does not change.
                await session.execute(text("LOCK TABLE llm_calls IN SHARE ROW EXCLUSIVE MODE"))
                await session.execute(statement("prepare_bill"), self._sums())
            await session.execute(insert(BillTotal).on_conflict_do_nothing(), self._ahead())

    async def read(self) -> list[BillState]:
        """The spending under each limit now."""
        async with self._sessions() as session:
            spent = await self._read(session)
        return [
            BillState(limit, self._period_start(limit.period), spent[limit])
            for limit in self.limits
            if limit in spent
        ]

    async def unknown_costs(self) -> dict[BillLimit, UnknownCosts]:
        """The attempts of unknown cost under each limit now; none: all costs are known."""
        async with self._sessions() as session:
            rows = (await session.execute(statement("unknown_costs"), self._sums())).all()
        found = {(row.bot_id, row.period): UnknownCosts(row.calls, row.usd) for row in rows}
        keys = {limit: (limit.bot_id, limit.period) for limit in self.limits}
        return {limit: found[key] for limit, key in keys.items() if key in found}

    async def _read(self, session: AsyncSession) -> dict[BillLimit, Decimal]:
        rows = await session.scalars(
            select(BillTotal).where(
                BillTotal.bot_id.in_({limit.bot_id for limit in self.limits}),
                BillTotal.period_start.in_(self._periods()),
            )
        )
        totals = {(row.bot_id, row.period, row.period_start): row.usd for row in rows}
        keys = {
            limit: (limit.bot_id, limit.period, self._period_start(limit.period))
            for limit in self.limits
        }
        return {limit: totals[key] for limit, key in keys.items() if key in totals}

    def _sums(self) -> dict[str, Any]:
        starts = [self._period_start(limit.period) for limit in self.limits]
        return {
            "bots": [limit.bot_id for limit in self.limits],
            "starts": starts,
            "periods": [limit.period for limit in self.limits],
            "begins": [datetime.combine(day, datetime.min.time(), self._zone) for day in starts],
            "reserve_usd": RESERVE_WITHOUT_PRICE_USD,
        }

    def _ahead(self) -> list[dict[str, Any]]:
        """The totals of the days and months to come, of which nothing is spent."""
        today, _ = self._periods()
        days = [today + timedelta(days=number) for number in range(1, DAYS_AHEAD + 1)]
        return [
            {"bot_id": limit.bot_id, "period_start": day, "period": limit.period}
            for limit in self.limits
            for day in days
            if limit.period == "day" or day.day == 1
        ]

    def _period_start(self, period: str) -> date:
        today, month = self._periods()
        return today if period == "day" else month
