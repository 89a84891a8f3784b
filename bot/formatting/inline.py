"""Converts inline Markdown to plain text and spans (bold, code, link, …).

Spans follow Telegram's rules: code contains no other span, links do not nest.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from markdown_it.token import Token

from bot.formatting.formulas import formula_text

_STYLES = {
    "strong_open": "bold",
    "em_open": "italic",
    "s_open": "strikethrough",
    "spoiler_open": "spoiler",
}
# Telegram refuses a message with any other link.
_LINKABLE = re.compile(
    r"https?://([^\s/?#@]*@)?[\w-]+(\.[\w-]+)+\.?(:\d{1,5})?([/?#]\S*)?|(tg|ton)://[\w-]\S*",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class TextSpan:
    """A range of text with one style; `start` and `end` in UTF-16 units."""

    type: str
    start: int
    end: int
    url: str | None = None
    language: str | None = None


def utf16_length(text: str) -> int:
    """Length in UTF-16 units; a lone surrogate counts one."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


@dataclass
class _Style:
    """An open style; `type` is None when the same style was open already."""

    type: str | None
    start: int


@dataclass
class _Link:
    url: str
    start: int
    first_piece: int


@dataclass
class TextWriter:
    """Writes inline tokens. Unknown tokens lose their style, never their text.

    Args:
        line_break: written for a line break; a space in table cells.
    """

    line_break: str = "\n"
    pieces: list[str] = field(default_factory=list)
    spans: list[TextSpan] = field(default_factory=list)
    length: int = 0
    _styles: list[_Style] = field(default_factory=list)
    _links: list[_Link] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    def write(self, text: str) -> None:
        self.pieces.append(text)
        self.length += utf16_length(text)

    def new_line(self) -> None:
        self.write(self.line_break)

    def open(self, style: str) -> None:
        is_open = any(opened.type == style for opened in self._styles)
        self._styles.append(_Style(None if is_open else style, self.length))

    def close(self) -> None:
        style = self._styles.pop()
        self.add(style.type, style.start)

    def add(self, style: str | None, start: int, **more: str | None) -> None:
        """Add a span from `start` to the end of the text."""
        if style and start < self.length:
            self.spans.append(TextSpan(style, start, self.length, **more))

    def verbatim(self, style: str, text: str, language: str | None = None) -> None:
        """Write code. Open styles end before it and resume after it; inside a link it is plain."""
        if self._links or any(opened.type == "spoiler" for opened in self._styles):
            self.write(text)
            return
        for opened in self._styles:
            self.add(opened.type, opened.start)
        start = self.length
        self.write(text)
        self.add(style, start, language=language)
        for opened in self._styles:
            opened.start = self.length

    def inline(self, tokens: Sequence[Token]) -> None:
        """The children of one inline token."""
        for token in tokens:
            match token.type:
                case "softbreak" | "hardbreak":
                    self.new_line()
                case "code_inline":
                    self.verbatim("code", token.content)
                case "formula":
                    text = formula_text(token.content)
                    self.verbatim("code", text.replace("\n", self.line_break))
                case "link_open":
                    self._open_link(token.attrs.get("href"))
                case "link_close":
                    self._close_link()
                case "image":
                    self._open_link(token.attrs.get("src"))
                    self.write("🖼 " if token.children else "🖼")
                    self.inline(token.children or [])
                    self._close_link(is_picture=True)
                case "strong_open" | "em_open" | "s_open" | "spoiler_open":
                    self.open(_STYLES[token.type])
                case "strong_close" | "em_close" | "s_close" | "spoiler_close":
                    self.close()
                case _:
                    self.write(token.content)

    def _open_link(self, url: str | float | None) -> None:
        self._links.append(_Link(str(url or ""), self.length, len(self.pieces)))

    def _close_link(self, *, is_picture: bool = False) -> None:
        """End a link: a span if Telegram accepts the URL, otherwise the URL in brackets."""
        link = self._links.pop()
        if self._links:
            # Links do not nest. For an image in a link, the outer URL is used.
            self.write("" if is_picture else f" ({link.url})")
            return
        label = "".join(self.pieces[link.first_piece :])
        if not label.strip():
            self.write(link.url)
        if _LINKABLE.fullmatch(link.url):
            self.add("text_link", link.start, url=link.url)
        elif label.strip() and link.url not in ("", label, f"mailto:{label}"):
            self.write(f" ({link.url})")
