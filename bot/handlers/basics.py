"""/start, /help, /new, /stop, /privacy."""

from __future__ import annotations

import re

from aiogram import Router
from aiogram.filters import Command, CommandObject

from bot.handlers.context import Visit
from bot.handlers.texts import help_text, privacy_text
from bot.settings import BotSettings
from bot.turns.limits import Limits
from bot.users.invites import Invites, InviteVerdict
from bot.users.preferences import Preferences
from bot.users.repository import People
from common.vocabulary import UpdateOutcome

# What Telegram lets a deep link carry.
SOURCE = re.compile("[A-Za-z0-9_-]{1,64}")


async def start(
    _message: object,
    command: CommandObject,
    visit: Visit,
    people: People,
    *,
    limits: Limits,
    invites: Invites,
    preferences: Preferences,
) -> UpdateOutcome:
    """Greet; keep where the person came from; accept an invite code."""
    _ = visit.translate
    payload = (command.args or "").strip()
    verdict = None
    account = visit.sender.telegram_id
    if payload and limits.needs_invite(
        account, admitted_at=await preferences.admitted_at(visit.person)
    ):
        verdict = invites.check(account, payload)
    if verdict is InviteVerdict.SLOWED:
        await visit.conversation.say(
            _("⏳ Too many wrong invite codes. Please try again in an hour.")
        )
        return UpdateOutcome.COMMAND
    if verdict is InviteVerdict.ACCEPTED:
        await preferences.admit(visit.person)
        await visit.conversation.say(_("✅ Welcome, your invitation is accepted."))
    elif SOURCE.fullmatch(payload):
        await people.set_source(visit.person, payload)
    await visit.conversation.say(
        _("Hello! Write me anything, and a language model will answer.") + "\n\n" + help_text(_)
    )
    return UpdateOutcome.COMMAND


async def show_help(_message: object, visit: Visit) -> UpdateOutcome:
    await visit.conversation.say(help_text(visit.translate))
    return UpdateOutcome.COMMAND


async def show_privacy(_message: object, visit: Visit, bot_settings: BotSettings) -> UpdateOutcome:
    tells_names = bot_settings.group_first_names
    await visit.conversation.say(privacy_text(visit.translate, tells_names=tells_names))
    return UpdateOutcome.COMMAND


async def begin_anew(_message: object, visit: Visit, preferences: Preferences) -> UpdateOutcome:
    """Close the dialog: the next text begins without history."""
    _ = visit.translate
    await preferences.close_dialog(visit.room)
    await visit.conversation.say(_("🆕 New conversation. I remember nothing of the earlier one."))
    return UpdateOutcome.COMMAND


async def confirm_stop(_message: object, visit: Visit) -> UpdateOutcome:
    """The running answer was stopped when this update was stored; here only a word about it."""
    _ = visit.translate
    lines = []
    dropped = visit.cancellation.take_dropped(visit.person.key)
    if visit.cancellation.take_stopped():
        lines.append(_("⏹ Stopped."))
    elif not dropped:
        lines.append(_("Nothing is being answered now."))
    if dropped:
        lines.append(
            _.plural(
                "{count} waiting message was dropped.",
                "{count} waiting messages were dropped.",
                dropped,
            )
        )
    await visit.conversation.say("\n".join(lines))
    return UpdateOutcome.COMMAND


def create_router() -> Router:
    router = Router(name="basics")
    router.message.register(start, Command("start", ignore_case=True))
    router.message.register(show_help, Command("help", ignore_case=True))
    router.message.register(show_privacy, Command("privacy", ignore_case=True))
    router.message.register(begin_anew, Command("new", ignore_case=True))
    router.message.register(confirm_stop, Command("stop", ignore_case=True))
    return router
