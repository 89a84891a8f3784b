"""Simulated users and chats, and the content of their updates."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

Json = dict[str, Any]

_COMMAND = re.compile(r"/[A-Za-z0-9_]{1,32}(@[A-Za-z0-9_]+)?(?=\s|$)")
# Telegram's servers replace these by spaces.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f]")
LAST_OF_ONE_UNIT = 0xFFFF
"""Characters above this need two UTF-16 units."""
MAX_TEXT = 4096
"""UTF-16 units of one message."""


def utf16_length(text: str) -> int:
    """Length in UTF-16 units, as Telegram counts; a lone surrogate counts one."""
    return len(text) + sum(1 for character in text if ord(character) > LAST_OF_ONE_UNIT)


def normalize_text(text: str) -> str:
    """The text as a client sends it: without control characters and outer spaces."""
    return _CONTROL.sub(" ", text.replace("\r\n", "\n")).strip()


def split_long(text: str) -> list[str]:
    """Split into parts of at most MAX_TEXT UTF-16 units, as clients do; never inside a pair."""
    parts: list[str] = []
    start = used = 0
    for position, character in enumerate(text):
        units = 2 if ord(character) > LAST_OF_ONE_UNIT else 1
        if used + units > MAX_TEXT:
            parts.append(text[start:position])
            start, used = position, 0
        used += units
    parts.append(text[start:])
    return [sent for part in parts if (sent := normalize_text(part))]


class SimUser(BaseModel):
    """A simulated user."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: int = 1001
    first_name: str = "Ada"
    last_name: str | None = None
    username: str | None = None
    language_code: str | None = "en"
    is_bot: bool = False

    def as_user(self) -> Json:
        return {"id": self.id, "is_bot": self.is_bot} | self.model_dump(
            exclude={"id", "is_bot"}, exclude_none=True
        )

    def private_chat(self) -> SimChat:
        return SimChat(
            id=self.id,
            type="private",
            first_name=self.first_name,
            last_name=self.last_name,
            username=self.username,
        )


class SimChat(BaseModel):
    """A simulated chat."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: int
    type: str = Field(default="private", pattern="^(private|group|supergroup|channel)$")
    title: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    username: str | None = None
    is_forum: bool | None = None

    def as_chat(self) -> Json:
        return self.model_dump(exclude_none=True)


def command_entities(text: str) -> list[Json]:
    """The `bot_command` entities of a text."""
    return [
        {
            "type": "bot_command",
            "offset": utf16_length(text[: match.start()]),
            "length": len(match[0]),
        }
        for match in _COMMAND.finditer(text)
        if match.start() == 0 or text[match.start() - 1].isspace()
    ]


def is_command(text: str, *, registered: frozenset[str], username: str) -> bool:
    """Whether the text is one of a bot's commands."""
    first = text.split(maxsplit=1)[0] if text.strip() else ""
    if not first.startswith("/"):
        return False
    command, _, addressee = first[1:].partition("@")
    return command in registered and (not addressee or addressee.lower() == username.lower())


def is_like_a_command(text: str) -> bool:
    """Whether the text looks like a command, whether it exists or not."""
    return re.match(r"\s*/\w{1,64}(@\w*)?[.,!?:;…]*(?=\s|$)", text) is not None


def text_message(
    text: str,
    *,
    message_id: int,
    person: SimUser,
    chat: SimChat,
    date: int,
    thread_id: int | None = None,
    reply_to: Json | None = None,
) -> Json:
    """A `Message` object with a text."""
    message: Json = {
        "message_id": message_id,
        "from": person.as_user(),
        "chat": chat.as_chat(),
        "date": date,
        "text": text,
    }
    if entities := command_entities(text):
        message["entities"] = entities
    if thread_id is not None:
        message["message_thread_id"] = thread_id
        message["is_topic_message"] = True
    if reply_to is not None:
        message["reply_to_message"] = reply_to
    return message


def reaction_change(
    *, person: SimUser, chat: SimChat, message_id: int, old: Iterable[str], new: Iterable[str]
) -> Json:
    """A `MessageReactionUpdated` object: a user's reactions before and after, each an emoji."""
    before, after = ([{"type": "emoji", "emoji": one} for one in each] for each in (old, new))
    return {
        "chat": chat.as_chat(),
        "message_id": message_id,
        "user": person.as_user(),
        "date": int(time.time()),
        "old_reaction": before,
        "new_reaction": after,
    }


def membership_change(
    *, bot: Json, person: SimUser, chat: SimChat, date: int, old: str, new: str
) -> Json:
    """A `ChatMemberUpdated` object about the bot itself; `kicked` in a private chat is a block."""
    return {
        "chat": chat.as_chat(),
        "from": person.as_user(),
        "date": date,
        "old_chat_member": _membership(bot, old),
        "new_chat_member": _membership(bot, new),
    }


def _membership(user: Json, status: str) -> Json:
    return {"user": user, "status": status} | ({"until_date": 0} if status == "kicked" else {})
