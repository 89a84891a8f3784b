"""Classifies an update before it is stored: chat, sender, whether it is addressed to the bot."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from aiogram import Bot
from aiogram.types import (
    CallbackQuery,
    Message,
    MessageGenerationStopped,
    MessageReactionUpdated,
    Update,
)
from pydantic import ValidationError

from bot.buttons import Action
from bot.db.tables import MAX_UPDATE_ID, UNREADABLE
from bot.telegram.intent import (
    Intent,
    IntentKind,
    IntentParser,
    Json,
)
from bot.telegram.parsing import parse_update
from bot.telegram.updates import (
    Chat,
    TelegramUser,
    chat_of,
    kind_of,
    migration_of,
    telegram_user_of,
)
from bot.turns.cancellation import BY_BUTTON, BY_COMMAND
from bot.turns.question import fingerprint
from common.encryption.sealing import Vault
from common.vocabulary import UpdateOutcome

MAX_USER_ID = 2**63 - 1


class NotAnUpdateError(Exception):
    """The body has no usable update_id, so it cannot be stored, not even as parked."""


@dataclass(frozen=True)
class ClassifiedUpdate:
    """One update, classified."""

    update_id: int
    kind: str
    chat_key: bytes
    telegram_user: TelegramUser | None
    is_addressed: bool
    payload: bytes
    outcome: UpdateOutcome | None = None
    error: str | None = None
    refused_kind: str | None = None
    """Name of the content that the bot does not support."""
    edited: tuple[int, bytes] | None = None
    """Id and new fingerprint of an edited message."""
    interrupts: str | None = None
    """Why it stops the chat's running answer as soon as it is stored, if it does."""

    @property
    def is_message(self) -> bool:
        return self.kind == "message"


class UpdateClassifier:
    """Turns raw updates into `ClassifiedUpdate`.

    Args:
        bot: parsed updates are bound to it.
    """

    def __init__(self, vault: Vault, bot: Bot, intents: IntentParser) -> None:
        self._vault = vault
        self._bot = bot
        self._intents = intents

    def classify(self, raw: Any) -> ClassifiedUpdate:
        """Classify one raw update.

        Raises:
            NoUpdateError: not a JSON object with an integer `update_id`.
        """
        update_id = raw.get("update_id") if isinstance(raw, dict) else None
        if (
            not isinstance(update_id, int)
            or isinstance(update_id, bool)
            or not 0 <= update_id <= MAX_UPDATE_ID
        ):
            raise NotAnUpdateError
        payload = b""
        try:
            payload = json.dumps(raw).encode()
            return self._classify(parse_update(raw, self._bot), raw, payload)
        except Exception as error:  # noqa: BLE001 # one malformed update must not cost its batch
            return ClassifiedUpdate(
                update_id=update_id,
                kind=UNREADABLE,
                chat_key=self._chat_key(0, -update_id),
                # By id alone: the update is erased with a known user, but creates no user.
                telegram_user=_telegram_user_in(raw),
                is_addressed=False,
                payload=payload,
                outcome=UpdateOutcome.PARKED,
                error=_cause(error),
            )

    def chat_key_of(self, chat: Chat) -> bytes:
        """The key of the chat's queue."""
        return self._chat_key(chat.chat_id, chat.thread_id)

    def _chat_key(self, chat_id: int, thread_id: int) -> bytes:
        return self._vault.lookup(f"lane:{self._intents.identity.bot_id}:{thread_id}", chat_id)

    def _classify(self, update: Update, raw: Json, payload: bytes) -> ClassifiedUpdate:
        kind, event = kind_of(update)
        chat = chat_of(update)
        is_migration = kind == "message" and migration_of(raw[kind]) is not None
        telegram_user = None if is_migration else telegram_user_of(event, chat)
        # Whether an edit is addressed to the bot is only known where it is answered.
        intent = self._intents.parse(raw[kind]) if kind == "message" else None
        is_addressed = telegram_user is not None and (
            # A reaction, perhaps to another's message, and a stopped draft create no user.
            not isinstance(event, (Message, MessageReactionUpdated, MessageGenerationStopped))
            if intent is None
            else intent.kind is not IntentKind.NOT_ADDRESSED
        )
        return ClassifiedUpdate(
            update_id=update.update_id,
            kind=kind,
            chat_key=self.chat_key_of(chat) if chat else self._chat_key(0, -update.update_id),
            telegram_user=telegram_user,
            is_addressed=is_addressed,
            payload=payload,
            outcome=None if telegram_user or is_migration else UpdateOutcome.IGNORED,
            refused_kind=intent.refused_kind if intent and is_addressed else None,
            edited=self._edited(raw[kind]) if kind == "edited_message" and telegram_user else None,
            interrupts=_interruption(event, intent) if telegram_user else None,
        )

    def _edited(self, message: Json) -> tuple[int, bytes]:
        content = self._intents.own_text(message) or ""
        message_id: int = message["message_id"]
        return message_id, fingerprint(self._vault, message_id, content)


def _interruption(event: object, intent: Intent | None) -> str | None:
    if isinstance(event, MessageGenerationStopped):
        return BY_BUTTON
    if isinstance(event, CallbackQuery):
        return {Action.STOP: BY_BUTTON, "forget:yes": BY_COMMAND}.get(event.data or "")
    is_stop = intent is not None and (intent.kind, intent.command) == (IntentKind.COMMAND, "stop")
    return BY_COMMAND if is_stop else None


def _telegram_user_in(raw: dict[str, Any]) -> TelegramUser | None:
    """The sender of an update that cannot be parsed, if it is stated."""
    for event in raw.values():
        user = event.get("from") if isinstance(event, dict) else None
        number = user.get("id") if isinstance(user, dict) else None
        if isinstance(number, bool) or not isinstance(number, int):
            continue
        if 0 < number <= MAX_USER_ID:
            return TelegramUser(number)
    return None


def _cause(error: Exception) -> str:
    """The problem of an update, without any of its content."""
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        return f"{'.'.join(str(part) for part in first['loc'])}: {first['type']}"[:200]
    return type(error).__name__
