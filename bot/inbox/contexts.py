"""Makes what a handler is given from the updates of one question."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bot.handlers.context import Visit
from bot.handlers.recent import RecentNotices
from bot.i18n import Translations
from bot.inbox.chat_workers import Line
from bot.inbox.joining import Opened
from bot.metrics import Metrics
from bot.settings import BotSettings
from bot.telegram.meaning import Meaning, Sort
from bot.telegram.responder import Conversation, PreviewPace
from bot.telegram.sender import Outbox
from bot.telegram.updates import (
    Place,
    kind_of,
    place_of,
    sender_of,
)
from bot.turns.question import fingerprint
from bot.turns.records import Room
from bot.users.repository import Person
from common.sealing import Vault


class Visits:
    """Makes visits.

    Args:
        notices: what people were told last.
    """

    def __init__(
        self,
        *,
        outbox: Outbox,
        vault: Vault,
        translations: Translations,
        metrics: Metrics,
        settings: BotSettings,
        notices: RecentNotices,
    ) -> None:
        self._outbox = outbox
        self._vault = vault
        self._translations = translations
        self._metrics = metrics
        self._settings = settings
        self._notices = notices

    def visit(self, line: Line, parts: Sequence[Opened]) -> Visit | None:
        head = parts[0]
        place = place_of(head.update)
        _, event = kind_of(head.update)
        sender = sender_of(event, place)
        if place is None or sender is None or head.entry.user_key is None:
            return None
        translator = self._translations.for_language(sender.language)
        entry = head.entry
        sealer = self._vault.person(entry.wrapped_key or b"", entry.telegram_hmac or b"")
        message = head.message or head.update.edited_message
        is_news = self._is_news(line, head.entry.user_key)
        return Visit(
            person=Person(head.entry.user_key, sealer, sender.language),
            sender=sender,
            place=place,
            room=self._room(place),
            lane=line.lane,
            cancellation=line.cancellation,
            conversation=Conversation(
                place,
                translator,
                self._outbox,
                self._metrics,
                PreviewPace(self._settings.draft_seconds, self._settings.group_preview_seconds),
                person_id=sender.telegram_id if sender.is_person else None,
                reply_to=message.message_id if message else None,
                draft_id=head.entry.update_id % (2**31 - 1) + 1,
                is_for_an_edit=head.update.edited_message is not None,
                is_news=is_news,
            ),
            translate=translator,
            received_at=head.entry.received_at,
            sent_at=message.date if message and message.date.timestamp() else None,
            update_ids=tuple(part.entry.update_id for part in parts),
            is_news=is_news,
            messages=tuple(part.words for part in parts if part.words),
            fingerprints={
                part.words.message_id: fingerprint(
                    self._vault, part.words.message_id, part.words.text
                )
                for part in parts
                if part.words and part.words.message_id is not None
            },
            meaning=_meaning_of(parts),
            refused_kinds=frozenset(
                part.meaning.refused_kind
                for part in parts
                if part.meaning and part.meaning.refused_kind
            ),
        )

    def _is_news(self, line: Line, user_key: int) -> Callable[[str], bool]:
        return lambda notice: self._notices.is_news((line.lane, user_key), notice)

    def _room(self, place: Place) -> Room:
        """The place, as the ledger knows it."""
        return Room(self._vault.lookup("chat", place.chat_id), place.thread_id, place.chat_type)


def _meaning_of(parts: Sequence[Opened]) -> Meaning | None:
    """A question, if one of them is; otherwise what the first one is."""
    meanings = [part.meaning for part in parts if part.meaning]
    questions = [meaning for meaning in meanings if meaning.sort is Sort.QUESTION]
    return next(iter([*questions, *meanings]), None)
