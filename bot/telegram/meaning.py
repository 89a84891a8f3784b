"""What a message means to the bot: a question, a command, or something that it cannot answer.

Reads the message as it was sent, a JSON object: one field that cannot be parsed must not hide
the others.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from aiogram.enums import ContentType
from aiogram.types import MessageEntity

from common.vocabulary import ChatType

Json = dict[str, Any]

# Several of these may stand in one message: an animation is a document too.
CONTENT_KINDS = (
    "animation", "audio", "live_photo", "paid_media", "photo", "story", "video", "video_note",
    "voice", "document", "sticker", "checklist", "contact", "dice", "game", "poll", "venue",
    "location",
)  # fmt: skip
SERVICE_KINDS = tuple(
    kind.value
    for kind in ContentType
    if kind.value not in {*CONTENT_KINDS, "any", "text", "unknown"}
)
OTHER = "other"
FORWARD_FIELDS = (
    "forward_origin", "forward_date", "forward_from", "forward_from_chat", "forward_sender_name"
)  # fmt: skip
COMMAND = re.compile(r"/(?P<name>\w{1,64})(?:@(?P<mention>\w*))?(?P<tail>[.,!?:;…]*)(?=\s|$)")
# Characters that show nothing and that Python does not count as white space.
INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")


@dataclass(frozen=True)
class Identity:
    """Who the bot is on Telegram."""

    bot_id: int
    username: str


class Sort(StrEnum):
    QUESTION = "question"
    COMMAND = "command"
    UNKNOWN_COMMAND = "unknown_command"
    BLANK = "blank"
    REFUSED = "refused"
    """Content that the bot cannot read, without a word."""
    SERVICE = "service"
    """What a chat says by itself: an answer would surprise."""
    ASIDE = "aside"
    """Not said to the bot."""


JOINABLE = frozenset({Sort.QUESTION, Sort.REFUSED})


@dataclass(frozen=True)
class Meaning:
    """The sort of a message; of a command also its name."""

    sort: Sort
    command: str = ""
    refused_kind: str | None = None
    """What of it the bot cannot handle, from a bounded set: for the operator."""


BLANK = Meaning(Sort.BLANK, refused_kind="blank")


class Reader:
    """Reads what messages mean.

    Args:
        commands: the registered names.
    """

    def __init__(self, identity: Identity, commands: Collection[str]) -> None:
        self.identity = identity
        self.commands = frozenset(commands)
        self._name = f"@{identity.username}".lower()
        self._mention = re.compile(rf"(?<!\w){re.escape(self._name)}(?!\w)", re.IGNORECASE)

    def meaning(self, message: Json) -> Meaning:
        """The meaning of a message."""
        if not self.is_addressed(message):
            return Meaning(Sort.ASIDE)
        kind = content_kind(message)
        words = self.own_words(message)
        command = None if words is None or is_forward(message) else self.command_in(words)
        if words is None:
            refused = Meaning(Sort.REFUSED, refused_kind=kind)
            return refused if kind else Meaning(Sort.SERVICE, refused_kind=service_kind(message))
        if command and self._is_registered(command):
            return Meaning(Sort.COMMAND, command["name"].lower())
        if command:
            name = command["name"].lower()
            return Meaning(Sort.UNKNOWN_COMMAND, name, refused_kind="unknown_command")
        # In a group the bot's name alone, as a reply, asks about what it replies to.
        asks = is_forward(message) or (_is_reply(message) and not is_private(message))
        if is_blank(words) and not asks:
            return Meaning(Sort.REFUSED, refused_kind=kind) if kind else BLANK
        return Meaning(Sort.QUESTION, refused_kind=kind)

    def is_addressed(self, message: Json) -> bool:
        """Whether it is said to the bot: in private, by name, as a reply, or as its command."""
        if is_private(message):
            return True
        if message.get("is_automatic_forward"):
            return False
        if self._names_the_bot(message):
            return True
        command = None if is_forward(message) else COMMAND.match(words_of(message) or "")
        if command:
            return self._is_registered(command)
        return self._is_reply_to_the_bot(message) and not self._names_another_bot(message)

    def own_words(self, message: Json) -> str | None:
        """What was written, without the bot's name around it; None when there are no words.

        Of a forwarded message these are somebody else's words.
        """
        words = words_of(message)
        if words is None or is_private(message) or is_forward(message):
            return words
        return self.without_mention(words)

    def without_mention(self, words: str) -> str:
        """The text without the bot's name at its beginning or end."""
        stripped = words.strip()
        if (found := self._mention.match(stripped)) and found.start() == 0:
            stripped = stripped[found.end() :].lstrip(" ,:\n")
        if stripped.lower().endswith(self._name):
            stripped = stripped[: -len(self._name)].rstrip()
        return stripped

    def command_in(self, words: str) -> re.Match[str] | None:
        """The command that a text is, behind the bot's name too (`@bot /model`)."""
        return COMMAND.match(self.as_command(words))

    def as_command(self, words: str) -> str:
        """The text from its command on, if it is one behind the bot's name."""
        text = words.strip()
        found = self._mention.match(text)
        behind = text[found.end() :].lstrip(" ,:\n") if found else text
        return behind if behind.startswith("/") else text

    def _is_registered(self, command: re.Match[str]) -> bool:
        mention = command["mention"]
        is_ours = mention is None or f"@{mention}".lower() == self._name
        return is_ours and not command["tail"] and command["name"].lower() in self.commands

    def _names_the_bot(self, message: Json) -> bool:
        words = words_of(message) or ""
        # Clients mark mentions; a server that does not is understood as well. A command names
        # the bot in the same way (`/help@bot`), and that mark is the text's own.
        if self._mention.search(words) or re.match(
            rf"/\w+{re.escape(self._name)}(?!\w)", words.strip(), re.IGNORECASE
        ):
            return True
        return any(
            user.get("id") == self.identity.bot_id for _, user in _mentions(message, words) if user
        )

    def _names_another_bot(self, message: Json) -> bool:
        return any(
            (user is not None and user.get("is_bot") is True) or name.lower().endswith("bot")
            for name, user in _mentions(message, words_of(message) or "")
        )

    def _is_reply_to_the_bot(self, message: Json) -> bool:
        reply = message.get("reply_to_message")
        if not isinstance(reply, dict):
            return False
        author = reply.get("from")
        if not isinstance(author, dict) or author.get("id") != self.identity.bot_id:
            return False
        # Every message of a topic "replies" to the message that made the topic.
        is_root = message.get("is_topic_message") and (
            reply.get("message_id") == message.get("message_thread_id")
        )
        return not (is_root or "forum_topic_created" in reply)


