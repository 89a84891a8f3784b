"""Markdown from a model, as messages that Telegram accepts. Knows lengths, not chats.

Lengths are UTF-16 units, which is how Telegram counts.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate

from aiogram.types import MessageEntity

from bot.formatting.blocks import format_markdown
from bot.formatting.inline import Span, units
from common.log import get_logger

__all__ = [
    "Part",
    "plain_parts",
    "render",
    "sendable",
    "shorter_parts",
    "units",
    "verbatim_parts",
    "without_entities",
]

LONGEST_PART_UNITS = 4000
"""Telegram takes 4,096; the rest is room for a notice."""
SHORTEST_PART_UNITS = 200
"""A shorter one that is refused as too long is not cut again."""
MOST_ENTITIES = 99
"""Telegram ignores those after the hundredth."""
# From the best place to cut to the worst: after a paragraph, a line, a sentence, a word. The next
# part better not begin with an indent: Telegram drops it.
BREAKS = tuple(
    re.compile(pattern)
    for pattern in (
        r"\n[ \t]*\n+(?=\S)",
        r"\n(?=\S)",
        r"\n",
        r"[.!?…。\uff01\uff1f]+[\"'»”)]*\s+",
        r"\s+",
    )
)
SMALLEST_SHARE = 0.3
"""A cut that would leave a part shorter than this share of the limit is not a good one."""

log = get_logger(__name__)


@dataclass(frozen=True)
class Part:
    """One message: plain text, and what is bold, code or a link in it."""

    text: str
    entities: tuple[MessageEntity, ...] = ()


def sendable(text: str) -> str:
    """The text without what cannot be sent: NUL, and halves of surrogate pairs."""
    return text.encode("utf-8", "replace").decode().replace("\x00", "")


def render(
    markdown: str, *, limit: int = LONGEST_PART_UNITS, is_folded: bool = False
) -> list[Part]:
    """The parts of an answer, none empty, each at most `limit` units and `MOST_ENTITIES` entities.

    A code block that is cut continues as a code block of the same language in the next part.

    With `is_folded` the whole text is a quote that opens at a touch.
    """
    text = sendable(markdown)
    try:
        plain, spans = format_markdown(text)
    except Exception as error:  # noqa: BLE001 # an answer that was paid for arrives, if as it is
        log.warning("markdown not rendered", cause=type(error).__name__)
        plain, spans = text, []
    if is_folded:
        spans = [span for span in spans if "blockquote" not in span.type]
        spans = [Span("expandable_blockquote", 0, units(plain)), *spans]
    return list(_split(plain, spans, limit)) or plain_parts(text, limit=limit)


def plain_parts(text: str, *, limit: int = LONGEST_PART_UNITS) -> list[Part]:
    """The same for a text without any markup; always at least one part."""
    return list(_split(sendable(text), [], limit)) or [Part("…")]


def verbatim_parts(title: str, text: str) -> list[Part]:
    """A title, and under it a text as it is, which a touch copies."""
    whole = f"{sendable(title)}\n\n{sendable(text)}"
    start = units(sendable(title)) + 2
    return list(_split(whole, [Span("pre", start, units(whole))], LONGEST_PART_UNITS))


def without_entities(part: Part, *, limit: int = LONGEST_PART_UNITS) -> list[Part]:
    """The part as plain text, each link's target beside it."""
    text = part.text.encode("utf-16-le")
    for entity in sorted(part.entities, key=lambda entity: entity.offset, reverse=True):
        if entity.url:
            end = (entity.offset + entity.length) * 2
            text = text[:end] + f" ({entity.url})".encode("utf-16-le") + text[end:]
    return plain_parts(text.decode("utf-16-le"), limit=limit)


def shorter_parts(part: Part) -> list[Part]:
    """The part as shorter ones; as it is when it is short already."""
    length = units(part.text)
    if length < SHORTEST_PART_UNITS:
        return [part]
    spans = [
        Span(entity.type, entity.offset, entity.offset + entity.length, entity.url, entity.language)
        for entity in part.entities
    ]
    return list(_split(part.text, spans, length // 2))


def _split(text: str, spans: list[Span], limit: int) -> Iterator[Part]:
    offsets = list(accumulate((2 if ord(c) > 0xFFFF else 1 for c in text), initial=0))  # noqa: PLR2004 # the last code point of one unit
    start = 0
    while start < len(text):
        while start < len(text) and text[start] == "\n":
            start += 1  # a message may not begin with the blank line that it was cut at
        spans = [span for span in spans if span.end > offsets[start]]
        end = _cut(text, offsets, start, min(limit, _room(spans, offsets[start])))
        body_end = start + len(text[start:end].rstrip())
        if body_end > start:
            yield Part(
                text[start:body_end],
                tuple(_clip(spans, offsets[start], offsets[body_end])),
            )
        start = max(end, start + 1)


def _room(spans: list[Span], start: int) -> int:
    """Units up to the first span that is one too many."""
    if len(spans) <= MOST_ENTITIES:
        return LONGEST_PART_UNITS
    return max(spans[MOST_ENTITIES].start - start, 1)


def _cut(text: str, offsets: list[int], start: int, limit: int) -> int:
    farthest = bisect_right(offsets, offsets[start] + limit) - 1
    if farthest >= len(text):
        return len(text)
    nearest = start + int((farthest - start) * SMALLEST_SHARE)
    for pattern in BREAKS:
        cut = None
        # A break may begin inside the part and end behind it: the blanks are dropped anyway.
        for match in pattern.finditer(text, nearest, min(farthest + 2, len(text))):
            cut = min(match.end(), farthest)
        if cut:
            return cut
    return max(farthest, start + 1)


def _clip(spans: list[Span], start: int, end: int) -> Iterator[MessageEntity]:
    for span in spans:
        first, last = max(span.start, start), min(span.end, end)
        if first < last:
            yield MessageEntity(
                type=span.type,
                offset=first - start,
                length=last - first,
                url=span.url,
                language=span.language,
            )
