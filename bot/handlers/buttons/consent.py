"""The choices under /privacy: who may read a person's texts, and whether they are counted."""

from __future__ import annotations

from aiogram import Bot
from aiogram.types import CallbackQuery

from bot.buttons import Action, column
from bot.handlers.acknowledging import acknowledge
from bot.handlers.context import UpdateContext
from bot.handlers.texts import counting_text, readers_text
from bot.users.preferences import Preferences
from common.language.i18n import Translator
from common.vocabulary import UpdateOutcome

OPEN, CLOSE = f"{Action.READERS}:open", f"{Action.READERS}:close"


COUNT, LEAVE_OUT = f"{Action.COUNTING}:on", f"{Action.COUNTING}:off"

Button = tuple[str, str]


# A button names what it sets, so that pressing it twice changes nothing more.


def readers_button(_: Translator, *, is_readable: bool) -> Button:
    if is_readable:
        return _("🔒 Close my texts to analysts"), CLOSE
    return _("Let analysts read my texts"), OPEN


def counting_button(_: Translator, *, is_counted: bool) -> Button:
    if is_counted:
        return _("Do not count me as a person"), LEAVE_OUT
    return _("Count me as a person"), COUNT


async def choose_readers(
    query: CallbackQuery, context: UpdateContext, bot: Bot, preferences: Preferences
) -> UpdateOutcome:
    """Store the choice of the button, and offer the opposite one."""
    _ = context.translate
    is_readable = query.data == OPEN
    await preferences.set_readable(context.user, is_readable=is_readable)
    await acknowledge(query, bot)
    await context.responder.send(
        readers_text(_, is_readable=is_readable),
        keyboard=column([readers_button(_, is_readable=is_readable)]),
    )
    return UpdateOutcome.COMMAND


async def choose_counting(
    query: CallbackQuery, context: UpdateContext, bot: Bot, preferences: Preferences
) -> UpdateOutcome:
    """Store the choice of the button, and offer the opposite one."""
    _ = context.translate
    is_counted = query.data == COUNT
    await preferences.set_counted(context.user, is_counted=is_counted)
    await acknowledge(query, bot)
    await context.responder.send(
        counting_text(_, is_counted=is_counted)
        + " "
        + _("A new conversation begins: I no longer see the earlier messages."),
        keyboard=column([counting_button(_, is_counted=is_counted)]),
    )
    return UpdateOutcome.COMMAND
