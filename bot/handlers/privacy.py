"""/export and /forget: a person's data, given and erased."""

from __future__ import annotations

import contextlib

from aiogram import Bot, F, Router
from aiogram.exceptions import TelegramAPIError
from aiogram.filters import Command
from aiogram.types import CallbackQuery, InlineKeyboardButton, InlineKeyboardMarkup

from bot.handlers.context import Visit
from bot.users.erasure import Erasure
from bot.users.export import Export
from common.vocabulary import UpdateOutcome

YES, NO = "forget:yes", "forget:no"


async def export(_message: object, visit: Visit, exporter: Export) -> UpdateOutcome:
    """A JSON file. In private only: a group must not read it."""
    _ = visit.translate
    if not visit.place.is_private:
        await visit.conversation.say(_("Use /export in our private chat."))
        return UpdateOutcome.COMMAND
    content, unreadable = await exporter.as_json(visit.person)
    caption = _("Everything that is kept about you.")
    if unreadable:
        caption += "\n" + _.plural(
            "{count} text in it cannot be opened and is left out. The operator has been told.",
            "{count} texts in it cannot be opened and are left out. The operator has been told.",
            unreadable,
        )
    await visit.conversation.send_file(content, name="dialytics-export.json", caption=caption)
    return UpdateOutcome.COMMAND


async def ask_to_forget(_message: object, visit: Visit) -> UpdateOutcome:
    _ = visit.translate
    if not visit.place.is_private:
        await visit.conversation.say(_("Use /forget in our private chat."))
        return UpdateOutcome.COMMAND
    keyboard = InlineKeyboardMarkup(
        inline_keyboard=[
            [
                InlineKeyboardButton(text=_("Erase everything"), callback_data=YES),
                InlineKeyboardButton(text=_("Keep it"), callback_data=NO),
            ]
        ]
    )
    await visit.conversation.say(
        _("Erase all your texts, settings and your name? This cannot be undone."),
        keyboard=keyboard,
    )
    return UpdateOutcome.COMMAND


async def keep(query: CallbackQuery, visit: Visit, bot: Bot) -> UpdateOutcome:
    _ = visit.translate
    await _acknowledge(query, bot)
    await visit.conversation.say(_("Nothing was erased."))
    return UpdateOutcome.COMMAND


async def forget(query: CallbackQuery, visit: Visit, bot: Bot, erasure: Erasure) -> UpdateOutcome:
    """Erase, then say what was erased. The update is settled together with the erasure."""
    _ = visit.translate
    await _acknowledge(query, bot)
    receipt = await erasure.erase(visit.person, visit.sender, visit.update_ids)
    visit.settled = True
    visit.reload = True
    await visit.conversation.say(
        "\n".join(
            (
                _("🗑 Your data is erased."),
                _("Messages: {count}", count=receipt.messages),
                _("Conversations: {count}", count=receipt.dialogs),
                _("Time: {time} UTC", time=f"{receipt.at:%Y-%m-%d %H:%M:%S}"),
                _("Receipt: `{number}`", number=receipt.number),
            )
        )
    )
    return UpdateOutcome.COMMAND


async def ignore_other(query: CallbackQuery, bot: Bot) -> UpdateOutcome:
    """A button of an older version."""
    await _acknowledge(query, bot)
    return UpdateOutcome.IGNORED


async def _acknowledge(query: CallbackQuery, bot: Bot) -> None:
    # Only ends the button's spinning; an answer too late is refused, which harms nobody.
    with contextlib.suppress(TelegramAPIError):
        await bot.answer_callback_query(query.id)


def create_router() -> Router:
    router = Router(name="data")
    router.message.register(export, Command("export", ignore_case=True))
    router.message.register(ask_to_forget, Command("forget", ignore_case=True))
    router.callback_query.register(keep, F.data == NO)
    router.callback_query.register(forget, F.data == YES)
    router.callback_query.register(ignore_other)
    return router
