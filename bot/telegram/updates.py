"""Reads an update's kind, chat and sender."""

from __future__ import annotations

import re
from dataclasses import dataclass

from aiogram import types
from aiogram.types import (
    CallbackQuery,
    Message,
    MessageGenerationStopped,
    MessageReactionUpdated,
    Update,
)

from bot.telegram.intent import Json
from common.vocabulary import ChatType

LANGUAGE_TAG = re.compile("[A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8}){0,4}")


@dataclass(frozen=True)
class Chat:
    """A chat and, in a forum group, its topic (0: none)."""

    chat_id: int
    thread_id: int
    chat_type: ChatType

    @property
    def is_private(self) -> bool:
        return self.chat_type is ChatType.PRIVATE


@dataclass(frozen=True)
class TelegramUser:
    """A sender's account as stated by Telegram."""

    telegram_id: int
    username: str | None = None
    first_name: str = ""
    last_name: str | None = None
    language: str | None = None
    is_person: bool = True
    """False for the pseudonym of a group's anonymous admins and channels."""


def kind_of(update: Update) -> tuple[str, object]:
    """The update's kind and content; ("unknown", None) for kinds newer than the library."""
    try:
        kind = update.event_type
    except LookupError:
        # aiogram's error for an unknown kind is a LookupError.
        return "unknown", None
    return str(kind), getattr(update, kind)


def chat_of(update: Update) -> Chat | None:
    """The update's chat, if it has one."""
    _, event = kind_of(update)
    source = event.message if isinstance(event, CallbackQuery) else event
    there = getattr(source, "chat", None)
    if not isinstance(there, types.Chat):
        return None
    # A stopped draft names its topic, but no message.
    is_topic = bool(
        getattr(source, "is_topic_message", isinstance(source, MessageGenerationStopped))
    )
    thread_id = getattr(source, "message_thread_id", None) if is_topic else None
    return Chat(there.id, thread_id or 0, _chat_type(there))


def _chat_type(chat: types.Chat) -> ChatType:
    """The chat's type; an unknown type is derived from the sign of the id."""
    if chat.type in set(ChatType):
        return ChatType(chat.type)
    return ChatType.PRIVATE if chat.id > 0 else ChatType.SUPERGROUP


def telegram_user_of(event: object, chat: Chat | None) -> TelegramUser | None:
    """The author of a message, or the user who pressed a button or reacted; None for bots.

    Anonymous admins and channels share one pseudonym per chat, which is not a person.
    """
    if isinstance(event, Message) and event.sender_chat and chat and not chat.is_private:
        return TelegramUser(chat.chat_id, is_person=False)
    if isinstance(event, MessageGenerationStopped):
        # Drafts are in private chats only, and a private chat has its user's id.
        return TelegramUser(chat.chat_id) if chat and chat.is_private else None
    user = getattr(
        event, "user" if isinstance(event, MessageReactionUpdated) else "from_user", None
    )
    return as_telegram_user(user) if isinstance(user, types.User) and not user.is_bot else None


def migration_of(message: Json) -> tuple[int, int] | None:
    """The ids of a group and of the supergroup that it became, if the message states them."""
    here = message["chat"]["id"]
    to, origin = message.get("migrate_to_chat_id"), message.get("migrate_from_chat_id")
    if isinstance(to, int):
        return here, to
    return (origin, here) if isinstance(origin, int) else None


def as_telegram_user(user: types.User) -> TelegramUser:
    language = user.language_code or ""
    return TelegramUser(
        telegram_id=user.id,
        username=user.username,
        first_name=user.first_name,
        last_name=user.last_name,
        language=language if LANGUAGE_TAG.fullmatch(language) else None,
    )
