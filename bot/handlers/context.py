"""The context passed to handlers: user, chat, responder and cancellation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from bot.db.events import UNKNOWN_COMMAND, UsedCommand
from bot.telegram.intent import Intent, IntentKind
from bot.telegram.responder import ChatResponder
from bot.telegram.updates import Chat, TelegramUser
from bot.turns.cancellation import Cancellation
from bot.turns.question import QuestionMessage
from bot.turns.records import ChatRef
from bot.turns.rules import NO_RULES, AppliedRules
from bot.users.repository import User
from common.language.i18n import Translator


@dataclass
class UpdateContext:
    """One update of one user, or several that form one question.

    Args:
        is_new_notice: whether the same notice was not sent just now.
        messages: one per update, if the updates are messages.
        fingerprints: of the messages, by message id.
        intent: of all messages together.
        refused_kinds: content of the messages that the bot does not support.
    """

    user: User
    telegram_user: TelegramUser
    chat: Chat
    chat_ref: ChatRef
    chat_key: bytes
    cancellation: Cancellation
    responder: ChatResponder
    translate: Translator
    received_at: datetime
    sent_at: datetime | None
    update_ids: tuple[int, ...]
    is_new_notice: Callable[[str], bool]
    messages: tuple[QuestionMessage, ...] = ()
    fingerprints: Mapping[int, bytes] = field(default_factory=dict)
    intent: Intent | None = None
    refused_kinds: frozenset[str] = frozenset()
    rules: AppliedRules = NO_RULES
    """Read for commands, buttons and edits; for a question they come with its dialog."""
    settled: bool = False
    """The handler recorded the outcome itself."""
    reload: bool = False
    """The handler changed stored updates of this chat."""

    @property
    def command(self) -> UsedCommand | None:
        """The command that the message is, if it is one."""
        match self.intent and self.intent.kind:
            case IntentKind.COMMAND if self.intent:
                return UsedCommand(self.intent.command, self.chat.chat_type)
            case IntentKind.UNKNOWN_COMMAND:
                return UsedCommand(UNKNOWN_COMMAND, self.chat.chat_type)
        return None

    async def send_once(self, notice: str) -> None:
        """Send a notice unless it was just sent."""
        if self.is_new_notice(notice):
            await self.responder.send(notice)
