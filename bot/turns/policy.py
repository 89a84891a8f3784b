"""Decides whether a turn may begin: access, rate limit, budgets. Usage comes from the ledger."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db.sql import statement
from bot.db.tables import UserRow
from bot.llm.prices import CHARACTERS_PER_TOKEN, TYPICAL_PROMPT_TOKENS, ModelPrices
from bot.settings import AccessMode, AccessSettings, UsageLimitSettings
from bot.turns.prompt import prompt_characters
from bot.turns.records import DialogContext, Question, UpdateConflictError
from bot.turns.responder import Refusal
from bot.turns.rules import NO_RULES, AppliedRules
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


@dataclass(frozen=True)
class UserLimits:
    """The limits of one person, or of a group. None: unlimited."""

    rate_per_minute: int | None = None
    daily_messages: int | None = None
    monthly_messages: int | None = None
    daily_usd: Decimal | None = None
    monthly_usd: Decimal | None = None

    @property
    def is_set(self) -> bool:
        """Whether anything is limited."""
        return self != UNLIMITED


UNLIMITED = UserLimits()


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
        self._usual_limits = UserLimits(
            rate_per_minute=limits.rate_limit_per_minute,
            daily_messages=limits.daily_message_limit,
            monthly_messages=limits.monthly_message_limit,
            daily_usd=limits.daily_usd_limit,
            monthly_usd=limits.monthly_usd_limit,
        )
        self._prices = prices
        self._zone = zone
        self._sessions = sessions
        self._now = now

    def limits(self, rules: AppliedRules, *, is_admin: bool) -> UserLimits:
        """A person's limits: their own rules, else the settings, of which admins are exempt."""
        usual = UNLIMITED if is_admin else self._usual_limits
        own = {
            name: getattr(rules, name)
            for name in ("daily_messages", "monthly_messages", "daily_usd", "monthly_usd")
        }
        return replace(usual, **{name: limit for name, limit in own.items() if limit is not None})

    def is_admin(self, telegram_id: int) -> bool:
        return telegram_id in self._access.admin_ids

    def has_access(
        self, telegram_id: int, *, admitted_at: datetime | None, rules: AppliedRules = NO_RULES
    ) -> bool:
        """Whether this account may use the bot, unless it is banned."""
        return (
            self._access.access_mode is AccessMode.OPEN
            or rules.is_allowed
            or self.is_admin(telegram_id)
            or telegram_id in self._access.access_allowed_ids
            or (self._access.access_mode is AccessMode.INVITE and admitted_at is not None)
        )

    def needs_invite(
        self, telegram_id: int, *, admitted_at: datetime | None, rules: AppliedRules = NO_RULES
    ) -> bool:
        """Whether this account needs an invite code."""
        return self._access.access_mode is AccessMode.INVITE and not self.has_access(
            telegram_id, admitted_at=admitted_at, rules=rules
        )

    def needs_no_check(self, question: Question, context: DialogContext) -> bool:
        """Whether the question may be answered without checking any usage."""
        rules = context.rules
        return (
            self._refusal_of_access(question, context) is None
            and not self.limits(rules, is_admin=question.is_admin).is_set
            and not _chat_limits(rules).is_set
        )

    async def refusal(
        self, session: AsyncSession, question: Question, context: DialogContext, *, model: str
    ) -> Refusal | None:
        """Why the question may not be answered now, or None.

        Raises:
            UpdateConflictError: the user was erased.
        """
        if refusal := self._refusal_of_access(question, context):
            return refusal
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
        limits = self.limits(context.rules, is_admin=question.is_admin)
        if limits.is_set:
            spending = await self.spending_in(session, question.user_key, model=model)
            refusal = self._usage_refusal(spending, limits, question, context, model=model)
            if refusal:
                return refusal
        return await self._chat_refusal(session, question, context, model=model)

    def _refusal_of_access(self, question: Question, context: DialogContext) -> Refusal | None:
        if refusal := context.rules.refusal:
            return refusal
        if not self.has_access(
            question.account_id, admitted_at=context.admitted_at, rules=context.rules
        ):
            return Refusal("access")
        return Refusal("undeliverable") if context.is_undeliverable else None

    async def _chat_refusal(
        self, session: AsyncSession, question: Question, context: DialogContext, *, model: str
    ) -> Refusal | None:
        limits = _chat_limits(context.rules)
        if not limits.is_set:
            return None
        chat_hmac = question.chat_ref.chat_hmac
        # Held until the turn is written, for the same reason: a group has members and topics.
        await session.execute(
            select(func.pg_advisory_xact_lock(int.from_bytes(chat_hmac[:8], "big", signed=True)))
        )
        spending = await self.spending_in(
            session, question.user_key, model=model, chat_hmac=chat_hmac
        )
        refusal = self._usage_refusal(spending, limits, question, context, model=model)
        if refusal is None or refusal.reason == "unpriced":
            return refusal
        return replace(refusal, reason=f"chat_{refusal.reason}")

    def _usage_refusal(
        self,
        spending: Spending,
        limits: UserLimits,
        question: Question,
        context: DialogContext,
        *,
        model: str,
    ) -> Refusal | None:
        characters = prompt_characters(question, context)
        money = self._prices.highest_cost(model, characters=characters) or Decimal(0)
        money += self._prices.speech_cost(question.speech_seconds)
        if task := context.summary_task:
            summary = self._prices.highest_cost(task.model, characters=task.characters)
            money += summary or Decimal(0)
        return _rate_refusal(spending, limits, question.user_messages) or self._budget_refusal(
            spending, limits, messages=question.user_messages, money=money, model=model
        )

    async def spending(self, user_key: int) -> Spending:
        """This user's usage."""
        async with self._sessions() as session:
            return await self.spending_in(session, user_key)

    async def nearly_used(self, user_key: int, turn_id: UUID, limits: UserLimits) -> list[Budget]:
        """The budgets of which this turn reached 80 %."""
        if not limits.is_set:
            return []
        async with self._sessions() as session:
            spending = await self.spending_in(session, user_key, turn_id=turn_id)
        return [
            budget
            for budget in budgets(spending, limits)
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
        chat_hmac: bytes | None = None,
    ) -> Spending:
        """The usage of a user, or of all members of a group today."""
        day, month = self.periods()
        prices = self._prices.by_model
        row = (
            await session.execute(
                statement("spending"),
                {
                    "user_key": user_key,
                    "chat_hmac": chat_hmac,
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

    def _budget_refusal(
        self, spending: Spending, limits: UserLimits, *, messages: int, money: Decimal, model: str
    ) -> Refusal | None:
        for budget in budgets(spending, limits):
            is_money = budget.name.endswith("usd")
            if is_money and spending.unpriced_turns and model not in self._prices:
                return Refusal("unpriced")
            asked = money if is_money else Decimal(messages)
            if budget.used >= budget.limit or budget.used + asked > budget.limit:
                return Refusal(budget.name, messages_left=0 if is_money else int(budget.left))
        return None


def budgets(spending: Spending, limits: UserLimits) -> list[Budget]:
    """The budgets that are set."""
    of = spending
    given = (
        ("daily_messages", of.day_messages, of.turn_day_messages),
        ("monthly_messages", of.month_messages, of.turn_month_messages),
        ("daily_usd", of.day_usd, of.turn_day_usd),
        ("monthly_usd", of.month_usd, of.turn_month_usd),
    )
    return [
        Budget(name, Decimal(used), Decimal(added), Decimal(limit))
        for name, used, added in given
        if (limit := getattr(limits, name)) is not None
    ]


def _chat_limits(rules: AppliedRules) -> UserLimits:
    return UserLimits(daily_messages=rules.chat_daily_messages, daily_usd=rules.chat_daily_usd)


def _rate_refusal(spending: Spending, limits: UserLimits, messages: int) -> Refusal | None:
    limit = limits.rate_per_minute
    # A repeated question counts no message, but still needs room for one.
    if limit is None or spending.minute_messages + max(messages, 1) <= limit:
        return None
    left = max(limit - spending.minute_messages, 0)
    return Refusal("rate_limit", spending.minute_ends_in, messages_left=left)
