"""Refuses the updates of banned people and chats that begin no turn."""

from __future__ import annotations

from aiogram.types import Update

from bot.handlers.context import UpdateContext
from bot.telegram.intent import IntentKind
from bot.turns.policy import TurnPolicy
from bot.turns.responder import Refusal
from bot.turns.rules import RuleReader

UNCHECKED = frozenset({IntentKind.QUESTION, IntentKind.SERVICE, IntentKind.NOT_ADDRESSED})
"""Messages that begin a turn, which is checked, or get no answer."""
DATA_COMMANDS = frozenset({"privacy", "export", "forget"})
DATA_BUTTONS = ("forget:yes", "forget:no")


class BanCheck:
    """Reads the rules for commands, buttons and edits."""

    def __init__(self, rules: RuleReader, policy: TurnPolicy) -> None:
        self._rules = rules
        self._policy = policy

    async def refusal(self, context: UpdateContext, update: Update) -> Refusal | None:
        """Why this update is not handled; None for a question, which is refused in its turn.

        Everybody may export and erase their data in a private chat.
        """
        if (
            update.my_chat_member
            or update.stopped_message_generation
            or (context.intent and context.intent.kind in UNCHECKED)
        ):
            return None
        await self._load(context)
        return None if _is_about_own_data(context, update) else context.rules.refusal

    async def is_banned(self, context: UpdateContext) -> bool:
        """Whether the person or the chat is banned now."""
        await self._load(context)
        return context.rules.refusal is not None

    async def notify(self, context: UpdateContext, refusal: Refusal) -> None:
        """Tell the person or the chat, at most once a day and ban."""
        chat_hmac = context.chat_ref.chat_hmac
        if await self._rules.may_notify(context.user.key, chat_hmac, context.rules):
            await context.responder.send_refusal(refusal)

    async def _load(self, context: UpdateContext) -> None:
        context.rules = await self._rules.load(
            context.user.key,
            context.chat_ref.chat_hmac,
            is_admin=self._policy.is_admin(context.telegram_user.telegram_id),
        )


def _is_about_own_data(context: UpdateContext, update: Update) -> bool:
    if not context.chat.is_private:
        return False
    if update.callback_query:
        return update.callback_query.data in DATA_BUTTONS
    return context.intent is not None and context.intent.command in DATA_COMMANDS
