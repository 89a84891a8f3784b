"""Parses the intent of a message: a question, a command, or something that is not supported.

Works on the raw JSON, so that one field that cannot be parsed does not hide the others.
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

from bot.telegram.attachments import AttachmentFinder
from common.vocabulary import ChatType

MAX_RICH_DEPTH = 50
RICH_FIELDS = (
    ("summary", ""), ("text", ""), ("expression", ""), ("blocks", "\n"), ("items", "\n"),
    ("cells", "\n"),
)  # fmt: skip
"""Fields of blocks that hold text, and the glue between its pieces."""
Json = dict[str, Any]

# A message may have several of these: an animation is a document, too.
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
# Invisible characters that Python does not count as white space.
INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")


@dataclass(frozen=True)
class BotIdentity:
    """The bot's id and username on Telegram."""

    bot_id: int
    username: str


class IntentKind(StrEnum):
    QUESTION = "question"
    COMMAND = "command"
    UNKNOWN_COMMAND = "unknown_command"
    BLANK = "blank"
    REFUSED = "refused"
    """Unsupported content without a text."""
    SERVICE = "service"
    """A service message of the chat, which needs no answer."""
    NOT_ADDRESSED = "aside"
    """Not addressed to the bot."""


JOINABLE = frozenset({IntentKind.QUESTION, IntentKind.REFUSED})


@dataclass(frozen=True)
class Intent:
    """The kind of a message, and the name of a command."""

    kind: IntentKind
    command: str = ""
    refused_kind: str | None = None
    """Unsupported content, from a bounded set: counted for the operator."""


BLANK = Intent(IntentKind.BLANK, refused_kind="blank")


class IntentParser:
    """Parses the intent of messages.

    Args:
        commands: the registered commands.
        admin_commands: commands of the operators, unknown to others.
        admin_ids: Telegram ids of the operators.
        attachments: finds the files that the bot reads.
    """

    def __init__(
        self,
        identity: BotIdentity,
        commands: Collection[str],
        *,
        admin_commands: Collection[str] = (),
        admin_ids: Collection[int] = (),
        attachments: AttachmentFinder | None = None,
    ) -> None:
        self.identity = identity
        self.attachments = attachments or AttachmentFinder()
        self.commands = frozenset(commands)
        self._admin_commands = frozenset(admin_commands)
        self._admin_ids = frozenset(admin_ids)
        self._name = f"@{identity.username}".lower()
        self._mention = re.compile(rf"(?<!\w){re.escape(self._name)}(?!\w)", re.IGNORECASE)

    def parse(self, message: Json) -> Intent:
        """The intent of a message."""
        if not self.is_addressed(message):
            return Intent(IntentKind.NOT_ADDRESSED)
        is_read = self.attachments.find(message) is not None
        kind = None if is_read else content_kind(message)
        text = self.own_text(message)
        command = None if text is None or is_forward(message) else self.command_in(text)
        if text is None and not is_read:
            refused = Intent(IntentKind.REFUSED, refused_kind=kind)
            return (
                refused if kind else Intent(IntentKind.SERVICE, refused_kind=service_kind(message))
            )
        if command and self._is_registered(command, message):
            return Intent(IntentKind.COMMAND, command["name"].lower())
        if command:
            name = command["name"].lower()
            return Intent(IntentKind.UNKNOWN_COMMAND, name, refused_kind="unknown_command")
        # In a group, a reply with only the bot's name asks about the replied message.
        asks = is_read or is_forward(message) or (_is_reply(message) and not is_private(message))
        if not asks and is_blank(text or ""):
            return Intent(IntentKind.REFUSED, refused_kind=kind) if kind else BLANK
        return Intent(IntentKind.QUESTION, refused_kind=kind)

    def is_addressed(self, message: Json) -> bool:
        """Whether it is addressed to the bot: in private, by name, as a reply, or by command."""
        if is_private(message):
            return True
        if message.get("is_automatic_forward"):
            return False
        if self._names_the_bot(message):
            return True
        command = None if is_forward(message) else COMMAND.match(text_of(message) or "")
        if command:
            return self._is_registered(command, message)
        return self._is_reply_to_the_bot(message) and not self._names_another_bot(message)

    def own_text(self, message: Json) -> str | None:
        """The text without the bot's name around it; None without a text.

        For a forwarded message it is someone else's text.
        """
        text = text_of(message)
        if text is None or is_private(message) or is_forward(message):
            return text
        return self.without_mention(text)

    def without_mention(self, text: str) -> str:
        """The text without the bot's name at its start or end."""
        stripped = text.strip()
        if (found := self._mention.match(stripped)) and found.start() == 0:
            stripped = stripped[found.end() :].lstrip(" ,:\n")
        if stripped.lower().endswith(self._name):
            stripped = stripped[: -len(self._name)].rstrip()
        return stripped

    def command_in(self, text: str) -> re.Match[str] | None:
        """The command at the start of a text or after the bot's name (`@bot /model`)."""
        return COMMAND.match(self.as_command(text))

    def as_command(self, text: str) -> str:
        """The text without the bot's name before a command."""
        stripped = text.strip()
        found = self._mention.match(stripped)
        behind = stripped[found.end() :].lstrip(" ,:\n") if found else stripped
        return behind if behind.startswith("/") else stripped

    def _is_registered(self, command: re.Match[str], message: Json) -> bool:
        mention = command["mention"]
        is_ours = mention is None or f"@{mention}".lower() == self._name
        if not is_ours or command["tail"]:
            return False
        name = command["name"].lower()
        return name in self.commands or (name in self._admin_commands and self._is_admin(message))

    def _is_admin(self, message: Json) -> bool:
        sender = message.get("from")
        return isinstance(sender, dict) and sender.get("id") in self._admin_ids

    def _names_the_bot(self, message: Json) -> bool:
        text = text_of(message) or ""
        # Searched in the text, because not every server marks mentions. A command names the bot
        # in the same way (`/help@bot`).
        if self._mention.search(text) or re.match(
            rf"/\w+{re.escape(self._name)}(?!\w)", text.strip(), re.IGNORECASE
        ):
            return True
        return any(
            user.get("id") == self.identity.bot_id for _, user in _mentions(message, text) if user
        )

    def _names_another_bot(self, message: Json) -> bool:
        return any(
            (user is not None and user.get("is_bot") is True) or name.lower().endswith("bot")
            for name, user in _mentions(message, text_of(message) or "")
        )

    def _is_reply_to_the_bot(self, message: Json) -> bool:
        reply = message.get("reply_to_message")
        if not isinstance(reply, dict):
            return False
        author = reply.get("from")
        if not isinstance(author, dict) or author.get("id") != self.identity.bot_id:
            return False
        # Every message of a topic "replies" to the message that created the topic.
        is_root = message.get("is_topic_message") and (
            reply.get("message_id") == message.get("message_thread_id")
        )
        return not (is_root or "forum_topic_created" in reply)


