"""Routes updates to handlers, and registers the command menu."""

from __future__ import annotations

from typing import Any

from aiogram import Bot, Dispatcher
from aiogram.exceptions import TelegramAPIError
from aiogram.types import BotCommand, BotCommandScopeAllGroupChats

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
from bot.handlers.buttons import router as buttons
from bot.handlers.texts import PRIVATE_ONLY, command_list
from common.language.i18n import Translations
from common.log import get_logger

log = get_logger(__name__)

# Order matters: `text` decides first, so that a forwarded "/…" is a question, not a command.
MODULES = (text, edits, basics, preferences, usage, admin, buttons, privacy, membership)
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

    That of groups leaves out what only works in a private chat. Failures are logged only: the bot
    works without a menu.
    """
    for code in (None, *translations.codes):
        commands = command_list(translations.for_language(code))
        in_groups = {name: does for name, does in commands.items() if name not in PRIVATE_ONLY}
        for scope, shown in ((None, commands), (BotCommandScopeAllGroupChats(), in_groups)):
            menu = [BotCommand(command=name, description=does) for name, does in shown.items()]
            try:
                await bot.set_my_commands(menu, scope=scope, language_code=code)
            except TelegramAPIError as error:
                cause = type(error).__name__
                log.warning("command menu not registered", language=code, cause=cause)
