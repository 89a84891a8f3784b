"""Renders a model's Markdown as message parts that Telegram accepts.

Lengths are in UTF-16 units, as Telegram counts them.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate

from aiogram.types import MessageEntity

from bot.formatting.blocks import format_markdown
from bot.formatting.inline import TextSpan, utf16_length
from common.log import get_logger
from common.text import clean_text

__all__ = [
    "MessagePart",
    "plain_parts",
    "render",
    "shorter_parts",
    "utf16_length",
    "verbatim_parts",
    "without_entities",
]

MAX_PART_UNITS = 4000
"""Telegram accepts 4,096; the rest leaves room for a notice."""
MIN_PART_UNITS = 200
"""Parts shorter than this are not split again when Telegram calls them too long."""
MAX_ENTITIES = 99
"""Telegram ignores entities after the hundredth."""
# Split points from best to worst: after a paragraph, a line, a sentence, a word. A part should not
# begin with an indent, because Telegram drops it.
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
MIN_SHARE = 0.3
"""Split points before this share of the limit are not used."""

log = get_logger(__name__)


@dataclass(frozen=True)
class MessagePart:
    """One message: plain text and its entities, or a rich message."""

    text: str
    entities: tuple[MessageEntity, ...] = ()
    markdown: str | None = None
    """Content of a rich message, instead of text and entities."""


def render(
    markdown: str, *, limit: int = MAX_PART_UNITS, is_folded: bool = False
) -> list[MessagePart]:
    """The non-empty parts of an answer, each of at most `limit` units and `MAX_ENTITIES` entities.

    A split code block continues as a code block of the same language in the next part.

    With `is_folded` the whole text is a collapsed quote.
    """
    text = clean_text(markdown)
    try:
        plain, spans = format_markdown(text)
    except Exception as error:  # noqa: BLE001 # a paid answer must arrive, if unformatted
        log.warning("markdown not rendered", cause=type(error).__name__)
        plain, spans = text, []
    if is_folded:
        spans = [span for span in spans if "blockquote" not in span.type]
        spans = [TextSpan("expandable_blockquote", 0, utf16_length(plain)), *spans]
    return list(_split(plain, spans, limit)) or plain_parts(text, limit=limit)


def plain_parts(text: str, *, limit: int = MAX_PART_UNITS) -> list[MessagePart]:
    """The same for text without markup; at least one part."""
    return list(_split(clean_text(text), [], limit)) or [MessagePart("…")]


def verbatim_parts(title: str, text: str) -> list[MessagePart]:
    """A title, and below it a text in a code block, for copying."""
    whole = f"{clean_text(title)}\n\n{clean_text(text)}"
    start = utf16_length(clean_text(title)) + 2
    return list(_split(whole, [TextSpan("pre", start, utf16_length(whole))], MAX_PART_UNITS))


def folded_parts(text: str) -> list[MessagePart]:
    """A text verbatim, as a collapsed quote."""
    whole = clean_text(text)
    span = TextSpan("expandable_blockquote", 0, utf16_length(whole))
    return list(_split(whole, [span], MAX_PART_UNITS))


def without_entities(part: MessagePart) -> list[MessagePart]:
    """The part as plain text, with the URL after each link."""
    text = part.text.encode("utf-16-le")
    for entity in sorted(part.entities, key=lambda entity: entity.offset, reverse=True):
        if entity.url:
            end = (entity.offset + entity.length) * 2
            text = text[:end] + f" ({entity.url})".encode("utf-16-le") + text[end:]
    return plain_parts(text.decode("utf-16-le"))


def shorter_parts(part: MessagePart) -> list[MessagePart]:
    """The part split in two; unchanged if it is short already."""
    length = utf16_length(part.text)
    if length < MIN_PART_UNITS:
        return [part]
    spans = [
        TextSpan(
            entity.type, entity.offset, entity.offset + entity.length, entity.url, entity.language
        )
        for entity in part.entities
    ]
    return list(_split(part.text, spans, length // 2))


def _split(text: str, spans: list[TextSpan], limit: int) -> Iterator[MessagePart]:
    offsets = list(accumulate((2 if ord(c) > 0xFFFF else 1 for c in text), initial=0))  # noqa: PLR2004 # the last code point of one unit
    start = 0
    while start < len(text):
        while start < len(text) and text[start] == "\n":
            start += 1  # a message must not begin with a blank line
        spans = [span for span in spans if span.end > offsets[start]]
        end = _cut(text, offsets, start, min(limit, _room(spans, offsets[start])))
        body_end = start + len(text[start:end].rstrip())
        if body_end > start:
            yield MessagePart(
                text[start:body_end],
                tuple(_clip(spans, offsets[start], offsets[body_end])),
            )
        start = max(end, start + 1)


def _room(spans: list[TextSpan], start: int) -> int:
    """Units before the first span beyond the maximum number of entities."""
    if len(spans) <= MAX_ENTITIES:
        return MAX_PART_UNITS
    return max(spans[MAX_ENTITIES].start - start, 1)


def _cut(text: str, offsets: list[int], start: int, limit: int) -> int:
    farthest = bisect_right(offsets, offsets[start] + limit) - 1
    if farthest >= len(text):
        return len(text)
    nearest = start + int((farthest - start) * MIN_SHARE)
    for pattern in BREAKS:
        cut = None
        # A match may end beyond the part: trailing blanks are dropped anyway.
        for match in pattern.finditer(text, nearest, min(farthest + 2, len(text))):
            cut = min(match.end(), farthest)
        if cut:
            return cut
    return max(farthest, start + 1)


def _clip(spans: list[TextSpan], start: int, end: int) -> Iterator[MessageEntity]:
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
