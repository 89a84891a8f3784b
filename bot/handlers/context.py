"""The context passed to handlers: user, chat, conversation and cancellation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from bot.i18n import Translator
from bot.telegram.meaning import Meaning
from bot.telegram.responder import Conversation
from bot.telegram.updates import Place, Sender
from bot.turns.cancellation import Cancellation
from bot.turns.question import Words
from bot.turns.records import Room
from bot.users.repository import Person


@dataclass
class Visit:
    """One update of one person, or several that are one question.

    Args:
        messages: one per update, when the updates are messages.
        meaning: of all of them together.
        fingerprints: of the messages, by message id.
        refused_kinds: what of them the bot cannot read.
        is_news: whether a notice was not said just now.
    """

    person: Person
    sender: Sender
    place: Place
    room: Room
    lane: bytes
    cancellation: Cancellation
    conversation: Conversation
    translate: Translator
    received_at: datetime
    sent_at: datetime | None
    update_ids: tuple[int, ...]
    is_news: Callable[[str], bool]
    messages: tuple[Words, ...] = ()
    fingerprints: Mapping[int, bytes] = field(default_factory=dict)
    meaning: Meaning | None = None
    refused_kinds: frozenset[str] = frozenset()
    settled: bool = False
    """The handler recorded the outcome itself."""
    reload: bool = False
    """The handler changed what is stored of this lane."""

    async def notify(self, notice: str) -> None:
        """Say it, unless it is what was said last."""
        if self.is_news(notice):
            await self.conversation.say(notice)