def words_of(message: Json) -> str | None:
    """The text or caption of a message."""
    for field in ("text", "caption"):
        words = message.get(field)
        if isinstance(words, str):
            return words
    return None


def is_forward(message: Json) -> bool:
    """Whether somebody else's message was forwarded; one's own stays one's own."""
    if not any(message.get(field) for field in FORWARD_FIELDS):
        return False
    origin = message.get("forward_origin")
    author = origin.get("sender_user") if isinstance(origin, dict) else message.get("forward_from")
    sender = message.get("from")
    is_own = (
        isinstance(author, dict)
        and isinstance(sender, dict)
        and author.get("id") is not None
        and author.get("id") == sender.get("id")
    )
    return not is_own


def content_kind(message: Json) -> str | None:
    """What the message carries besides words, by Telegram's name."""
    return next((kind for kind in CONTENT_KINDS if message.get(kind) is not None), None)


def service_kind(message: Json) -> str:
    """Which event of a chat the message states."""
    return next((kind for kind in SERVICE_KINDS if message.get(kind) is not None), OTHER)


def is_blank(words: str) -> bool:
    """Whether nothing of the text can be seen."""
    return all(
        character.isspace()
        or character in INVISIBLE
        or unicodedata.category(character) in {"Cc", "Cf", "Zs", "Zl", "Zp"}
        for character in words
    )


def is_private(message: Json) -> bool:
    """Whether nobody else reads along; of a chat of a newer type its id tells."""
    chat = message.get("chat")
    if not isinstance(chat, dict):
        return False
    if chat.get("type") in set(ChatType):
        return bool(chat["type"] == ChatType.PRIVATE)
    number = chat.get("id")
    return isinstance(number, int) and number > 0


def _is_reply(message: Json) -> bool:
    return any(isinstance(message.get(f), dict) for f in ("reply_to_message", "external_reply"))


def _mentions(message: Json, words: str) -> list[tuple[str, Json | None]]:
    """Every mention: the name as it is written, and the account when it is stated."""
    found: list[tuple[str, Json | None]] = [
        (name, None) for name in re.findall(r"(?<!\w)@(\w{3,32})(?!\w)", words)
    ]
    command = COMMAND.match(words.strip())
    if command and command["mention"]:
        found.append((command["mention"], None))
    marked = message.get("entities") or message.get("caption_entities") or []
    for entity in marked if isinstance(marked, list) else []:
        if not isinstance(entity, dict) or entity.get("type") != "text_mention":
            continue
        if isinstance(user := entity.get("user"), dict):
            found.append((_extract(entity, words), user))
    return found


def _extract(entity: Json, words: str) -> str:
    offset, length = entity.get("offset"), entity.get("length")
    if not isinstance(offset, int) or not isinstance(length, int):
        return ""
    return MessageEntity(type="text_mention", offset=offset, length=length).extract_from(words)
