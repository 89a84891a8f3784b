"""The messages that make one question: the person's own words and what they quote."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from bot.formatting.render import units
from common.sealing import Vault

LONG_PART_UNITS = 4000
"""From here on a text may be a part of a longer one that the client has cut."""
LONGEST_MESSAGE_UNITS = 4096


@dataclass(frozen=True)
class Words:
    """One message of a question."""

    text: str
    """The person's own words; empty for a forwarded message."""
    quoted: str | None = None
    """Somebody else's words and what else surrounds the message, marked as such."""
    message_id: int | None = None

    @property
    def is_long(self) -> bool:
        return units(self.text) >= LONG_PART_UNITS

    @property
    def for_model(self) -> str:
        return "\n\n".join(filter(None, (self.quoted, self.text)))


def own_text(messages: Sequence[Words]) -> str:
    """The person's own words as one text."""
    return _joined([(words.text, words.text) for words in messages if words.text])


def model_text(messages: Sequence[Words]) -> str:
    """The whole question as one text."""
    return _joined([(words.for_model, words.text) for words in messages])


def _joined(pieces: Sequence[tuple[str, str]]) -> str:
    # A client cuts a full part anywhere, a shorter one at a blank.
    whole = glue = ""
    for piece, own in pieces:
        whole += glue + piece
        glue = "" if units(own) >= LONGEST_MESSAGE_UNITS else "\n"
    return whole


def fingerprint(vault: Vault, message_id: int, text: str) -> bytes:
    """A keyed hash of what a message says: tells whether an edit changed it."""
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return vault.lookup(f"words:{digest}", message_id)


def dump(messages: Sequence[Words]) -> str:
    """How the messages share their text, to be kept beside it."""
    rows = [[words.message_id, len(words.text), words.quoted] for words in messages]
    return json.dumps(rows)


def load(text: str, dumped: str | None) -> tuple[Words, ...]:
    """The messages again, from their text and how they share it."""
    if dumped is None:
        return (Words(text),)
    messages, start, glue = [], 0, 0
    for message_id, length, quoted in json.loads(dumped):
        start += glue if length else 0
        own = text[start : start + length]
        messages.append(Words(own, quoted, message_id))
        if length:
            start += length
            glue = 0 if units(own) >= LONGEST_MESSAGE_UNITS else 1
    return tuple(messages)