def text_of(message: Json) -> str | None:
    """The text or caption of a message."""
    for field in ("text", "caption"):
        text = message.get(field)
        if isinstance(text, str):
            return text
    rich = message.get("rich_message")
    return _rich_text(rich.get("blocks"), "\n", MAX_RICH_DEPTH) if isinstance(rich, dict) else None


def _rich_text(value: object, between: str, depth: int) -> str:
    """The text of a rich message's blocks, one on a line."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        inside = " | " if between == "\n" else between  # the cells of a row
        return between.join(_rich_text(one, inside, depth - 1) for one in value) if depth else ""
    if not isinstance(value, dict) or not depth:
        return ""
    inner = [
        _rich_text(value[field], glue, depth - 1) for field, glue in RICH_FIELDS if field in value
    ]
    return "\n".join(filter(None, inner))


def is_forward(message: Json) -> bool:
    """Whether someone else's message was forwarded; forwarding one's own does not count."""
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
    """Telegram's name of the content besides text, if there is any."""
    return next((kind for kind in CONTENT_KINDS if message.get(kind) is not None), None)


def service_kind(message: Json) -> str:
    """Telegram's name of a service message."""
    return next((kind for kind in SERVICE_KINDS if message.get(kind) is not None), OTHER)


def is_blank(text: str) -> bool:
    """Whether the text has no visible character."""
    return all(
        character.isspace()
        or character in INVISIBLE
        or unicodedata.category(character) in {"Cc", "Cf", "Zs", "Zl", "Zp"}
        for character in text
    )


def is_private(message: Json) -> bool:
    """Whether the chat is private; chats of an unknown type are told by the sign of their id."""
    chat = message.get("chat")
    if not isinstance(chat, dict):
        return False
    if chat.get("type") in set(ChatType):
        return bool(chat["type"] == ChatType.PRIVATE)
    number = chat.get("id")
    return isinstance(number, int) and number > 0


def _is_reply(message: Json) -> bool:
    return any(isinstance(message.get(f), dict) for f in ("reply_to_message", "external_reply"))


def _mentions(message: Json, text: str) -> list[tuple[str, Json | None]]:
    """Every mention: the name as written, and the account if it is stated."""
    found: list[tuple[str, Json | None]] = [
        (name, None) for name in re.findall(r"(?<!\w)@(\w{3,32})(?!\w)", text)
    ]
    command = COMMAND.match(text.strip())
    if command and command["mention"]:
        found.append((command["mention"], None))
    marked = message.get("entities") or message.get("caption_entities") or []
    for entity in marked if isinstance(marked, list) else []:
        if not isinstance(entity, dict) or entity.get("type") != "text_mention":
            continue
        if isinstance(user := entity.get("user"), dict):
            found.append((_extract(entity, text), user))
    return found


def _extract(entity: Json, text: str) -> str:
    offset, length = entity.get("offset"), entity.get("length")
    if not isinstance(offset, int) or not isinstance(length, int):
        return ""
    return MessageEntity(type="text_mention", offset=offset, length=length).extract_from(text)
