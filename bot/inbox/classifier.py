"""Classifies an update before it is stored: lane, sender, whether it is meant for the bot."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from aiogram import Bot
from aiogram.types import CallbackQuery, Message, Update
from pydantic import ValidationError

from bot.db.tables import LARGEST_UPDATE_ID, UNREADABLE
from bot.telegram.meaning import (
    Json,
    Meaning,
    Reader,
    Sort,
)
from bot.telegram.parsing import parse
from bot.telegram.updates import (
    Place,
    Sender,
    kind_of,
    migration_of,
    place_of,
    sender_of,
)
from bot.turns.question import fingerprint
from common.sealing import Vault
from common.vocabulary import UpdateOutcome

LARGEST_USER_ID = 2**63 - 1


class NoUpdateError(Exception):
    """The body is not an update: it has no usable update_id, so it cannot even be kept aside."""


@dataclass(frozen=True)
class Incoming:
    """One update, classified."""

    update_id: int
    kind: str
    lane: bytes
    sender: Sender | None
    is_addressed: bool
    payload: bytes
    outcome: UpdateOutcome | None = None
    error: str | None = None
    refused_kind: str | None = None
    """What of it the bot cannot handle, by name."""
    edited: tuple[int, bytes] | None = None
    """Of an edited message its id and the fingerprint of what it says now."""
    interrupts: bool = False
    """It stops the running answer of its lane, before its own turn in the line comes."""

    @property
    def is_message(self) -> bool:
        return self.kind == "message"


class Classifier:
    """Turns raw updates into `Incoming`.

    Args:
        bot: needed only to bind parsed updates to it.
    """

    def __init__(self, vault: Vault, bot: Bot, reader: Reader) -> None:
        self._vault = vault
        self._bot = bot
        self._reader = reader

    def classify(self, raw: Any) -> Incoming:
        """Classify one raw update.

        Raises:
            NoUpdateError: not a JSON object with an integer `update_id`.
        """
        update_id = raw.get("update_id") if isinstance(raw, dict) else None
        if (
            not isinstance(update_id, int)
            or isinstance(update_id, bool)
            or not 0 <= update_id <= LARGEST_UPDATE_ID
        ):
            raise NoUpdateError
        payload = b""
        try:
            payload = json.dumps(raw).encode()
            return self._classify(parse(raw, self._bot), raw, payload)
        except Exception as error:  # noqa: BLE001 # one malformed update must not cost its batch
            return Incoming(
                update_id=update_id,
                kind=UNREADABLE,
                lane=self._lane(0, -update_id),
                # Known by number alone, so that it goes with its person and makes nobody one.
                sender=_sender_in(raw),
                is_addressed=False,
                payload=payload,
                outcome=UpdateOutcome.PARKED,
                error=_cause(error),
            )

    def lane_of(self, place: Place) -> bytes:
        """The lane in which a place's updates are processed in order."""
        return self._lane(place.chat_id, place.thread_id)

    def _lane(self, chat_id: int, thread_id: int) -> bytes:
        return self._vault.lookup(f"lane:{self._reader.identity.bot_id}:{thread_id}", chat_id)

    def _classify(self, update: Update, raw: Json, payload: bytes) -> Incoming:
        kind, event = kind_of(update)
        place = place_of(update)
        is_migration = kind == "message" and migration_of(raw[kind]) is not None
        sender = None if is_migration else sender_of(event, place)
        # An edit is for the bot if the message was: that is known where it is answered.
        meaning = self._reader.meaning(raw[kind]) if kind == "message" else None
        is_addressed = sender is not None and (
            not isinstance(event, Message) if meaning is None else meaning.sort is not Sort.ASIDE
        )
        return Incoming(
            update_id=update.update_id,
            kind=kind,
            lane=self.lane_of(place) if place else self._lane(0, -update.update_id),
            sender=sender,
            is_addressed=is_addressed,
            payload=payload,
            outcome=None if sender or is_migration else UpdateOutcome.IGNORED,
            refused_kind=meaning.refused_kind if meaning and is_addressed else None,
            edited=self._edited(raw[kind]) if kind == "edited_message" and sender else None,
            interrupts=is_addressed and _interrupts(event, meaning),
        )

    def _edited(self, message: Json) -> tuple[int, bytes]:
        words = self._reader.own_words(message) or ""
        message_id: int = message["message_id"]
        return message_id, fingerprint(self._vault, message_id, words)


def _interrupts(event: object, meaning: Meaning | None) -> bool:
    if isinstance(event, CallbackQuery):
        return event.data == "forget:yes"
    return meaning is not None and meaning.sort is Sort.COMMAND and meaning.command == "stop"


def _sender_in(raw: dict[str, Any]) -> Sender | None:
    """Whose update this is, as far as one that cannot be parsed says so."""
    for event in raw.values():
        user = event.get("from") if isinstance(event, dict) else None
        number = user.get("id") if isinstance(user, dict) else None
        if isinstance(number, bool) or not isinstance(number, int):
            continue
        if 0 < number <= LARGEST_USER_ID:
            return Sender(number)
    return None


def _cause(error: Exception) -> str:
    """What was wrong with an update, without a word of its content."""
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        return f"{'.'.join(str(part) for part in first['loc'])}: {first['type']}"[:200]
    return type(error).__name__
