"""Unseals queued updates, and looks for edits and /stop commands behind the first one."""

from __future__ import annotations

import contextlib
import json
from dataclasses import replace
from itertools import islice

from aiogram import Bot
from aiogram.types import Message, Update

from bot.db.locks import QueuedUpdate
from bot.inbox.chat_workers import ChatQueue
from bot.inbox.joining import OpenedUpdate, question_message
from bot.telegram.intent import IntentKind, IntentParser
from bot.telegram.parsing import parse_update
from bot.telegram.quoting import Quoter
from bot.telegram.updates import kind_of
from common.encryption import bindings
from common.encryption.sealing import Sealer, UnreadableError, Vault


class UpdateOpener:
    """Unseals queued updates and parses their intent."""

    def __init__(
        self,
        bot: Bot,
        *,
        vault: Vault,
        intents: IntentParser,
        quoter: Quoter,
    ) -> None:
        self._bot = bot
        self._vault = vault
        self._intents = intents
        self._quoter = quoter

    def open(self, queued: QueuedUpdate) -> OpenedUpdate:
        """Unseal one update.

        Raises:
            UnreadableError: its user was erased meanwhile, or it was sealed for another row.
        """
        sealer: Sealer = self._vault.installation
        if queued.user_key is not None:
            if queued.wrapped_key is None or queued.telegram_hmac is None:
                raise UnreadableError("the user was erased")
            sealer = self._vault.user_sealer(queued.wrapped_key, queued.telegram_hmac)
        binding = bindings.payload(self._bot.id, queued.update_id)
        raw = json.loads(sealer.open(queued.payload, binding))
        update = parse_update(raw, self._bot)
        kind, event = kind_of(update)
        if not isinstance(event, Message):
            return OpenedUpdate(queued, update, {})
        message = raw[kind]
        content = question_message(message, self._intents, self._quoter)
        intent = self._intents.parse(message) if update.message else None
        return OpenedUpdate(queued, update, message, intent, content)

    def with_edits(self, queue: ChatQueue, parts: list[OpenedUpdate]) -> list[OpenedUpdate]:
        """The parts with edits that are waiting in the queue applied; these then change nothing."""
        edits = {}
        for queued in queue.updates:
            if queued.kind == "edited_message" and queued.user_key == parts[0].queued.user_key:
                with contextlib.suppress(UnreadableError):
                    content = self.open(queued).content
                    edits[content.message_id if content else None] = content
        return [
            replace(part, content=edits.get(part.content.message_id, part.content))
            if part.content and part.intent
            else part
            for part in parts
        ]

    def is_stopped(self, queue: ChatQueue, head: OpenedUpdate) -> bool:
        """Whether a later /stop of the same user drops this question."""
        if not head.is_joinable or head.queued.turn_id:
            return False
        return any(
            later.kind == "message"
            and later.user_key == head.queued.user_key
            and self._is_stop(later)
            for later in islice(queue.updates, 1, None)
        )

    def _is_stop(self, queued: QueuedUpdate) -> bool:
        try:
            intent = self.open(queued).intent
        except UnreadableError:
            return False
        return intent is not None and (intent.kind, intent.command) == (IntentKind.COMMAND, "stop")

    def as_command(self, opened: OpenedUpdate) -> Update:
        """The update; a command after the bot's name (`@bot /model`) is moved to the start."""
        message, update = opened.message, opened.update
        if message is None or opened.intent is None or opened.intent.kind is not IntentKind.COMMAND:
            return update
        field = "text" if message.text else "caption"
        content = self._intents.as_command(message.text or message.caption or "")
        return update.model_copy(update={"message": message.model_copy(update={field: content})})
