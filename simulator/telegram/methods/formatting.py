"""Formatted text: validates its entities and trims it as Telegram does.

Parse modes are not supported: the bot sends entities.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from simulator.telegram.errors import bad_request
from simulator.telegram.world import Json, utf16_length

MAX_ENTITIES = 100
"""Further ones are ignored."""
# Links need a host with a dot, or Telegram's own scheme.
_LINK = re.compile(r"(https?://)?[^\s/?#]+\.[^\s/?#]+([/?#]\S*)?|(tg|ton):\S+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class FormattedText:
    """Plain text and its entities (offsets and lengths in UTF-16 units)."""

    text: str
    entities: list[Json] = field(default_factory=list)


def format_text(text: str, entities: list[Any]) -> FormattedText:
    """The text as Telegram keeps it.

    Raises:
        BotApiError: an entity is invalid.
    """
    return _trimmed(FormattedText(text, checked_entities(text, entities)))


def checked_entities(text: str, entities: list[Any]) -> list[Json]:
    """The entities that Telegram keeps.

    Raises:
        BotApiError: one is out of bounds, splits a character or has an invalid link.
    """
    length = utf16_length(text)
    inside_pairs = _inside_pairs(text)
    for entity in entities:
        if not isinstance(entity, dict) or not isinstance(entity.get("type"), str):
            raise bad_request("can't parse MessageEntity: type must be a String")
        try:
            start, size = int(entity["offset"]), int(entity["length"])
        except (KeyError, TypeError, ValueError):
            raise bad_request("can't parse MessageEntity: offset and length are needed") from None
        if start < 0 or size < 0 or start > length:
            raise bad_request(f"entity begins at wrong UTF-16 offset {start}")
        if start + size > length:
            raise bad_request(
                f"entity beginning at UTF-16 offset {start} ends after the end of the text at"
                f" UTF-16 offset {start + size}"
            )
        if {start, start + size} & inside_pairs:
            raise bad_request(f"entity begins or ends in a middle of a UTF-16 symbol at {start}")
        if entity["type"] == "text_link" and not _LINK.fullmatch(str(entity.get("url"))):
            raise bad_request(f"entity URL '{entity.get('url')}' is invalid: Wrong HTTP URL")
    return [
        {name: value for name, value in entity.items() if value is not None}
        for entity in entities[:MAX_ENTITIES]
    ]


def _inside_pairs(text: str) -> set[int]:
    """Offsets inside characters of two UTF-16 units."""
    inside: set[int] = set()
    offset = 0
    for character in text:
        size = utf16_length(character)
        if size > 1:
            inside.add(offset + 1)
        offset += size
    return inside


def _trimmed(formatted: FormattedText) -> FormattedText:
    text = formatted.text.replace("\x00", "").rstrip()
    stripped = text.lstrip()
    if stripped == formatted.text:
        return formatted
    lead, end = utf16_length(text) - utf16_length(stripped), utf16_length(stripped)
    entities = []
    for entity in formatted.entities:
        start = max(entity["offset"] - lead, 0)
        stop = min(entity["offset"] + entity["length"] - lead, end)
        if stop > start:
            entities.append(entity | {"offset": start, "length": stop - start})
    return FormattedText(stripped, entities)
