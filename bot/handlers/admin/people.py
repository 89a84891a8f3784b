"""One person for the operators: usage and rules; ban, pause and limits by buttons.

The stats API finds the person and keeps the rules; the usage is the bot's own ledger.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from aiogram import Bot
from aiogram.filters import CommandObject
from aiogram.types import (
    CallbackQuery,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    Message,
    MessageOriginUser,
)

from bot.handlers.acknowledging import acknowledge
from bot.handlers.admin.texts import person_title, problem_text, rule_text
from bot.handlers.context import UpdateContext
from bot.handlers.usage import usage_lines
from bot.stats_api import StatsApi, StatsApiError
from bot.turns.policy import TurnPolicy
from bot.users.usage import UsageReader
from common.language.i18n import Translator
from common.vocabulary import UpdateOutcome

PREFIX = "admin:person:"
ACTION = re.compile(
    rf"{PREFIX}(?P<key>[0-9]{{1,10}}):(?P<name>show|ban|pause|lift|limit):(?P<value>[0-9]{{1,19}})"
)
FIND, RULES = "/api/v1/admin/people/find", "/api/v1/admin/rules"
USERNAME = re.compile(r"@?\w{1,64}")
NUMBER = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)
MAX_KEY = 2**31 - 1
PAUSE = timedelta(days=1)
DAILY_LIMITS = (5, 20, 100)
"""Messages a day that buttons offer."""

Found = Mapping[str, Any]


class PersonPages:
    """Shows people and changes the rules about them."""

    def __init__(
        self, stats_api: StatsApi, *, usage_reader: UsageReader, policy: TurnPolicy
    ) -> None:
        self._stats_api = stats_api
        self._usage_reader = usage_reader
        self._policy = policy

    async def find(self, context: UpdateContext, query: Found) -> None:
        """Show the person, or a choice of several."""
        _ = context.translate
        try:
            people = (await self._find(context, query))["people"]
        except StatsApiError as error:
            await self._show_without_rules(context, query, error)
            return
        if len(people) == 1:
            await self._show(context, people[0])
        elif people:
            await context.responder.send(_("Which one?"), keyboard=_choice(people, _))
        else:
            await context.responder.send(_("There is no such person."))

    async def find_number(self, context: UpdateContext, number: int) -> None:
        """Show the person with this key, else the one with this Telegram id."""
        if number <= MAX_KEY:
            try:
                await self._find(context, {"user_key": number})
            except StatsApiError as error:
                if error.code != "not_found":
                    await self._show_without_rules(context, {"user_key": number}, error)
                    return
            else:
                await self.find(context, {"user_key": number})
                return
        await self.find(context, {"telegram_id": number})

    async def act(self, context: UpdateContext, key: int, name: str, value: int) -> None:
        """Do what a button says, then show the person anew."""
        _ = context.translate
        try:
            if name == "pause" and await self._is_banned(context, key):
                # The button is of an older message: the pause would replace the ban.
                await context.responder.send(_("Access is closed already: lift the ban first."))
            else:
                await self._change(context, key, name, value)
        except StatsApiError as error:
            if error.code != "not_found":  # a rule that has been lifted already
                await self._show_without_rules(context, {"user_key": key}, error)
                return
        await self.find(context, {"user_key": key})

    async def _find(self, context: UpdateContext, query: Found) -> dict[str, Any]:
        return await self._stats_api.send("POST", FIND, body=query, acting_person=context.user.key)

    async def _is_banned(self, context: UpdateContext, key: int) -> bool:
        [found] = (await self._find(context, {"user_key": key}))["people"]
        return any(rule["is_active"] and rule["kind"] == "ban" for rule in found["rules"])

    async def _change(self, context: UpdateContext, key: int, name: str, value: int) -> None:
        actor = context.user.key
        if name == "lift":
            await self._stats_api.send("DELETE", f"{RULES}/{value}", acting_person=actor)
            return
        rule: dict[str, Any] = {"subject": {"user_key": key}, "reason": "/admin"}
        match name:
            case "ban":
                rule |= {"kind": "ban"}
            case "pause":
                rule |= {"kind": "ban", "until": (datetime.now(UTC) + PAUSE).isoformat()}
            case "limit":
                rule |= {"kind": "limits", "daily_messages": value}
            case _:
                return
        await self._stats_api.send("PUT", RULES, body=rule, acting_person=actor)

    async def _show(self, context: UpdateContext, found: Found) -> None:
        _ = context.translate
        key = found["user_key"]
        lines = [person_title(found, _)]
        if key is None:
            lines.append(_("This person has not written to the bot yet."))
            await context.responder.send("\n".join(lines))
            return
        lines += await self._usage(key, _)
        rules = [rule for rule in found["rules"] if rule["is_active"]]
        lines += [rule_text(rule, _) for rule in rules] or [_("No rules.")]
        await context.responder.send("\n".join(lines), keyboard=_buttons(key, rules, _))

    async def _show_without_rules(
        self, context: UpdateContext, query: Found, error: StatsApiError
    ) -> None:
        """Why there is no person; with a key the usage in the ledger, which needs no API."""
        _ = context.translate
        lines = [_problem(error, _)]
        if error.code != "not_found":
            lines.append(_("Bans cannot be set now."))
            if (key := query.get("user_key")) is not None:
                lines = [f"#{key}", *await self._usage(key, _), *lines]
        await context.responder.send("\n".join(lines))

    async def _usage(self, key: int, _: Translator) -> list[str]:
        days = await self._usage_reader.by_day(key)
        today, _month = self._policy.periods()
        lines = usage_lines(_("Today"), [day for day in days if day.day == today], _)
        return lines + usage_lines(_("In all"), days, _)


async def find_person(
    message: Message, command: CommandObject, context: UpdateContext, person_pages: PersonPages
) -> UpdateOutcome:
    """/admin with a @name or a number, or in reply to a forwarded message."""
    _ = context.translate
    wanted = (command.args or "").strip()
    if not context.chat.is_private:
        await context.responder.send(_("Use /admin in our private chat."))
    elif wanted.startswith("#") and wanted[1:].isascii() and wanted[1:].isdigit():
        await person_pages.find(context, {"user_key": int(wanted[1:])})
    elif NUMBER.fullmatch(wanted):
        await person_pages.find_number(context, int(wanted))
    elif USERNAME.fullmatch(wanted):
        await person_pages.find(context, {"username": wanted})
    elif wanted:
        await context.responder.send(_("Write /admin and a @name, or a number as in /admin #42."))
    elif author := _author(message):
        await person_pages.find(context, {"telegram_id": author})
    else:
        await context.responder.send(
            _("Telegram hides the author of this message. Write /admin and their @name.")
        )
    return UpdateOutcome.COMMAND


async def act_on_person(
    query: CallbackQuery, context: UpdateContext, bot: Bot, person_pages: PersonPages
) -> UpdateOutcome:
    await acknowledge(query, bot)
    if found := ACTION.fullmatch(query.data or ""):
        await person_pages.act(context, int(found["key"]), found["name"], int(found["value"]))
    return UpdateOutcome.COMMAND


def is_about_a_person(message: Message, command: CommandObject) -> bool:
    """Whether /admin names a person, or replies to a forwarded message."""
    reply = message.reply_to_message
    return bool(command.args) or (reply is not None and reply.forward_origin is not None)


def _author(message: Message) -> int | None:
    origin = message.reply_to_message.forward_origin if message.reply_to_message else None
    return origin.sender_user.id if isinstance(origin, MessageOriginUser) else None


def _problem(error: StatsApiError, _: Translator) -> str:
    return _("There is no such person.") if error.code == "not_found" else problem_text(error, _)


def _choice(people: list[Found], _: Translator) -> InlineKeyboardMarkup:
    return InlineKeyboardMarkup(
        inline_keyboard=[
            [_button(person_title(one, _), one["user_key"], "show")]
            for one in people
            if one["user_key"] is not None
        ]
    )


def _buttons(key: int, rules: list[Found], _: Translator) -> InlineKeyboardMarkup:
    by_kind = {rule["kind"]: rule["id"] for rule in rules}
    if "ban" in by_kind:
        access = [_button(_("Lift the ban"), key, "lift", by_kind["ban"])]
    else:
        access = [
            _button(_("Ban"), key, "ban"),
            _button(_("Pause for a day"), key, "pause"),
        ]
    limits = [
        _button(_("{count} a day", count=count), key, "limit", count) for count in DAILY_LIMITS
    ]
    if "limits" in by_kind:
        limits.append(_button(_("No limits of their own"), key, "lift", by_kind["limits"]))
    return InlineKeyboardMarkup(inline_keyboard=[access, limits])


def _button(text: str, key: int, action: str, value: int = 0) -> InlineKeyboardButton:
    return InlineKeyboardButton(text=text, callback_data=f"{PREFIX}{key}:{action}:{value}")
