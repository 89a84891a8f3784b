"""Markdown from a model, as messages that Telegram accepts. Knows lengths, not chats.

Lengths are UTF-16 units, which is how Telegram counts.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

from telegramify_markdown import MessageEntity as RenderedEntity
from telegramify_markdown import RenderConfig, convert

from common.log import get_logger

LONGEST_PART_UNITS = 4000
"""Telegram takes 4,096; the rest is room for a notice."""
MOST_ENTITIES = 100
"""Telegram ignores the entities after these."""
# From the best place to cut to the worst: after a paragraph, a line, a sentence, a word.
BREAKS = tuple(
    re.compile(pattern)
    for pattern in (r"\n[ \t]*\n\s*", r"\n", r"[.!?…。\uff01\uff1f]+[\"'»”)]*\s+", r"\s+")
)
SMALLEST_SHARE = 0.3
"""A cut that would leave a part shorter than this share of the limit is not a good one."""

log = get_logger(__name__)


@dataclass(frozen=True)
class Part:
    """One message: plain text, and what is bold, code or a link in it."""

    text: str
    entities: tuple[RenderedEntity, ...] = ()

    def as_json(self) -> list[dict[str, Any]]:
        return [entity.to_dict() for entity in self.entities[:MOST_ENTITIES]]


def units(text: str) -> int:
    """Length in UTF-16 units; half a surrogate pair is one."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def sendable(text: str) -> str:
    """The text without what cannot be sent: NUL, and halves of surrogate pairs."""
    return text.encode("utf-8", "replace").decode().replace("\x00", "")


def render(markdown: str, *, limit: int = LONGEST_PART_UNITS) -> list[Part]:
    """The parts of an answer, none empty, each at most `limit` units.

    A code block that is cut continues as a code block of the same language in the next part.
    """
    text = sendable(markdown)
    try:
        rendered, entities = convert(text, latex_escape=False, config=_config())
    except BaseException as error:
        # The parser is native code: on input that it cannot handle it raises a panic, which is
        # no Exception. The answer goes out as it is then.
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        log.warning("markdown not rendered", cause=type(error).__name__)
        rendered, entities = text, []
    return list(_split(sendable(rendered), entities, limit)) or plain_parts(text, limit=limit)


def plain_parts(text: str, *, limit: int = LONGEST_PART_UNITS) -> list[Part]:
    """The same for a text without any markup; always at least one part."""
    return list(_split(sendable(text), [], limit)) or [Part("…")]


def _config() -> RenderConfig:
    config = RenderConfig.isolated()
    symbol = config.markdown_symbol
    symbol.heading_level_1 = symbol.heading_level_2 = ""
    symbol.heading_level_3 = symbol.heading_level_4 = ""
    return config


def _split(text: str, entities: list[RenderedEntity], limit: int) -> Iterator[Part]:
    offsets = list(accumulate((2 if ord(c) > 0xFFFF else 1 for c in text), initial=0))  # noqa: PLR2004 # the last code point of one unit
    start = 0
    while start < len(text):
        while start < len(text) and text[start] == "\n":
            start += 1  # a message may not begin with the blank line that it was cut at
        end = _cut(text, offsets, start, limit)
        body_end = start + len(text[start:end].rstrip())
        if body_end > start:
            yield Part(
                text[start:body_end],
                tuple(_clip(entities, offsets[start], offsets[body_end])),
            )
        start = max(end, start + 1)


def _cut(text: str, offsets: list[int], start: int, limit: int) -> int:
    farthest = bisect_right(offsets, offsets[start] + limit) - 1
    if farthest >= len(text):
        return len(text)
    nearest = start + int((farthest - start) * SMALLEST_SHARE)
    for pattern in BREAKS:
        cut = None
        # A break may begin inside the part and end behind it: the blanks are dropped anyway.
        for match in pattern.finditer(text, nearest, min(farthest + 1, len(text))):
            cut = min(match.end(), farthest)
        if cut:
            return cut
    return max(farthest, start + 1)


def _clip(entities: list[RenderedEntity], start: int, end: int) -> Iterator[RenderedEntity]:
    for entity in entities:
        first = max(entity.offset, start)
        last = min(entity.offset + entity.length, end)
        if first < last:
            yield replace(entity, offset=first - start, length=last - first)
