"""Decides whether a turn may begin: access, rate limit, budgets. Usage comes from the ledger."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db.sql import statement
from bot.db.tables import UserRow
from bot.settings import AccessMode, AccessSettings, UsageLimitSettings
from bot.turns.prices import CHARACTERS_PER_TOKEN, TYPICAL_PROMPT_TOKENS, ModelPrices
from bot.turns.prompt import prompt_characters
from bot.turns.records import DialogContext, Question, UpdateConflictError
from bot.turns.responder import Refusal
from common.postgres import Sessions

WARNING_SHARE = Decimal("0.8")


@dataclass(frozen=True)
class Spending:
    """One user's usage. Open turns count with their reserve."""

    minute_messages: int
    minute_ends_in: float
    day_messages: int
    month_messages: int
    day_usd: Decimal
    month_usd: Decimal
    unpriced_turns: int
    turn_day_messages: int
    """This and the following: the given turn's part; 0 if it began in an earlier period."""
    turn_month_messages: int
    turn_day_usd: Decimal
    turn_month_usd: Decimal


@dataclass(frozen=True)
class Budget:
    """One limit and how much of it is used."""

    name: str
    used: Decimal
    added: Decimal
    """The part used by the given turn."""
    limit: Decimal

    @property
    def left(self) -> Decimal:
        return max(self.limit - self.used, Decimal(0))


