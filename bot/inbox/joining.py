"""Which updates of a line are one question: a comment and its forward, an album, a long text."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from aiogram.types import Message, Update

from bot.db.locks import Entry
from bot.inbox.chat_workers import Line
from bot.settings import BotSettings
from bot.telegram.meaning import (
    JOINABLE,
    Json,
    Meaning,
    Reader,
    Sort,
    is_forward,
)
from bot.telegram.quoting import Quoter
from bot.turns.question import Words
from bot.turns.records import TakenError
from common.sealing import UnreadableError

MAX_LONG_PARTS = 16
"""Of one long text that the client has cut."""
MAX_JOINED_MESSAGES = 10
MAX_JOINED_CHARS = 8_000
"""With what they quote: what a person writes in one go, and no flood as one expensive question."""


@dataclass(frozen=True)
class Opened:
    """An entry with its update, unsealed.

    Args:
        raw: the message, or the edited message, as it was sent.
        meaning: of a message, not of an edited one.
    """

    entry: Entry
    update: Update
    raw: Json
    meaning: Meaning | None = None
    words: Words | None = None

    @property
    def message(self) -> Message | None:
        return self.update.message

    @property
    def is_joinable(self) -> bool:
        return self.meaning is not None and self.meaning.sort in JOINABLE


def words_in(message: Json, reader: Reader, quoter: Quoter) -> Words:
    """The person's own words in a message, and what surrounds them."""
    own = "" if is_forward(message) else reader.own_words(message) or ""
    message_id = message.get("message_id")
    return Words(own, quoter.quoted(message), message_id if isinstance(message_id, int) else None)


class Joiner:
    """Gathers the updates of one question.

    Args:
        open_entry: unseals one entry; raises UnreadableError.
    """

    def __init__(self, settings: BotSettings, open_entry: Callable[[Entry], Opened]) -> None:
        self._settings = settings
        self._open = open_entry

    async def gather(self, line: Line, head: Opened) -> list[Opened]:
        """The head of the line with the updates after it that belong to it.

        Raises:
            TakenError: another process settled the head meanwhile.
        """
        parts = [head]
        while patience := self._patience(parts):
            if len(line.entries) == len(parts) and not line.is_closing:
                age = (datetime.now(UTC) - parts[-1].entry.received_at).total_seconds()
                rest = patience - max(age, 0)
                if rest > 0 and await line.wait_for_next(rest):
                    await line.refill()
                    if not line.entries or line.entries[0].update_id != head.entry.update_id:
                        raise TakenError("settled elsewhere")
                    continue
            if len(line.entries) <= len(parts):
                break
            try:
                following = self._open(line.entries[len(parts)])
            except UnreadableError:
                break
            if not self._continues(parts, following):
                break
            parts.append(following)
        return parts

    def _patience(self, parts: Sequence[Opened]) -> float:
        """Seconds that the next part may take; 0: there is none."""
        if _is_long(parts[-1]) and len(parts) < MAX_LONG_PARTS:
            return self._settings.join_seconds
        is_full = len(parts) >= MAX_JOINED_MESSAGES or _characters(parts) >= MAX_JOINED_CHARS
        return self._settings.join_short_seconds if parts[0].is_joinable and not is_full else 0

    def _continues(self, parts: Sequence[Opened], following: Opened) -> bool:
        last = parts[-1]
        first, second = last.message, following.message
        if first is None or second is None or following.entry.turn_id or following.words is None:
            return False
        if first.from_user != second.from_user or first.sender_chat != second.sender_chat:
            return False
        if _is_long(last) and following.words.text and _is_no_command(following):
            stored_apart = following.entry.received_at - last.entry.received_at
            sent_apart = second.date - first.date
            seconds = self._settings.join_seconds
            if stored_apart.total_seconds() <= seconds and (
                sent_apart.total_seconds() <= math.ceil(seconds)
            ):
                return True
        return (
            self._settings.join_short_seconds > 0
            and parts[0].is_joinable
            and _belongs(following)
            and len(parts) < MAX_JOINED_MESSAGES
            and _characters([*parts, following]) <= MAX_JOINED_CHARS
            and _reply_to_one([*parts, following])
        )


def _is_long(part: Opened) -> bool:
    return part.meaning is not None and part.words is not None and part.words.is_long


def _is_no_command(part: Opened) -> bool:
    return part.meaning is not None and part.meaning.sort is not Sort.COMMAND


def _belongs(part: Opened) -> bool:
    """In a group nobody addresses the forward that a comment is about."""
    is_of_a_comment = part.meaning == Meaning(Sort.ASIDE) and is_forward(part.raw)
    return part.is_joinable or is_of_a_comment


def _characters(parts: Sequence[Opened]) -> int:
    return sum(len(part.words.for_model) for part in parts if part.words)


def _reply_to_one(parts: Sequence[Opened]) -> bool:
    """Whether they reply to at most one message, other than each other."""
    own = {part.words.message_id for part in parts if part.words}
    targets = set()
    for part in parts:
        reply = part.raw.get("reply_to_message")
        if isinstance(reply, dict) and "forum_topic_created" not in reply:
            if reply.get("message_id") not in own:
                targets.add(("here", str(reply.get("message_id"))))
        elif isinstance(external := part.raw.get("external_reply"), dict):
            targets.add((str(external.get("chat")), str(external.get("message_id"))))
    return len(targets) <= 1
