"""The last alerts for the operators, each with a button that acknowledges it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from aiogram import Bot
from aiogram.types import CallbackQuery, InlineKeyboardButton, InlineKeyboardMarkup
from babel.dates import format_datetime
from babel.numbers import format_decimal

from bot.handlers.acknowledging import acknowledge
from bot.handlers.admin.texts import problem_text
from bot.handlers.context import UpdateContext
from bot.stats_api import StatsApi, StatsApiError
from common.language.i18n import Translator
from common.vocabulary import UpdateOutcome

PAGE = "alerts"
ACKNOWLEDGE = re.compile(r"admin:alert:(?P<event>[0-9]{1,19})")
EVENTS = "/api/v1/alerts/events"
SHOWN = 5
MAX_TITLE_CHARACTERS = 40

Event = Mapping[str, Any]


async def show_alerts(
    query: CallbackQuery, context: UpdateContext, bot: Bot, stats_api: StatsApi
) -> UpdateOutcome:
    """The last events, newest first."""
    await acknowledge(query, bot)
    await _show(context, stats_api)
    return UpdateOutcome.COMMAND


async def acknowledge_alert(
    query: CallbackQuery, context: UpdateContext, bot: Bot, stats_api: StatsApi
) -> UpdateOutcome:
    """Acknowledge an event, then show the last ones anew."""
    await acknowledge(query, bot)
    found = ACKNOWLEDGE.fullmatch(query.data or "")
    assert found is not None  # noqa: S101 # the route's own filter
    try:
        path = f"{EVENTS}/{found['event']}/acknowledge"
        await stats_api.send("POST", path, acting_person=context.user.key)
    except StatsApiError as error:
        if error.code != "not_found":  # its alert was deleted
            await context.responder.send(problem_text(error, context.translate))
            return UpdateOutcome.COMMAND
    await _show(context, stats_api)
    return UpdateOutcome.COMMAND


async def _show(context: UpdateContext, stats_api: StatsApi) -> None:
    _ = context.translate
    try:
        events = (await stats_api.get(EVENTS, limit=SHOWN))["events"]
    except StatsApiError as error:
        await context.responder.send(problem_text(error, _))
        return
    if not events:
        await context.responder.send(_("No alert has fired yet."))
        return
    lines = [event_text(event, _) for event in events]
    await context.responder.send("\n\n".join(lines), keyboard=_buttons(events, _))


def event_text(event: Event, _: Translator) -> str:
    """A window in which an alert fired, and who acknowledged it."""
    start = datetime.fromisoformat(event["window_start"]).astimezone(UTC)
    when = format_datetime(start, "short", locale=_.locale)
    lines = [
        f"🔔 {event['name']}",
        _("{value}, window from {time} UTC", value=_value(event, _), time=when),
    ]
    if event["acknowledged_at"]:
        lines.append(_("✅ Acknowledged by {name}", name=event["acknowledged_by"]))
    return "\n".join(lines)


def _value(event: Event, _: Translator) -> str:
    if event["value"] is None:
        return _("no data")
    value = _number(event["value"], _)
    low, high = event["low"], event["high"]
    if low is not None and high is not None:
        limits = _("{low} to {high} expected", low=_number(low, _), high=_number(high, _))
    elif low is not None:
        limits = _("at least {low} expected", low=_number(low, _))
    elif high is not None:
        limits = _("at most {high} expected", high=_number(high, _))
    else:
        return value
    return f"{value} ({limits})"


def _number(value: Decimal | int, _: Translator) -> str:
    pattern = "#,##0.##" if abs(Decimal(value)) >= 1 else "0.####"
    return format_decimal(value, format=pattern, locale=_.locale)


def _buttons(events: list[Event], _: Translator) -> InlineKeyboardMarkup | None:
    rows = [
        [
            InlineKeyboardButton(
                text=_("Acknowledge: {name}", name=event["name"][:MAX_TITLE_CHARACTERS]),
                callback_data=f"admin:alert:{event['id']}",
            )
        ]
        for event in events
        if not event["acknowledged_at"]
    ]
    return InlineKeyboardMarkup(inline_keyboard=rows) if rows else None
