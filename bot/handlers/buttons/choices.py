"""Buttons of /model and /history."""

from __future__ import annotations

from aiogram import Bot
from aiogram.types import CallbackQuery

from bot.buttons import model_data
from bot.handlers.acknowledging import acknowledge
from bot.handlers.context import UpdateContext
from bot.settings import BotSettings, ModelSettings
from bot.users.preferences import Preferences
from common.vocabulary import UpdateOutcome

DEFAULT = "default"


async def choose_model(
    query: CallbackQuery,
    context: UpdateContext,
    bot: Bot,
    preferences: Preferences,
    *,
    model_settings: ModelSettings,
) -> UpdateOutcome:
    """Set the model of the button, if it is still offered."""
    _ = context.translate
    offered = context.rules.models or model_settings.models
    wanted = next((model for model in offered if model_data(model) == query.data), None)
    if wanted is None:
        await acknowledge(query, bot, _("This model is not offered any more. See /model."))
        return UpdateOutcome.IGNORED
    await preferences.set_model(context.user, wanted)
    await acknowledge(query, bot)
    await context.responder.send(_("Your model is now `{model}`.", model=wanted))
    return UpdateOutcome.COMMAND


async def choose_history(
    query: CallbackQuery,
    context: UpdateContext,
    bot: Bot,
    preferences: Preferences,
    *,
    bot_settings: BotSettings,
) -> UpdateOutcome:
    """Set how many messages are remembered, or restore the default."""
    _ = context.translate
    most = bot_settings.max_history_messages
    wanted = (query.data or "").partition(":")[2]
    if wanted == DEFAULT:
        await preferences.set_history(context.user, None)
        said = _("Reset to the default: {count}.", count=most)
    elif wanted.isascii() and wanted.isdigit() and int(wanted) <= most:
        await preferences.set_history(context.user, int(wanted))
        said = _("Remembered messages: {count}.", count=int(wanted))
    else:
        await acknowledge(query, bot, _("Write a number from 0 to {most}.", most=most))
        return UpdateOutcome.IGNORED
    await acknowledge(query, bot)
    await context.responder.send(said)
    return UpdateOutcome.COMMAND
