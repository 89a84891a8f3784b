"""/usage: what a person used, what is left of the limits, and a picture of the last days.

In private only: a group must not read it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

from aiogram import Router
from aiogram.filters import Command
from babel.numbers import format_decimal

from bot.handlers.context import Visit
from bot.i18n import Translator
from bot.telegram.chart import draw_days
from bot.turns.limits import Budget, Limits
from bot.users.usage import DayOfUse, UsageReader, total
from common.vocabulary import UpdateOutcome

CHART_DAYS = 14


async def show_usage(
    _message: object, visit: Visit, usage_reader: UsageReader, limits: Limits
) -> UpdateOutcome:
    _ = visit.translate
    if not visit.place.is_private:
        await visit.conversation.say(_("Use /usage in our private chat."))
        return UpdateOutcome.COMMAND
    days = await usage_reader.by_day(visit.person.key)
    is_bound = limits.is_limited and not limits.is_admin(visit.sender.telegram_id)
    budgets = limits.budgets(await limits.spending(visit.person.key)) if is_bound else []
    if not days:
        await visit.conversation.say("\n".join(_lines_before_use(budgets, _)))
        return UpdateOutcome.COMMAND
    today, _month = limits.periods()
    caption = "\n".join(
        [
            *_lines(_("Today"), [day for day in days if day.day == today], _),
            *_lines(_("In all"), days, _),
            _.plural(
                "You used the bot on {count} day.",
                "You used the bot on {count} days.",
                total(days).days,
            ),
            *(_budget_line(budget, _) for budget in budgets),
        ]
    )
    by_day = {day.day: day.messages for day in days}
    picture = await draw_days(
        [(day, by_day.get(day, 0)) for day in _last_days(today)],
        title=_("Your messages by day"),
    )
    await visit.conversation.send_picture(picture, name="usage.png", caption=caption)
    return UpdateOutcome.COMMAND


def _last_days(today: date) -> list[date]:
    return [today - timedelta(days=ago) for ago in range(CHART_DAYS - 1, -1, -1)]


def _lines(name: str, days: Sequence[DayOfUse], _: Translator) -> list[str]:
    used = total(days)
    lines = [
        _(
            "{name}: messages {messages}, tokens {tokens}, cost {cost}",
            name=name,
            messages=format_decimal(used.messages, locale=_.locale),
            tokens=format_decimal(used.tokens, locale=_.locale),
            cost=_("unknown") if used.cost_usd is None else dollars(used.cost_usd, _),
        )
    ]
    if used.unpriced and used.cost_usd is not None:
        lines.append(
            _.plural(
                "  (the cost of {count} message is not wholly known)",
                "  (the cost of {count} messages is not wholly known)",
                used.unpriced,
            )
        )
    return lines


def _lines_before_use(budgets: Sequence[Budget], _: Translator) -> list[str]:
    # Without a finished turn a budget may be used all the same: /forget refills nothing.
    is_unused = not any(budget.used for budget in budgets)
    first = [_("You have not used anything yet.")] if is_unused else []
    return [*first, *(_budget_line(budget, _) for budget in budgets)]


def _budget_line(budget: Budget, _: Translator) -> str:
    is_money = budget.name.endswith("usd")
    left = dollars(budget.left, _) if is_money else format_decimal(budget.left, locale=_.locale)
    limit = dollars(budget.limit, _) if is_money else format_decimal(budget.limit, locale=_.locale)
    match budget.name:
        case "daily_messages":
            return _("Messages left today: {left} of {limit}", left=left, limit=limit)
        case "monthly_messages":
            return _("Messages left this month: {left} of {limit}", left=left, limit=limit)
        case "daily_usd":
            return _("Money left today: {left} of {limit}", left=left, limit=limit)
        case _:
            return _("Money left this month: {left} of {limit}", left=left, limit=limit)


def dollars(amount: Decimal, _: Translator) -> str:
    """Small sums keep the digits that matter."""
    pattern = "#,##0.00" if amount >= 1 else "0.00####"
    return "$" + format_decimal(amount, format=pattern, locale=_.locale)


def create_router() -> Router:
    router = Router(name="usage")
    router.message.register(show_usage, Command("usage", ignore_case=True))
    return router
