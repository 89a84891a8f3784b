"""/admin and its buttons, for ADMIN_IDS. To others it is an unknown command.

A button names its page, so it works after a restart and as long as its message exists.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from aiogram import Bot, F, Router
from aiogram.filters import Command
from aiogram.types import CallbackQuery, InlineKeyboardButton, InlineKeyboardMarkup

from bot.handlers.acknowledging import acknowledge
from bot.handlers.admin import alerts, people
from bot.handlers.admin.texts import (
    api_health,
    bot_health,
    data_health,
    forecast_text,
    period_text,
    period_titles,
    problem_text,
    unknown_costs_text,
)
from bot.handlers.context import UpdateContext
from bot.handlers.usage import bill_line
from bot.stats_api import StatsApi, StatsApiError, StatsApiProblem
from bot.telegram.chart import draw_bars
from bot.turns.bill import Bill
from bot.turns.policy import TurnPolicy
from common.language.i18n import Translator
from common.vocabulary import UpdateOutcome

COMMAND = "admin"
PREFIX = f"{COMMAND}:"
STATS = "/api/v1/stats"
BUCKETS = {"today": "hour", "7d": "day", "month_to_date": "day"}
BUDGET, HEALTH = "budget", "health"

ReadHealth = Callable[[], Awaitable[dict[str, Any]]]


async def show_menu(_message: object, context: UpdateContext) -> UpdateOutcome:
    _ = context.translate
    if not context.chat.is_private:
        await context.responder.send(_("Use /admin in our private chat."))
        return UpdateOutcome.COMMAND
    lines = [
        _("What do you want to see?"),
        _("One person: /admin and a @name, or /admin in reply to a forwarded message."),
    ]
    await context.responder.send("\n".join(lines), keyboard=_menu(_))
    return UpdateOutcome.COMMAND


async def show_period(
    query: CallbackQuery, context: UpdateContext, bot: Bot, stats_api: StatsApi
) -> UpdateOutcome:
    """The figures of a period with a picture of its messages."""
    _ = context.translate
    await acknowledge(query, bot)
    period = (query.data or "").removeprefix(PREFIX)
    bucket = BUCKETS[period]
    try:
        summary, activity = await asyncio.gather(
            stats_api.get(f"{STATS}/summary", period=period, compare="true"),
            stats_api.get(f"{STATS}/activity", period=period, bucket=bucket),
        )
    except StatsApiError as error:
        await context.responder.send(problem_text(error, _))
        return UpdateOutcome.COMMAND
    zone = ZoneInfo(activity["period"]["tz"])
    picture = await draw_bars(
        [
            (_label(point["start"], zone, bucket), int(point["user_messages"]))
            for point in activity["activity"]["points"]
        ],
        title=_("Messages by hour") if bucket == "hour" else _("Messages by day"),
    )
    await context.responder.send_picture(
        picture, name=f"{period}.png", caption=period_text(period, summary, _)
    )
    return UpdateOutcome.COMMAND


async def show_budget(
    query: CallbackQuery, context: UpdateContext, bot: Bot, stats_api: StatsApi, bill: Bill
) -> UpdateOutcome:
    """The limits of the bill, from the ledger, and the forecast of the API."""
    _ = context.translate
    await acknowledge(query, bot)
    unknown = await bill.unknown_costs()
    lines = []
    for state in await bill.read():
        lines.append(bill_line(state, _))
        if found := unknown.get(state.limit):
            lines.append(unknown_costs_text(found, _))
    try:
        forecast = forecast_text(await stats_api.get(f"{STATS}/forecast"), _)
    except StatsApiError as error:
        forecast = problem_text(error, _)
    lines = lines or [_("Nothing limits the bill.")]
    await context.responder.send("\n".join([*lines, "", forecast]))
    return UpdateOutcome.COMMAND


async def show_health(
    query: CallbackQuery,
    context: UpdateContext,
    bot: Bot,
    stats_api: StatsApi,
    read_health: ReadHealth,
) -> UpdateOutcome:
    """The state of every part: the bot's own, and that of the others as the API knows it."""
    _ = context.translate
    await acknowledge(query, bot)
    lines = bot_health(await read_health(), _)
    checks: dict[str, str] = {}
    try:
        checks = await stats_api.checks()
        freshness = await stats_api.get(f"{STATS}/freshness")
        quality = await stats_api.get(f"{STATS}/quality", period="7d")
        lines += [*api_health(checks, _), *data_health(freshness, quality, _)]
    except StatsApiError as error:
        refuses_key = error.problem is StatsApiProblem.WRONG_KEY
        lines += [*api_health(checks, _, refuses_key=refuses_key), problem_text(error, _)]
    await context.responder.send("\n".join(lines))
    return UpdateOutcome.COMMAND


def _label(start: str, zone: ZoneInfo, bucket: str) -> str:
    local = datetime.fromisoformat(start).astimezone(zone)
    return f"{local:%H:%M}" if bucket == "hour" else f"{local:%d.%m}"


def _menu(_: Translator) -> InlineKeyboardMarkup:
    rows = [period_titles(_), {BUDGET: _("Budget"), HEALTH: _("Health"), alerts.PAGE: _("Alerts")}]
    return InlineKeyboardMarkup(
        inline_keyboard=[
            [
                InlineKeyboardButton(text=title, callback_data=f"{PREFIX}{page}")
                for page, title in row.items()
            ]
            for row in rows
        ]
    )


def _is_admin(_event: object, context: UpdateContext, policy: TurnPolicy) -> bool:
    return policy.is_admin(context.telegram_user.telegram_id)


def create_router() -> Router:
    router = Router(name="admin")
    is_about_a_person = (Command(COMMAND, ignore_case=True), _is_admin, people.is_about_a_person)
    router.message.register(people.find_person, *is_about_a_person)
    router.message.register(show_menu, Command(COMMAND, ignore_case=True), _is_admin)
    buttons = router.callback_query
    buttons.register(show_period, F.data.in_({f"{PREFIX}{name}" for name in BUCKETS}), _is_admin)
    buttons.register(show_budget, F.data == f"{PREFIX}{BUDGET}", _is_admin)
    buttons.register(show_health, F.data == f"{PREFIX}{HEALTH}", _is_admin)
    buttons.register(alerts.show_alerts, F.data == f"{PREFIX}{alerts.PAGE}", _is_admin)
    buttons.register(alerts.acknowledge_alert, F.data.regexp(alerts.ACKNOWLEDGE), _is_admin)
    buttons.register(people.act_on_person, F.data.regexp(people.ACTION), _is_admin)
    return router
