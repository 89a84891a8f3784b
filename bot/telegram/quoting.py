"""Formats what a message replies to, quotes or forwards, for the model.

Every line of it is marked as quoted, so that its content cannot end the mark. Works on the raw
JSON, as `bot.telegram.intent` does.
"""

from __future__ import annotations

from dataclasses import dataclass

from bot.telegram.intent import (
    Json,
    content_kind,
    is_forward,
    text_of,
)
from bot.turns.question import name_on_one_line, quoted_block

MAX_QUOTED_CHARS = 4096
"""Telegram's maximum: a quoted message is complete and never longer."""

SPOKEN = ("voice", "video_note")


@dataclass(frozen=True)
class Quoter:
    """Formats quotes for one bot.

    Args:
        tells_names: authors in groups are called by their first name.
    """

    bot_id: int
    uses_first_names: bool = False

    def quoted(self, message: Json, *, is_read: bool = False) -> str | None:
        """The content that the message quotes, as text for the model; None if nothing.

        `is_read`: the model gets the message's file.
        """
        blocks = [*self._reply(message), *self._forward(message)]
        kind = content_kind(message)
        is_transcribed = is_read and kind in SPOKEN
        if kind and not is_forward(message) and not is_transcribed:
            unseen = "" if is_read else ", which you cannot see"
            blocks.append(f"[The message carries a {_named(kind)}{unseen}.]")
        return "\n".join(blocks) or None

    def _reply(self, message: Json) -> list[str]:
        reply = message.get("reply_to_message")
        external = message.get("external_reply")
        quote = message.get("quote")
        picked = quote.get("text") if isinstance(quote, dict) else None
        picked = picked if isinstance(picked, str) and picked.strip() else None
        blocks = []
        if isinstance(reply, dict) and "forum_topic_created" not in reply:
            text = _content(reply)
            if text:
                blocks.append(_block(f"In reply to a message {self._author(reply, message)}", text))
            if picked and picked.strip() != text.strip():
                blocks.append(_block("In particular this part of it", picked))
        elif isinstance(external, dict):
            text = "\n".join(filter(None, [_content(external), picked]))
            origin = _origin(external.get("origin"), self.bot_id)
            blocks.append(_block(f"In reply to a message of another chat{origin}", text))
        elif picked:
            blocks.append(_block("In reply to this", picked))
        return blocks

    def _forward(self, message: Json) -> list[str]:
        if not is_forward(message):
            return []
        origin = message.get("forward_origin") or _older_origin(message)
        return [_block(f"A message{_origin(origin, self.bot_id)}, forwarded", _content(message))]

    def _author(self, reply: Json, message: Json) -> str:
        """The author of the replied message."""
        author, asker = reply.get("from"), message.get("from")
        author_id = author.get("id") if isinstance(author, dict) else None
        if author_id == self.bot_id:
            return "that you wrote"
        if is_forward(reply):
            origin = reply.get("forward_origin") or _older_origin(reply)
            return f"forwarded{_origin(origin, self.bot_id)}"
        if isinstance(asker, dict) and author_id is not None and author_id == asker.get("id"):
            return "that the same person wrote"
        name = name_on_one_line(author.get("first_name")) if isinstance(author, dict) else ""
        if self.uses_first_names and name:
            return f"that {name} wrote"
        return "that somebody else wrote"


def _content(message: Json) -> str:
    """A message described as text."""
    lines = []
    if kind := content_kind(message):
        lines.append(f"[{_named(kind)}]")
    poll = message.get("poll")
    if isinstance(poll, dict):
        options = poll.get("options")
        texts = [poll.get("question")]
        texts += [
            f"- {option['text']}"
            for option in (options if isinstance(options, list) else [])
            if isinstance(option, dict) and isinstance(option.get("text"), str)
        ]
        lines += [text for text in texts if isinstance(text, str)]
    if text := text_of(message):
        lines.append(text)
    return "\n".join(lines)


def _block(title: str, text: str) -> str:
    if len(text) > MAX_QUOTED_CHARS:
        text = text[: MAX_QUOTED_CHARS - 1] + "…"
    return quoted_block(title, text)


def _origin(origin: object, bot_id: int) -> str:
    """The author of a forwarded message, if stated."""
    if not isinstance(origin, dict):
        return ""
    user = origin.get("sender_user")
    if isinstance(user, dict):
        if user.get("id") == bot_id:
            return " that you wrote"
        name = " ".join(
            filter(None, (name_on_one_line(user.get(f)) for f in ("first_name", "last_name")))
        )
        return f" by {name}" if name else ""
    for field in ("chat", "sender_chat"):
        chat = origin.get(field)
        if isinstance(chat, dict):
            title = name_on_one_line(chat.get("title") or chat.get("username"))
            signature = name_on_one_line(origin.get("author_signature"))
            where = f" of “{title}”" if title else ""
            return f"{where}, signed {signature}" if signature else where
    name = name_on_one_line(origin.get("sender_user_name"))
    return f" by {name}" if name else ""


def _older_origin(message: Json) -> Json:
    """The origin as servers stated it before `forward_origin`."""
    return {
        "sender_user": message.get("forward_from"),
        "chat": message.get("forward_from_chat"),
        "author_signature": message.get("forward_signature"),
        "sender_user_name": message.get("forward_sender_name"),
    }


def _named(kind: str) -> str:
    return kind.replace("_", " ")
