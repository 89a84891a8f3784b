"""Tells the answers that need a rich message of Telegram: the others stay text that can be copied.

Telegram parses the Markdown of a rich message itself (Bot API 10.1).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from markdown_it.token import Token

from bot.formatting.blocks import TASK
from bot.formatting.markdown import parse
from bot.formatting.render import MAX_PART_UNITS, MessagePart, utf16_length

MAX_RICH_CHARACTERS = 32_768
MAX_BLOCKS = 500
MAX_LEVELS = 16
MAX_COLUMNS = 20
"""Telegram refuses more of these."""
_POSSIBLY = re.compile(r"\||\$|\[[ xX]\]|<details", re.IGNORECASE)
_TAG = re.compile(r"</?\s*([A-Za-z][\w-]*)")
# Others could show a picture, a map or a button.
_HARMLESS_TAGS = frozenset(
    {
        *("b", "blockquote", "br", "code", "del", "details", "em", "hr", "i", "ins", "li", "mark"),
        *("ol", "p", "pre", "s", "strong", "sub", "summary", "sup", "u", "ul"),
    }
)


def rich_part(markdown: str) -> MessagePart | None:
    """The answer as one rich message, or None if it needs none, or Telegram would refuse it.

    It needs one for a table, formula, task list or details, and if one text message is too short.
    """
    if len(markdown) > MAX_RICH_CHARACTERS:
        return None
    is_long = utf16_length(markdown) > MAX_PART_UNITS
    if not is_long and not _POSSIBLY.search(markdown):
        return None
    tokens = list(_all(parse(markdown)))
    if _is_refused(tokens) or not (is_long or _has_rich_block(tokens)):
        return None
    return MessagePart(text="", markdown=markdown)


def _all(tokens: Iterable[Token]) -> Iterator[Token]:
    for token in tokens:
        yield token
        yield from _all(token.children or [])


def _has_rich_block(tokens: list[Token]) -> bool:
    return any(
        token.type in {"table_open", "formula", "formula_block"}
        or (token.type == "inline" and token.level > 1 and TASK.match(token.content))
        or (token.type.startswith("html") and "<details" in token.content.lower())
        for token in tokens
    )


def _is_refused(tokens: list[Token]) -> bool:
    """Whether Telegram would refuse it, or show what a text message would not."""
    blocks = sum(token.block and token.nesting >= 0 for token in tokens)
    columns = row = 0
    for token in tokens:
        row = 0 if token.type == "tr_open" else row + (token.type in {"th_open", "td_open"})
        columns = max(columns, row)
    return (
        blocks > MAX_BLOCKS
        or columns > MAX_COLUMNS
        or any(token.level > MAX_LEVELS or _is_out_of_place(token) for token in tokens)
    )


def _is_out_of_place(token: Token) -> bool:
    if token.type in {"formula", "formula_block"}:
        return not token.markup.startswith("$")  # no other marks in Telegram
    if token.type.startswith("html"):
        tags = {name.lower() for name in _TAG.findall(token.content)}
        return not tags <= _HARMLESS_TAGS
    target = str(token.attrs.get("href") or "")
    return token.type == "image" or target.lower().startswith("tg:")