class TurnPolicy:
    """Decides whether a turn may begin.

    Args:
        zone: the zone of days and months.
    """

    def __init__(
        self,
        *,
        access: AccessSettings,
        limits: UsageLimitSettings,
        prices: ModelPrices,
        zone: ZoneInfo,
        sessions: Sessions,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._access = access
        self._limits = limits
        self._prices = prices
        self._zone = zone
        self._sessions = sessions
        self._now = now

    @property
    def is_limited(self) -> bool:
        """Whether any limit is set."""
        return any(
            value is not None
            for value in (
                self._limits.rate_limit_per_minute,
                self._limits.daily_message_limit,
                self._limits.monthly_message_limit,
                self._limits.daily_usd_limit,
                self._limits.monthly_usd_limit,
            )
        )

    def is_admin(self, telegram_id: int) -> bool:
        return telegram_id in self._access.admin_ids

    def has_access(self, telegram_id: int, *, admitted_at: datetime | None) -> bool:
        """Whether this account may use the bot."""
        return (
            self._access.access_mode is AccessMode.OPEN
            or self.is_admin(telegram_id)
            or telegram_id in self._access.access_allowed_ids
            or (self._access.access_mode is AccessMode.INVITE and admitted_at is not None)
        )

    def needs_invite(self, telegram_id: int, *, admitted_at: datetime | None) -> bool:
        """Whether this account needs an invite code."""
        return self._access.access_mode is AccessMode.INVITE and not self.has_access(
            telegram_id, admitted_at=admitted_at
        )

    def needs_no_check(self, question: Question, context: DialogContext) -> bool:
        """Whether the question may be answered without checking any usage."""
        return (
            self.has_access(question.account_id, admitted_at=context.admitted_at)
            and not context.is_undeliverable
            and (not self.is_limited or self.is_admin(question.account_id))
        )

    async def refusal(
        self, session: AsyncSession, question: Question, context: DialogContext, *, model: str
    ) -> Refusal | None:
        """Why the question may not be answered now, or None.

        Raises:
            UpdateConflictError: the user was erased.
        """
        if not self.has_access(question.account_id, admitted_at=context.admitted_at):
            return Refusal("access")
        if context.is_undeliverable:
            return Refusal("undeliverable")
        if self.needs_no_check(question, context):
            return None
        # Locked until the turn is written, so that a parallel turn of this user sees its reserve.
        held = await session.scalar(
            select(UserRow.key)
            .where(UserRow.key == question.user_key)
            .with_for_update(key_share=True)
        )
        if held is None:
            raise UpdateConflictError("the user was erased")
        spending = await self.spending_in(session, question.user_key, model=model)
        characters = prompt_characters(question, context)
        return self._rate_refusal(spending, question.user_messages) or self._budget_refusal(
            spending,
            messages=question.user_messages,
            money=self._prices.highest_cost(model, characters=characters) or Decimal(0),
            model=model,
        )

    async def spending(self, user_key: int) -> Spending:
        """This user's usage."""
        async with self._sessions() as session:
            return await self.spending_in(session, user_key)

    def budgets(self, spending: Spending) -> list[Budget]:
        """The budgets that are set."""
        limits, of = self._limits, spending
        given = (
            ("daily_messages", of.day_messages, of.turn_day_messages, limits.daily_message_limit),
            (
                "monthly_messages",
                of.month_messages,
                of.turn_month_messages,
                limits.monthly_message_limit,
            ),
            ("daily_usd", of.day_usd, of.turn_day_usd, limits.daily_usd_limit),
            ("monthly_usd", of.month_usd, of.turn_month_usd, limits.monthly_usd_limit),
        )
        return [
            Budget(name, Decimal(used), Decimal(added), Decimal(limit))
            for name, used, added, limit in given
            if limit is not None
        ]

    async def nearly_used(self, user_key: int, turn_id: UUID) -> list[Budget]:
        """The budgets of which this turn reached 80 %."""
        if not self.is_limited:
            return []
        async with self._sessions() as session:
            spending = await self.spending_in(session, user_key, turn_id=turn_id)
        return [
            budget
            for budget in self.budgets(spending)
            if budget.used - budget.added < budget.limit * WARNING_SHARE <= budget.used
        ]

    def periods(self) -> tuple[date, date]:
        """Today and the first day of this month, in the reporting zone."""
        today = self._now().astimezone(self._zone).date()
        return today, today.replace(day=1)

    async def spending_in(
        self,
        session: AsyncSession,
        user_key: int,
        *,
        model: str | None = None,
        turn_id: UUID | None = None,
    ) -> Spending:
        day, month = self.periods()
        prices = self._prices.by_model
        row = (
            await session.execute(
                statement("spending"),
                {
                    "user_key": user_key,
                    "turn_id": turn_id,
                    "models": list(prices),
                    "prompt_prices": [price.prompt for price in prices.values()],
                    "completion_prices": [price.completion for price in prices.values()],
                    "reserve_usd": self._prices.reserve(model),
                    "typical_prompt_tokens": TYPICAL_PROMPT_TOKENS,
                    "characters_per_token": CHARACTERS_PER_TOKEN,
                    "day": day,
                    "month": month,
                    "day_start": datetime.combine(day, datetime.min.time(), self._zone),
                    "month_start": datetime.combine(month, datetime.min.time(), self._zone),
                },
            )
        ).one()
        return Spending(
            minute_messages=int(row.minute_messages),
            minute_ends_in=float(row.minute_ends_in or 0),
            day_messages=int(row.day_messages),
            month_messages=int(row.month_messages),
            day_usd=row.day_usd,
            month_usd=row.month_usd,
            unpriced_turns=row.unpriced_turns,
            turn_day_messages=int(row.turn_day_messages),
            turn_month_messages=int(row.turn_month_messages),
            turn_day_usd=row.turn_day_usd,
            turn_month_usd=row.turn_month_usd,
        )

    def _rate_refusal(self, spending: Spending, messages: int) -> Refusal | None:
        limit = self._limits.rate_limit_per_minute
        # A repeated question counts no message, but still needs room for one.
        if limit is None or spending.minute_messages + max(messages, 1) <= limit:
            return None
        left = max(limit - spending.minute_messages, 0)
        return Refusal("rate_limit", spending.minute_ends_in, messages_left=left)

    def _budget_refusal(
        self, spending: Spending, *, messages: int, money: Decimal, model: str
    ) -> Refusal | None:
        for budget in self.budgets(spending):
            is_money = budget.name.endswith("usd")
            if is_money and spending.unpriced_turns and model not in self._prices:
                return Refusal("unpriced")
            asked = money if is_money else Decimal(messages)
            if budget.used >= budget.limit or budget.used + asked > budget.limit:
                return Refusal(budget.name, messages_left=0 if is_money else int(budget.left))
        return None
