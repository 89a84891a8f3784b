"""Separates thinking that a model writes into its answer from the answer."""

from __future__ import annotations

import re
from dataclasses import dataclass

_OPEN = re.compile(r"\s*<(think|thinking)>", re.IGNORECASE)
# A tag in backticks is quoted text.
_CLOSE = re.compile(r"(?<!`)</(?:think|thinking)>(?!`)", re.IGNORECASE)
# Some templates open the block in the prompt: only its end arrives, on its own line.
_CLOSE_ALONE = re.compile(r"^[ \t]*</(?:think|thinking)>[ \t]*$", re.IGNORECASE | re.MULTILINE)
_FENCE = re.compile(r"^[ \t]*(```|~~~)", re.MULTILINE)
_TAGS = ("<think>", "<thinking>")
MAX_TAG = len("<thinking>")
OPENING = "<think>\n"


@dataclass(frozen=True)
class ThinkingSplit:
    """A model's text. `is_open`: the thinking was never closed."""

    answer: str
    thinking: str = ""
    is_open: bool = False


def split_thinking(text: str) -> ThinkingSplit:
    """Split the thinking from the answer."""
    thinking = ""
    while opened := _OPEN.match(text):
        closed = _CLOSE.search(text, opened.end())
        if closed is None:
            return ThinkingSplit("", thinking + text[opened.end() :], is_open=True)
        thinking += text[opened.end() : closed.start()]
        text = text[closed.end() :].lstrip()
    if not thinking and "</" in text and "</think" in text.lower():
        for closed in _CLOSE_ALONE.finditer(text):
            before = text[: closed.start()]
            if len(_FENCE.findall(before)) % 2 == 0:
                return ThinkingSplit(text[closed.end() :].lstrip(), before)
    return ThinkingSplit(text, thinking)


def visible_part(text: str) -> str:
    """The part of an unfinished text that can be shown: no thinking, no partial tag."""
    answer = split_thinking(text).answer
    start = answer.lstrip()[:MAX_TAG].lower()
    return "" if any(tag.startswith(start) for tag in _TAGS) else answer


def text_to_keep(text: str) -> str:
    """The text to store; unclosed thinking keeps its opening tag."""
    split = split_thinking(text)
    if split.is_open and split.thinking.strip():
        return OPENING + split.thinking.strip()
    return split.answer
