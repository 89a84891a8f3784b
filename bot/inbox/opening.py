"""Unseals the updates of a line, and looks at what waits behind the first one."""

from __future__ import annotations

import contextlib
import json
from dataclasses import replace
from itertools import islice

from aiogram import Bot
from aiogram.types import Message, Update

from bot.db.locks import Entry
from bot.inbox.chat_workers import Line
from bot.inbox.joining import Opened, words_in
from bot.telegram.meaning import Reader, Sort
from bot.telegram.parsing import parse
from bot.telegram.quoting import Quoter
from bot.telegram.updates import kind_of
from common import bindings
from common.sealing import Sealer, UnreadableError, Vault


class Opener:
    """Opens entries, and reads what they mean."""

    def __init__(self, bot: Bot, *, vault: Vault, reader: Reader, quoter: Quoter) -> None:
        self._bot = bot
        self._vault = vault
        self._reader = reader
        self._quoter = quoter

    def open(self, entry: Entry) -> Opened:
        """An entry of a line.

        Raises:
            UnreadableError: its person was erased after it was stored, or it is not of this row.
        """
        sealer: Sealer = self._vault.installation
        if entry.user_key is not None:
            if entry.wrapped_key is None or entry.telegram_hmac is None:
                raise UnreadableError("the person is gone")
            sealer = self._vault.person(entry.wrapped_key, entry.telegram_hmac)
        binding = bindings.payload(self._bot.id, entry.update_id)
        raw = json.loads(sealer.open(entry.payload, binding))
        update = parse(raw, self._bot)
        kind, event = kind_of(update)
        if not isinstance(event, Message):
            return Opened(entry, update, {})
        message = raw[kind]
        words = words_in(message, self._reader, self._quoter)
        meaning = self._reader.meaning(message) if update.message else None
        return Opened(entry, update, message, meaning, words)

    def newest(self, line: Line, parts: list[Opened]) -> list[Opened]:
        """The parts, each as it was edited while it waited; the edit then changes nothing."""
        edits = {}
        for entry in line.entries:
            if entry.kind == "edited_message" and entry.user_key == parts[0].entry.user_key:
                with contextlib.suppress(UnreadableError):
                    words = self.open(entry).words
                    edits[words.message_id if words else None] = words
        return [
            replace(part, words=edits.get(part.words.message_id, part.words))
            if part.words and part.meaning
            else part
            for part in parts
        ]

    def is_stopped(self, line: Line, head: Opened) -> bool:
        """Whether a later /stop of the same person drops what waits."""
        if not head.is_joinable or head.entry.turn_id:
            return False
        return any(
            later.kind == "message"
            and later.user_key == head.entry.user_key
            and self._is_stop(later)
            for later in islice(line.entries, 1, None)
        )

    def _is_stop(self, entry: Entry) -> bool:
        try:
            meaning = self.open(entry).meaning
        except UnreadableError:
            return False
        return meaning is not None and (meaning.sort, meaning.command) == (Sort.COMMAND, "stop")

    def as_command(self, opened: Opened) -> Update:
        """The update, with a command that stands behind the bot's name as a command."""
        message, update = opened.message, opened.update
        if message is None or opened.meaning is None or opened.meaning.sort is not Sort.COMMAND:
            return update
        field = "text" if message.text else "caption"
        words = self._reader.as_command(message.text or message.caption or "")
        return update.model_copy(update={"message": message.model_copy(update={field: words})})
