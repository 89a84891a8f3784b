"""Validates message entities as Telegram does."""

from __future__ import annotations

import re
from typing import Any

from simulator.telegram.errors import bad_request
from simulator.telegram.world import Json, utf16_length

MAX_ENTITIES = 100
"""Further ones are ignored."""
# Links need a host with a dot, or Telegram's own scheme.
_LINK = re.compile(r"(https?://)?[^\s/?#]+\.[^\s/?#]+([/?#]\S*)?|(tg|ton):\S+", re.IGNORECASE)


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
