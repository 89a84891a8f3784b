"""Formatted text as the Bot API reads it: parse modes, entities, and their refusals.

Strict about what Telegram is strict about (balance, reserved characters, bounds); which styles
may nest is not checked.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field
from typing import Any

from simulator.telegram.errors import BotApiError, bad_request
from simulator.telegram.methods.entities import checked_entities
from simulator.telegram.world import Json, utf16_length

_HTML_TAGS = {
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "u": "underline",
    "ins": "underline",
    "s": "strikethrough",
    "strike": "strikethrough",
    "del": "strikethrough",
    "span": "spoiler",
    "tg-spoiler": "spoiler",
    "tg-emoji": "custom_emoji",
    "tg-time": "date_time",
    "a": "text_link",
    "code": "code",
    "pre": "pre",
    "blockquote": "blockquote",
}
_HTML_TOKEN = re.compile(
    r"<(?P<close>/?)(?P<tag>[A-Za-z][A-Za-z0-9-]*)(?P<attributes>[^<>]*)>|(?P<stray><)"
)
_ATTRIBUTE = re.compile(r"""([\w-]+)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""")
_MARKDOWN_RESERVED = frozenset("_*[]()~`>#+-=|{}.!")
_MARKDOWN_STYLES = {
    "||": "spoiler",
    "__": "underline",
    "*": "bold",
    "_": "italic",
    "~": "strikethrough",
}
_LEGACY_TOKEN = re.compile(
    r"```(?P<pre>.*?)```|`(?P<code>[^`]*)`|\\(?P<escaped>[_*`\[])"
    r"|\*(?P<bold>[^*]*)\*|_(?P<italic>[^_]*)_"
    r"|\[(?P<label>[^\]]*)\]\((?P<url>[^)]*)\)|(?P<stray>[*_`])",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class FormattedText:
    """Plain text and its entities (offsets and lengths in UTF-16 units)."""

    text: str
    entities: list[Json] = field(default_factory=list)


def format_text(
    text: str, *, parse_mode: str = "", entities: list[Any] | None = None
) -> FormattedText:
    """Read a text as `parse_mode` says, or check the entities that came with it.

    Raises:
        ApiError: 400 "can't parse entities", or an entity out of bounds.
    """
    match parse_mode.lower():
        case "":
            formatted = FormattedText(text, checked_entities(text, entities or []))
        case "html":
            formatted = _from_html(text)
        case "markdownv2":
            formatted = _MarkdownV2(text).parse()
        case "markdown":
            formatted = _from_legacy_markdown(text)
        case _:
            raise bad_request("unsupported parse_mode")
    return _trimmed(formatted)


def cannot_parse(problem: str) -> BotApiError:
    return bad_request(f"can't parse entities: {problem}")


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


def _byte_offset(text: str, position: int) -> int:
    return len(text[:position].encode("utf-8", "surrogatepass"))


def _from_html(text: str) -> FormattedText:
    plain: list[str] = []
    length = 0
    open_tags: list[tuple[str, int, Json, int]] = []
    entities: list[Json] = []
    position = 0
    for token in _HTML_TOKEN.finditer(text):
        chunk = html.unescape(text[position : token.start()])
        plain.append(chunk)
        length += utf16_length(chunk)
        position = token.end()
        offset = _byte_offset(text, token.start())
        if token["stray"]:
            raise cannot_parse(f'Unsupported start tag "" at byte offset {offset}')
        tag = token["tag"].lower()
        if token["close"]:
            if not open_tags:
                raise cannot_parse(f"Unexpected end tag at byte offset {offset}")
            name, start, extra, _ = open_tags.pop()
            if name != tag:
                raise cannot_parse(
                    f'Unmatched end tag at byte offset {offset}, expected "</{name}>",'
                    f' found "</{tag}>"'
                )
            if length > start:
                entities.append({**extra, "offset": start, "length": length - start})
            continue
        open_tags.append((tag, length, _html_entity(tag, token["attributes"], offset), offset))
    if open_tags:
        name, _, _, offset = open_tags[-1]
        raise cannot_parse(
            f'Can\'t find end tag corresponding to start tag "{name}" at byte offset {offset}'
        )
    plain.append(html.unescape(text[position:]))
    return FormattedText("".join(plain), sorted(entities, key=lambda entity: int(entity["offset"])))


def _html_entity(tag: str, attributes: str, offset: int) -> Json:
    values = {
        match[1].lower(): html.unescape(match[2] or match[3] or match[4] or "")
        for match in _ATTRIBUTE.finditer(attributes)
    }
    if tag not in _HTML_TAGS:
        raise cannot_parse(f'Unsupported start tag "{tag}" at byte offset {offset}')
    if tag == "span" and values.get("class") != "tg-spoiler":
        raise cannot_parse(f'Tag "span" must have class "tg-spoiler" at byte offset {offset}')
    if tag == "a":
        return {"type": "text_link", "url": values.get("href", "")}
    language = values.get("class", "").removeprefix("language-")
    if tag == "code" and language:
        return {"type": "code", "language": language}
    return {"type": _HTML_TAGS[tag]}


class _MarkdownV2:
    """One pass over a MarkdownV2 text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._plain: list[str] = []
        self._length = 0
        self._entities: list[Json] = []
        self._open: list[tuple[str, int, int]] = []

    def parse(self) -> FormattedText:
        while self._at < len(self._text):
            if not (self._escape() or self._fence() or self._style() or self._bracket()):
                self._plain_character()
        if self._open:
            marker, _, position = self._open[-1]
            raise self._no_end(_MARKDOWN_STYLES.get(marker, "TextUrl"), position)
        return FormattedText(
            "".join(self._plain), sorted(self._entities, key=lambda entity: int(entity["offset"]))
        )

    def _escape(self) -> bool:
        following = self._text[self._at + 1 : self._at + 2]
        if self._text[self._at] != "\\" or not following.isascii() or not following:
            return False
        self._emit(following)
        self._at += 2
        return True

    def _fence(self) -> bool:
        if self._text.startswith("```", self._at):
            self._code("```", "pre")
        elif self._text[self._at] == "`":
            self._code("`", "code")
        else:
            return False
        return True

    def _style(self) -> bool:
        if self._text.startswith("**>", self._at):
            self._at += len("**")
            return True
        marker = next((m for m in _MARKDOWN_STYLES if self._text.startswith(m, self._at)), None)
        if marker is None:
            return False
        self._toggle(marker)
        return True

    def _bracket(self) -> bool:
        if self._text[self._at] == "[" or self._text.startswith("![", self._at):
            self._open.append(("[", self._length, self._at))
            self._at += 1 if self._text[self._at] == "[" else 2
        elif self._text[self._at] == "]" and self._open and self._open[-1][0] == "[":
            self._link()
        else:
            return False
        return True

    def _plain_character(self) -> None:
        character = self._text[self._at]
        starts_line = self._at == 0 or self._text[self._at - 1] in "\n*"
        quotes = character == ">" and starts_line
        if character in _MARKDOWN_RESERVED and not quotes:
            raise cannot_parse(
                f"Character '{character}' is reserved and must be escaped with the preceding '\\'"
            )
        if not quotes:
            self._emit(character)
        self._at += 1

    def _emit(self, chunk: str) -> None:
        self._plain.append(chunk)
        self._length += utf16_length(chunk)

    def _no_end(self, style: str, position: int) -> BotApiError:
        offset = _byte_offset(self._text, position)
        return cannot_parse(f"Can't find end of {style.title()} entity at byte offset {offset}")

    def _toggle(self, marker: str) -> None:
        if self._open and self._open[-1][0] == marker:
            _, start, _ = self._open.pop()
            self._close({"type": _MARKDOWN_STYLES[marker]}, start)
        elif any(opened == marker for opened, _, _ in self._open):
            raise self._no_end(
                _MARKDOWN_STYLES.get(self._open[-1][0], "TextUrl"), self._open[-1][2]
            )
        else:
            self._open.append((marker, self._length, self._at))
        self._at += len(marker)

    def _close(self, entity: Json, start: int) -> None:
        if self._length > start:
            self._entities.append(entity | {"offset": start, "length": self._length - start})

    def _until(self, end: str, position: int, style: str) -> tuple[str, int]:
        """Text up to an unescaped `end`, and the position after it."""
        found: list[str] = []
        at = position
        while at < len(self._text):
            if self._text[at] == "\\" and at + 1 < len(self._text):
                found.append(self._text[at + 1])
                at += 2
            elif self._text.startswith(end, at):
                return "".join(found), at + len(end)
            else:
                found.append(self._text[at])
                at += 1
        raise self._no_end(style, self._at)

    def _code(self, fence: str, style: str) -> None:
        content, after = self._until(fence, self._at + len(fence), style)
        entity: Json = {"type": style}
        if style == "pre" and (match := re.match(r"([^\s`]+)\n", content)):
            entity["language"] = match[1]
            content = content[match.end() :]
        elif style == "pre":
            content = content.removeprefix("\n")
        start = self._length
        self._emit(content)
        self._close(entity, start)
        self._at = after

    def _link(self) -> None:
        _, start, _ = self._open.pop()
        self._at += 1
        if not self._text.startswith("(", self._at):
            return
        url, self._at = self._until(")", self._at + 1, "Url")
        self._close({"type": "text_link", "url": url}, start)


def _from_legacy_markdown(text: str) -> FormattedText:
    plain: list[str] = []
    length = position = 0
    entities: list[Json] = []
    for token in _LEGACY_TOKEN.finditer(text):
        chunk = text[position : token.start()]
        plain.append(chunk)
        length += utf16_length(chunk)
        position = token.end()
        kind = token.lastgroup or ""
        if kind == "stray":
            raise cannot_parse(
                "Can't find end of the entity starting at byte offset"
                f" {_byte_offset(text, token.start())}"
            )
        content = token["label"] if kind == "url" else token[kind]
        plain.append(content)
        if kind != "escaped" and content:
            style: Json = {"type": kind}
            if kind == "url":
                style = {"type": "text_link", "url": token["url"]}
            entities.append(style | {"offset": length, "length": utf16_length(content)})
        length += utf16_length(content)
    plain.append(text[position:])
    return FormattedText("".join(plain), entities)
