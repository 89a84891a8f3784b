"""The content of a Markdown text, read from the parser's tree rather than the bot's renderer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from markdown_it import MarkdownIt
from markdown_it.token import Token

from bot.formatting.render import MessagePart

_parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
_COMMENT = re.compile("<!--.*?-->", re.DOTALL)
_TASK = re.compile(r"\[[ xX]\](?=\s)")
TELEGRAM_LINK = re.compile(r"https?://[^/?#\s]+\.[^/?#\s]")


@dataclass
class Reference:
    """The words of a text in order, its code, and where its links lead."""

    words: list[str] = field(default_factory=list)
    code: list[str] = field(default_factory=list)
    inline_code: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    targets_in_pictures: list[str] = field(default_factory=list)

    @property
    def letters(self) -> list[str]:
        return letters_of("".join(self.words))


def letters_of(text: str) -> list[str]:
    return [character for character in text if character.isalnum()]


def reference_of(markdown: str) -> Reference:
    """HTML is literal, its comments left out; task boxes, targets and info strings are no words."""
    found = Reference()
    before: list[str] = []
    for token in _parser.parse(markdown):
        children = list(token.children or [])
        if before[-2:] == ["list_item_open", "paragraph_open"] and children:
            children[0].content = _TASK.sub("", children[0].content, count=1)
        if token.type in ("fence", "code_block"):
            found.code.append(token.content)
            found.words.append(token.content)
        elif token.type == "html_block":
            found.words.append(_COMMENT.sub("", token.content))
        _read_inline(children, found, found.links)
        before.append(token.type)
    return found


def _read_inline(tokens: Sequence[Token], found: Reference, links: list[str]) -> None:
    for token in tokens:
        match token.type:
            case "html_inline":
                found.words.append(_COMMENT.sub("", token.content))
            case "code_inline":
                found.words.append(token.content)
                found.inline_code.append(token.content)
            case "text":
                found.words.append(token.content)
            case "link_open":
                links.append(str(token.attrs["href"]))
            case "image":
                _read_inline(token.children or [], found, found.targets_in_pictures)
            case _:
                pass


def first_lost(wanted: Sequence[str], text: str) -> str | None:
    """The surroundings of the first letter that the text lacks, in order."""
    there = iter(letters_of(text))
    for position, letter in enumerate(wanted):
        if letter not in there:
            return "".join(wanted[max(position - 40, 0) : position + 20])
    return None


def check_whole(markdown: str, parts: Sequence[MessagePart]) -> None:
    """No letter is lost, code is verbatim, links keep their target."""
    wanted = reference_of(markdown)
    text = "\n".join(part.text for part in parts)
    assert first_lost(wanted.letters, text) is None
    lines = {line.rstrip() for line in text.split("\n")}
    for code in wanted.code:
        for line in code.split("\n"):
            is_cut = len(line) > 3000  # longer than a message
            assert not line.strip() or line.rstrip() in lines or is_cut, line
    urls = {entity.url for part in parts for entity in part.entities}
    for target in wanted.targets_in_pictures:
        assert target in text
    for link in wanted.links:
        assert link in urls or link.removeprefix("mailto:") in text, link
        assert link in urls or not TELEGRAM_LINK.match(link), link
