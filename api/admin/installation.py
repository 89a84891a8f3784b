"""Reads what the bots state of themselves, their bill, and whether messages were answered."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Literal

from sqlalchemy import Select, exists, literal_column, select

from api.accounts.invitations.bots import BotAccess
from api.admin.schemas import BillLimitView, SetupView
from api.people.bot_database import BotTables
from bot.db.tables import BillTotal, BotRow, Turn

ALL_BOTS = 0
"""The `bot_id` of totals of all bots together."""


class Installation:
    """Reads the bots of this database."""

    def __init__(self, tables: BotTables) -> None:
        self._tables = tables

    async def bill(self, today: date) -> list[BillLimitView]:
        """The limits, those of months first, with what is spent. `today`: in the report zone."""
        starts = {"day": today, "month": today.replace(day=1)}
        async with self._tables.read_only() as session:
            bots = (await self._tables.run(session, "bots", _bots())).scalars().all()
            totals = select(BillTotal).where(BillTotal.period_start.in_(starts.values()))
            spent = {
                (row.bot_id, row.period, row.period_start): row.usd
                for row in (await self._tables.run(session, "bill", totals)).scalars()
            }
        # The limits of all bots together are settings that every bot has: the last start counts.
        given: list[tuple[str, int, Literal["day", "month"], BotRow]] = [
            *(("total_monthly_usd", ALL_BOTS, "month", bot) for bot in bots[:1]),
            *(("bot_monthly_usd", bot.bot_id, "month", bot) for bot in bots),
            *(("total_daily_usd", ALL_BOTS, "day", bot) for bot in bots[:1]),
            *(("bot_daily_usd", bot.bot_id, "day", bot) for bot in bots),
        ]
        return [
            BillLimitView(
                name,
                None if scope == ALL_BOTS else bot.username,
                period,
                starts[period],
                limit,
                spent.get((scope, period, starts[period])),
                bot.started_at,
            )
            for name, scope, period, bot in given
            if (limit := getattr(bot, name)) is not None
        ]

    async def bots(self) -> list[BotAccess]:
        """The bots that have started, the newest start first."""
        async with self._tables.read_only() as session:
            rows = (await self._tables.run(session, "bots", _bots())).scalars().all()
        return [BotAccess(row.username, row.access_mode) for row in rows if row.username]

    async def setup(self) -> SetupView:
        """The steps that are done so far."""
        happened = select(
            exists(select(literal_column("1")).select_from(Turn)),
            exists(select(literal_column("1")).select_from(Turn).where(Turn.status == "answered")),
        )
        async with self._tables.read_only() as session:
            bots = (await self._tables.run(session, "bots", _bots())).scalars().all()
            has_message, has_answer = (await self._tables.run(session, "setup", happened)).one()
        return SetupView(
            _usernames(bots),
            any(bot.has_operator_chat for bot in bots),
            has_message,
            has_answer,
        )


def _usernames(bots: Iterable[BotRow]) -> list[str]:
    return [bot.username for bot in bots if bot.username]


def _bots() -> Select[BotRow]:
    return select(BotRow).order_by(BotRow.started_at.desc(), BotRow.bot_id)
