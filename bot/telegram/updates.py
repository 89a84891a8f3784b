"""Reads an update of Telegram: its kind, its chat and its sender."""

from __future__ import annotations

import re
from dataclasses import dataclass

from aiogram.types import CallbackQuery, Chat, Message, Update
from aiogram.types import User as TelegramUser

from bot.telegram.meaning import Json
from common.vocabulary import ChatType

LANGUAGE_TAG = re.compile("[A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8}){0,4}")


@dataclass(frozen=True)
class Place:
    """Where a conversation happens: a chat and, in a forum group, a topic (0: none)."""

    chat_id: int
    thread_id: int
    chat_type: ChatType

    @property
    def is_private(self) -> bool:
        return self.chat_type is ChatType.PRIVATE


@dataclass(frozen=True)
class Sender:
    """What Telegram says about an account."""

    telegram_id: int
    username: str | None = None
    first_name: str = ""
    last_name: str | None = None
    language: str | None = None
    is_person: bool = True
    """False for the pseudonym of a group's anonymous admins and channels."""


def kind_of(update: Update) -> tuple[str, object]:
    """The update's kind and its content; ("unknown", None) for kinds newer than the library."""
    try:
        kind = update.event_type
    except LookupError:
        # The library's own error for an update of no known kind is a LookupError.
        return "unknown", None
    return str(kind), getattr(update, kind)


def place_of(update: Update) -> Place | None:
    """Where the update happened, when it happened in a chat."""
    _, event = kind_of(update)
    source = event.message if isinstance(event, CallbackQuery) else event
    chat = getattr(source, "chat", None)
    if not isinstance(chat, Chat):
        return None
    is_topic = bool(getattr(source, "is_topic_message", False))
    thread_id = getattr(source, "message_thread_id", None) if is_topic else None
    return Place(chat.id, thread_id or 0, _chat_type(chat))


def _chat_type(chat: Chat) -> ChatType:
    """The chat's type; of a newer one, what its id tells."""
    if chat.type in set(ChatType):
        return ChatType(chat.type)
    return ChatType.PRIVATE if chat.id > 0 else ChatType.SUPERGROUP


def sender_of(event: object, place: Place | None) -> Sender | None:
    """Who wrote or pressed; None for bots.

    Anonymous admins and channels are one sender of their chat, who is no person.
    """
    if isinstance(event, Message) and event.sender_chat and place and not place.is_private:
        return Sender(place.chat_id, is_person=False)
    user = getattr(event, "from_user", None)
    return as_sender(user) if isinstance(user, TelegramUser) and not user.is_bot else None


def migration_of(message: Json) -> tuple[int, int] | None:
    """The ids of a group and of the supergroup that it became, when the message states it."""
    here = message["chat"]["id"]
    to, origin = message.get("migrate_to_chat_id"), message.get("migrate_from_chat_id")
    if isinstance(to, int):
        return here, to
    return (origin, here) if isinstance(origin, int) else None


def as_sender(user: TelegramUser) -> Sender:
    language = user.language_code or ""
    return Sender(
        telegram_id=user.id,
        username=user.username,
        first_name=user.first_name,
        last_name=user.last_name,
        language=language if LANGUAGE_TAG.fullmatch(language) else None,
    )
