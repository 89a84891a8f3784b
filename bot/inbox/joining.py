"""Joins the updates that form one question: a comment and its forward, an album, a long text."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from aiogram.types import Message, Update

from bot.db.locks import QueuedUpdate
from bot.inbox.chat_workers import ChatQueue
from bot.settings import BotSettings
from bot.telegram.intent import (
    JOINABLE,
    Intent,
    IntentKind,
    IntentParser,
    Json,
    is_forward,
)
from bot.telegram.quoting import Quoter
from bot.turns.question import QuestionMessage
from bot.turns.records import UpdateConflictError
from common.encryption.sealing import UnreadableError

MAX_LONG_PARTS = 16
"""Maximum parts of one long text that the client has split."""
MAX_JOINED_MESSAGES = 10
MAX_ALBUM = 10
"""Telegram's maximum."""
MAX_JOINED_CHARS = 8_000
"""Quotes included. Limits how much of a flood of messages becomes one expensive question."""


@dataclass(frozen=True)
class OpenedUpdate:
    """A queued update, unsealed.

    Args:
        raw: the message or edited message as it was sent.
        intent: of a message; None for an edited one.
    """

    queued: QueuedUpdate
    update: Update
    raw: Json
    intent: Intent | None = None
    content: QuestionMessage | None = None

    @property
    def message(self) -> Message | None:
        return self.update.message

    @property
    def is_joinable(self) -> bool:
        return self.intent is not None and self.intent.kind in JOINABLE


def question_message(message: Json, intents: IntentParser, quoter: Quoter) -> QuestionMessage:
    """The user's own text in a message, what it quotes, and a file that the bot reads."""
    own = "" if is_forward(message) else intents.own_text(message) or ""
    message_id = message.get("message_id")
    attachment = intents.attachments.find(message)
    if attachment:
        attachment = replace(attachment, is_forwarded=is_forward(message))
    return QuestionMessage(
        own,
        quoter.quoted(message, is_read=attachment is not None),
        message_id if isinstance(message_id, int) else None,
        attachment or intents.attachments.find_replied(message),
    )


class MessageJoiner:
    """Collects the updates of one question.

    Args:
        open_update: unseals a queued update; raises UnreadableError.
    """

    def __init__(
        self, settings: BotSettings, open_update: Callable[[QueuedUpdate], OpenedUpdate]
    ) -> None:
        self._settings = settings
        self._open = open_update

    async def collect(self, queue: ChatQueue, head: OpenedUpdate) -> list[OpenedUpdate]:
        """The first update of the queue and the following ones that belong to it.

        Raises:
            UpdateConflictError: another process settled the first update meanwhile.
        """
        parts = [head]
        while patience := self._seconds_to_wait(parts):
            if len(queue.updates) == len(parts) and not queue.is_closing:
                age = (datetime.now(UTC) - parts[-1].queued.received_at).total_seconds()
                rest = patience - max(age, 0)
                if rest > 0 and await queue.wait_for_next(rest):
                    await queue.reload()
                    if not queue.updates or queue.updates[0].update_id != head.queued.update_id:
                        raise UpdateConflictError("settled elsewhere")
                    continue
            if len(queue.updates) <= len(parts):
                break
            try:
                following = self._open(queue.updates[len(parts)])
            except UnreadableError:
                break
            if not self._continues(parts, following):
                break
            parts.append(following)
        return parts

    def _seconds_to_wait(self, parts: Sequence[OpenedUpdate]) -> float:
        """How long to wait for another part, in seconds; 0: the question is complete."""
        if _is_long(parts[-1]) and len(parts) < MAX_LONG_PARTS:
            return self._settings.join_seconds
        is_album = parts[0].is_joinable and _album_of(parts[-1]) is not None
        if is_album and _size_of_album(parts) < MAX_ALBUM:
            return self._settings.join_seconds
        is_full = len(parts) >= MAX_JOINED_MESSAGES or _characters(parts) >= MAX_JOINED_CHARS
        return self._settings.join_short_seconds if parts[0].is_joinable and not is_full else 0

    def _continues(self, parts: Sequence[OpenedUpdate], following: OpenedUpdate) -> bool:
        last = parts[-1]
        first, second = last.message, following.message
        if first is None or second is None or following.queued.turn_id or following.content is None:
            return False
        if first.from_user != second.from_user or first.sender_chat != second.sender_chat:
            return False
        if parts[0].is_joinable and _is_of_one_album(last, following):
            return True
        if _is_long(last) and following.content.text and _is_no_command(following):
            stored_apart = following.queued.received_at - last.queued.received_at
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


def _album_of(part: OpenedUpdate) -> object:
    """The id of the album that the message belongs to, if any."""
    return part.raw.get("media_group_id") if part.message else None


def _is_of_one_album(part: OpenedUpdate, following: OpenedUpdate) -> bool:
    """Whether both belong to one album. In a group only one of them need be addressed."""
    album = _album_of(part)
    return album is not None and album == _album_of(following) and _is_no_command(following)


def _size_of_album(parts: Sequence[OpenedUpdate]) -> int:
    return sum(_album_of(part) == _album_of(parts[-1]) for part in parts)


def _is_long(part: OpenedUpdate) -> bool:
    return part.intent is not None and part.content is not None and part.content.is_long


def _is_no_command(part: OpenedUpdate) -> bool:
    return part.intent is not None and part.intent.kind is not IntentKind.COMMAND


def _belongs(part: OpenedUpdate) -> bool:
    """Whether it can follow; a forward sent with a comment need not be addressed to the bot."""
    is_of_a_comment = part.intent == Intent(IntentKind.NOT_ADDRESSED) and is_forward(part.raw)
    return part.is_joinable or is_of_a_comment


def _characters(parts: Sequence[OpenedUpdate]) -> int:
    return sum(len(part.content.for_model) for part in parts if part.content)


def _reply_to_one(parts: Sequence[OpenedUpdate]) -> bool:
    """Whether they reply to at most one message besides each other."""
    own = {part.content.message_id for part in parts if part.content}
    targets = set()
    for part in parts:
        reply = part.raw.get("reply_to_message")
        if isinstance(reply, dict) and "forum_topic_created" not in reply:
            if reply.get("message_id") not in own:
                targets.add(("here", str(reply.get("message_id"))))
        elif isinstance(external := part.raw.get("external_reply"), dict):
            targets.add((str(external.get("chat")), str(external.get("message_id"))))
    return len(targets) <= 1
