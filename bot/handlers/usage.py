"""/usage: a user's usage, remaining limits and a chart of the last days; for admins also the bill.

Private chats only: a group must not read it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from aiogram import Router
from aiogram.filters import Command
from babel.numbers import format_decimal

from bot.handlers.context import UpdateContext
from bot.telegram.chart import draw_days
from bot.telegram.notices import bill_name
from bot.turns.bill import Bill, BillState
from bot.turns.policy import Budget, TurnPolicy, budgets
from bot.users.usage import DailyUsage, UsageReader, total_usage
from common.language.i18n import Translator, dollars
from common.vocabulary import UpdateOutcome

CHART_DAYS = 14


async def show_usage(
    _message: object,
    context: UpdateContext,
    usage_reader: UsageReader,
    policy: TurnPolicy,
    bill: Bill,
) -> UpdateOutcome:
    _ = context.translate
    if not context.chat.is_private:
        await context.responder.send(_("Use /usage in our private chat."))
        return UpdateOutcome.COMMAND
    days = await usage_reader.by_day(context.user.key)
    is_admin = policy.is_admin(context.telegram_user.telegram_id)
    limits = policy.limits(context.rules, is_admin=is_admin)
    left = budgets(await policy.spending(context.user.key), limits) if limits.is_set else []
    bill_lines = [bill_line(state, _) for state in await bill.read()] if is_admin else []
    if not days:
        await context.responder.send("\n".join([*_lines_before_use(left, _), *bill_lines]))
        return UpdateOutcome.COMMAND
    today, _month = policy.periods()
    caption = "\n".join(
        [
            *usage_lines(_("Today"), [day for day in days if day.day == today], _),
            *usage_lines(_("In all"), days, _),
            _.plural(
                "You used the bot on {count} day.",
                "You used the bot on {count} days.",
                total_usage(days).days,
            ),
            *(_budget_line(budget, _) for budget in left),
            *bill_lines,
        ]
    )
    by_day = {day.day: day.messages for day in days}
    picture = await draw_days(
        [(day, by_day.get(day, 0)) for day in _last_days(today)],
        title=_("Your messages by day"),
    )
    await context.responder.send_picture(picture, name="usage.png", caption=caption)
    return UpdateOutcome.COMMAND


def _last_days(today: date) -> list[date]:
    return [today - timedelta(days=ago) for ago in range(CHART_DAYS - 1, -1, -1)]


def usage_lines(name: str, days: Sequence[DailyUsage], _: Translator) -> list[str]:
    """The sums of these days."""
    used = total_usage(days)
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
                "  (the cost of {count} message is incomplete)",
                "  (the cost of {count} messages is incomplete)",
                used.unpriced,
            )
        )
    return lines


def _lines_before_use(left: Sequence[Budget], _: Translator) -> list[str]:
    # A budget may be used without a finished turn: /forget resets no limit.
    is_unused = not any(budget.used for budget in left)
    first = [_("You have not used anything yet.")] if is_unused else []
    return [*first, *(_budget_line(budget, _) for budget in left)]


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
            return _("Budget left today: {left} of {limit}", left=left, limit=limit)
        case _:
            return _("Budget left this month: {left} of {limit}", left=left, limit=limit)


def bill_line(state: BillState, _: Translator) -> str:
    """A limit of the bill, and the money spent of it."""
    return _(
        "{bill}: {spent} of {limit}",
        bill=bill_name(state.limit, _),
        spent=dollars(state.spent_usd, _),
        limit=dollars(state.limit.usd, _),
    )


def create_router() -> Router:
    router = Router(name="usage")
    router.message.register(show_usage, Command("usage", ignore_case=True))
    return router
