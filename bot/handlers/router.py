"""Routes updates to handlers, and registers the command menu."""

from __future__ import annotations

from typing import Any

from aiogram import Bot, Dispatcher
from aiogram.exceptions import TelegramAPIError
from aiogram.types import BotCommand

from bot.handlers import (
    basics,
    edits,
    membership,
    preferences,
    privacy,
    text,
    usage,
)
from bot.handlers.admin import router as admin
from bot.handlers.texts import command_list
from bot.i18n import Translations
from common.log import get_logger

log = get_logger(__name__)

# Order matters: `text` decides first, so that a forwarded "/…" is a question, not a command.
MODULES = (text, edits, basics, preferences, usage, admin, privacy, membership)
ADMIN_COMMANDS = frozenset({admin.COMMAND})


def create_dispatcher(**services: Any) -> Dispatcher:
    """A dispatcher with every route; services are injected into handlers by parameter name."""
    dispatcher = Dispatcher(disable_fsm=True, **services)
    for module in MODULES:
        dispatcher.include_router(module.create_router())
    return dispatcher


def command_names(translations: Translations) -> frozenset[str]:
    """The registered commands."""
    return frozenset(command_list(translations.default))


async def register_commands(bot: Bot, translations: Translations) -> None:
    """Set Telegram's command menu, once per language and once as the default.

    Failures are logged only: the bot works without a menu.
    """
    for code in (None, *translations.codes):
        _ = translations.for_language(code)
        commands = [
            BotCommand(command=name, description=meaning)
            for name, meaning in command_list(_).items()
        ]
        try:
            await bot.set_my_commands(commands, language_code=code)
        except TelegramAPIError as error:
            log.warning("command menu not registered", language=code, cause=type(error).__name__)
