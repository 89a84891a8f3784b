"""/export and /forget: exports and erases a user's data."""

from __future__ import annotations

from aiogram import Bot, F, Router
from aiogram.filters import Command
from aiogram.types import CallbackQuery

from bot.buttons import row
from bot.handlers.acknowledging import acknowledge
from bot.handlers.context import UpdateContext
from bot.users.erasure import Erasure
from bot.users.export import UserExport
from common.vocabulary import UpdateOutcome

YES, NO = "forget:yes", "forget:no"


async def export(_message: object, context: UpdateContext, exporter: UserExport) -> UpdateOutcome:
    """Send a JSON file. Private chats only: a group must not read it."""
    _ = context.translate
    if not context.chat.is_private:
        await context.responder.send(_("Use /export in our private chat."))
        return UpdateOutcome.COMMAND
    content, unreadable = await exporter.as_json(context.user)
    caption = _("All data stored about you.")
    if unreadable:
        caption += "\n" + _.plural(
            "{count} text could not be decrypted and is missing. The operator has been notified.",
            "{count} texts could not be decrypted and are missing. The operator has been notified.",
            unreadable,
        )
    await context.responder.send_file(content, name="dialytics-export.json", caption=caption)
    return UpdateOutcome.COMMAND


async def confirm_erasure(_message: object, context: UpdateContext) -> UpdateOutcome:
    _ = context.translate
    if not context.chat.is_private:
        await context.responder.send(_("Use /forget in our private chat."))
        return UpdateOutcome.COMMAND
    keyboard = row([(_("Erase everything"), YES), (_("Keep it"), NO)])
    await context.responder.send(
        _("Erase all your texts, settings and your name? This cannot be undone."),
        keyboard=keyboard,
    )
    return UpdateOutcome.COMMAND


async def cancel_erasure(query: CallbackQuery, context: UpdateContext, bot: Bot) -> UpdateOutcome:
    _ = context.translate
    await acknowledge(query, bot)
    await context.responder.send(_("Nothing was erased."))
    return UpdateOutcome.COMMAND


async def forget(
    query: CallbackQuery, context: UpdateContext, bot: Bot, erasure: Erasure
) -> UpdateOutcome:
    """Erase, then report what was erased. The erasure settles the update, too."""
    _ = context.translate
    await acknowledge(query, bot)
    receipt = await erasure.erase(context.user, context.telegram_user, context.update_ids)
    context.settled = True
    context.reload = True
    await context.responder.send(
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
    """A button sent by an older version."""
    await acknowledge(query, bot)
    return UpdateOutcome.IGNORED


def create_router() -> Router:
    router = Router(name="data")
    router.message.register(export, Command("export", ignore_case=True))
    router.message.register(confirm_erasure, Command("forget", ignore_case=True))
    router.callback_query.register(cancel_erasure, F.data == NO)
    router.callback_query.register(forget, F.data == YES)
    router.callback_query.register(ignore_other)
    return router
