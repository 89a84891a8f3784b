"""Creates the update context for the updates of one question."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from bot.handlers.context import UpdateContext
from bot.handlers.recent import RecentNotices
from bot.inbox.chat_workers import ChatQueue
from bot.inbox.joining import OpenedUpdate
from bot.metrics import BotMetrics
from bot.settings import BotSettings, RichMessages
from bot.telegram.intent import Intent, IntentKind
from bot.telegram.responder import ChatResponder, PreviewIntervals
from bot.telegram.sender import MessageSender
from bot.telegram.updates import (
    Chat,
    chat_of,
    kind_of,
    telegram_user_of,
)
from bot.turns.question import fingerprint
from bot.turns.records import ChatRef
from bot.users.repository import User
from common.encryption.sealing import Vault
from common.language.i18n import Translations


class ContextFactory:
    """Creates update contexts.

    Args:
        notices: the last notice sent to each user.
    """

    def __init__(
        self,
        *,
        sender: MessageSender,
        vault: Vault,
        translations: Translations,
        metrics: BotMetrics,
        settings: BotSettings,
        notices: RecentNotices,
        bot_id: int,
    ) -> None:
        self._sender = sender
        self._vault = vault
        self._translations = translations
        self._metrics = metrics
        self._settings = settings
        self._notices = notices
        self._bot_id = bot_id

    def create(self, queue: ChatQueue, parts: Sequence[OpenedUpdate]) -> UpdateContext | None:
        head = parts[0]
        chat = chat_of(head.update)
        _, event = kind_of(head.update)
        telegram_user = telegram_user_of(event, chat)
        if chat is None or telegram_user is None or head.queued.user_key is None:
            return None
        translator = self._translations.for_language(telegram_user.language)
        queued = head.queued
        sealer = self._vault.user_sealer(queued.wrapped_key or b"", queued.telegram_hmac or b"")
        message = head.message or head.update.edited_message
        is_new_notice = self._is_new_notice(queue, head.queued.user_key)
        return UpdateContext(
            user=User(head.queued.user_key, sealer, telegram_user.language),
            telegram_user=telegram_user,
            chat=chat,
            chat_ref=self._chat_ref(chat),
            chat_key=queue.chat_key,
            cancellation=queue.cancellation,
            responder=ChatResponder(
                chat,
                translator,
                self._sender,
                self._metrics,
                PreviewIntervals(
                    self._settings.draft_seconds, self._settings.group_preview_seconds
                ),
                message_hmac=partial(self._vault.lookup, f"message:{self._bot_id}:{chat.chat_id}"),
                has_buttons=self._settings.answer_buttons,
                person_id=telegram_user.telegram_id if telegram_user.is_person else None,
                reply_to=message.message_id if message else None,
                draft_id=head.queued.update_id % (2**31 - 1) + 1,
                has_rich_messages=self._settings.rich_messages is RichMessages.AUTO,
                is_for_an_edit=head.update.edited_message is not None,
                is_new_notice=is_new_notice,
            ),
            translate=translator,
            received_at=head.queued.received_at,
            sent_at=message.date if message and message.date.timestamp() else None,
            update_ids=tuple(part.queued.update_id for part in parts),
            is_new_notice=is_new_notice,
            messages=tuple(part.content for part in parts if part.content),
            fingerprints={
                part.content.message_id: fingerprint(
                    self._vault, part.content.message_id, part.content.text
                )
                for part in parts
                if part.content and part.content.message_id is not None
            },
            intent=_intent_of(parts),
            refused_kinds=frozenset(
                part.intent.refused_kind
                for part in parts
                if part.intent and part.intent.refused_kind
            ),
        )

    def _is_new_notice(self, queue: ChatQueue, user_key: int) -> Callable[[str], bool]:
        return lambda notice: self._notices.is_new_notice((queue.chat_key, user_key), notice)

    def _chat_ref(self, chat: Chat) -> ChatRef:
        """The chat as the ledger refers to it."""
        return ChatRef(self._vault.lookup("chat", chat.chat_id), chat.thread_id, chat.chat_type)


def _intent_of(parts: Sequence[OpenedUpdate]) -> Intent | None:
    """The intent of the first question, or of the first message if there is no question."""
    intents = [part.intent for part in parts if part.intent]
    questions = [intent for intent in intents if intent.kind is IntentKind.QUESTION]
    return next(iter([*questions, *intents]), None)
