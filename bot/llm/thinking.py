"""Thinking that a model writes into its answer: told apart from the answer. Knows no chunks."""

from __future__ import annotations

import re
from dataclasses import dataclass

_OPEN = re.compile(r"\s*<(think|thinking)>", re.IGNORECASE)
# One in backticks is spoken of, not meant.
_CLOSE = re.compile(r"(?<!`)</(?:think|thinking)>(?!`)", re.IGNORECASE)
# Some templates open the block in the prompt: only its end arrives, on a line of its own.
_CLOSE_ALONE = re.compile(r"^[ \t]*</(?:think|thinking)>[ \t]*$", re.IGNORECASE | re.MULTILINE)
_FENCE = re.compile(r"^[ \t]*(```|~~~)", re.MULTILINE)
_TAGS = ("<think>", "<thinking>")
LONGEST_TAG = len("<thinking>")
OPENING = "<think>\n"


@dataclass(frozen=True)
class Split:
    """A text of a model. `is_open`: it began to think and never said that it had ended."""

    answer: str
    thinking: str = ""
    is_open: bool = False


def split_thinking(text: str) -> Split:
    """The answer, without the thinking before it."""
    thinking = ""
    while opened := _OPEN.match(text):
        closed = _CLOSE.search(text, opened.end())
        if closed is None:
            return Split("", thinking + text[opened.end() :], is_open=True)
        thinking += text[opened.end() : closed.start()]
        text = text[closed.end() :].lstrip()
    if not thinking and "</" in text and "</think" in text.lower():
        for closed in _CLOSE_ALONE.finditer(text):
            before = text[: closed.start()]
            if len(_FENCE.findall(before)) % 2 == 0:
                return Split(text[closed.end() :].lstrip(), before)
    return Split(text, thinking)


def shown_while_growing(text: str) -> str:
    """What of an unfinished text can be shown: no thinking, and no half of a tag."""
    answer = split_thinking(text).answer
    start = answer.lstrip()[:LONGEST_TAG].lower()
    return "" if any(tag.startswith(start) for tag in _TAGS) else answer


def keepable(text: str) -> str:
    """The text to keep as an answer: thinking without an end stays marked as what it is."""
    split = split_thinking(text)
    if split.is_open and split.thinking.strip():
        return OPENING + split.thinking.strip()
    return split.answer
