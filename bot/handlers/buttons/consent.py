"""The choice under /privacy: whether the operator's analysts may read a person's texts."""

from __future__ import annotations

from aiogram import Bot
from aiogram.types import CallbackQuery, InlineKeyboardMarkup

from bot.buttons import Action, column
from bot.handlers.acknowledging import acknowledge
from bot.handlers.context import UpdateContext
from bot.handlers.texts import readers_text
from bot.i18n import Translator
from bot.users.preferences import Preferences
from common.vocabulary import UpdateOutcome

OPEN, CLOSE = f"{Action.READERS}:open", f"{Action.READERS}:close"


def readers_button(_: Translator, *, is_readable: bool) -> InlineKeyboardMarkup:
    """The button names what it sets, so that pressing it twice changes nothing more."""
    if is_readable:
        return column([(_("🔒 Close my texts to analysts"), CLOSE)])
    return column([(_("Let analysts read my texts"), OPEN)])


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
        keyboard=readers_button(_, is_readable=is_readable),
    )
    return UpdateOutcome.COMMAND
