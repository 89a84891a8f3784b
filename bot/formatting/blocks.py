"""Converts Markdown blocks to plain text and spans: paragraphs, lists, quotes, code, tables."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from markdown_it.token import Token

from bot.formatting.formulas import formula_text
from bot.formatting.inline import TextSpan, TextWriter
from bot.formatting.markdown import parse

LONG_QUOTE_UNITS = 200
"""Longer quotes are collapsed."""
MAX_COLUMN = 40
_HEADINGS = {
    "h1": ("bold", "underline"),
    "h2": ("bold", "underline"),
    "h3": ("bold",),
    "h4": ("bold",),
    "h5": ("italic",),
    "h6": ("italic",),
}
TASK = re.compile(r"\[([ xX])\](?=\s)")
_LANGUAGE = re.compile(r"[\w+#.-]+")
_BULLET = "• "


def format_markdown(markdown: str) -> tuple[str, list[TextSpan]]:
    """The text without markup, and its spans ordered by start."""
    tokens = parse(markdown)
    writer = _BlockWriter(used_labels=set(_labels(tokens)))
    writer.blocks(tokens)
    return writer.text, sorted(writer.spans, key=lambda span: (span.start, -span.end))


def _labels(tokens: Sequence[Token]) -> Iterator[str]:
    for token in tokens:
        if label := token.meta.get("label"):
            yield label if token.type != "definition" else ""
        yield from _labels(token.children or [])


@dataclass
class _List:
    number: int | None = None
    """Number of the last item."""
    source: str = ""
    """The number as it was written."""


@dataclass
class _BlockWriter(TextWriter):
    """Writes block tokens.

    Args:
        used_labels: labels of the link definitions that links use; unused ones are written out.
    """

    used_labels: set[str] = field(default_factory=set)
    _indents: list[str] = field(default_factory=list)
    _outer_indents: list[str] = field(default_factory=list)
    _quotes: list[int] = field(default_factory=list)
    _lists: list[_List] = field(default_factory=list)
    _begun: str | None = None
    """Kind of marker at the start of this line: `item`, `quote`, or `inside` a quote."""
    _last_line: int = 0
    """Source line at which the last block ended."""

    def new_line(self) -> None:
        self.write("\n" + "".join(self._indents))

    def blocks(self, tokens: Sequence[Token]) -> None:
        tables: list[list[TextWriter]] | None = None
        is_item_start = False
        for token in tokens:
            match token.type:
                case "table_open":
                    opened, tables = token, []
                case "table_close" if tables is not None:
                    self._table(opened, tables)
                    tables = None
                case "tr_open" if tables is not None:
                    tables.append([])
                case "inline" if tables is not None:
                    cell = TextWriter(line_break=" ")
                    cell.inline(token.children or [])
                    tables[-1].append(cell)
                case "paragraph_open":
                    is_item_start = self._begun == "item"
                    self._begin(token)
                case "inline":
                    children = token.children or []
                    self.inline(self._task(children) if is_item_start else children)
                    is_item_start = False
                case _:
                    self._block(token)
            if token.map and not token.nesting:
                self._last_line = max(self._last_line, token.map[1])

    def _block(self, token: Token) -> None:
        """Dispatch by token type; most closing tokens write nothing."""
        write = getattr(self, f"_{token.type}", None)
        if write is not None:
            write(token)
        elif token.content:
            self._begin(token)
            self.write(token.content.rstrip("\n"))

    def _heading_open(self, token: Token) -> None:
        self._begin(token)
        for style in _HEADINGS[token.tag]:
            self.open(style)

    def _heading_close(self, token: Token) -> None:
        for _ in _HEADINGS[token.tag]:
            self.close()

    def _bullet_list_open(self, _: Token) -> None:
        self._lists.append(_List())

    def _bullet_list_close(self, _: Token) -> None:
        self._lists.pop()

    _ordered_list_open, _ordered_list_close = _bullet_list_open, _bullet_list_close

    def _list_item_close(self, _: Token) -> None:
        self._indents.pop()
        self._begun = None

    def _fence(self, token: Token) -> None:
        self._begin(token, is_indented=False)
        language = _LANGUAGE.match(token.info.strip())
        code = token.content.removesuffix("\n")
        self.verbatim("pre", code, language[0] if language else None)

    _code_block = _fence

    def _formula_block(self, token: Token) -> None:
        self._begin(token, is_indented=False)
        self.verbatim("pre", formula_text(token.content))

    def _hr(self, token: Token) -> None:
        self._begin(token)
        self.write("————————")

    def _definition(self, token: Token) -> None:
        """A link definition; written as text when no link uses it."""
        if token.meta["id"] not in self.used_labels:
            self._begin(token)
            target = f"[{token.meta['label']}]: {token.meta['url']} {token.meta['title']}"
            self.write(target.rstrip())

    def _begin(self, token: Token, *, is_indented: bool = True) -> None:
        """Start a new line for a block, after a blank line where the source has one."""
        begun, self._begun = self._begun, None
        if begun == "quote" or (begun and is_indented):
            return
        if begun:
            self.write("\n")
        elif self.length:
            is_apart = token.map and token.map[0] > self._last_line
            self.write("\n\n" if is_apart else "\n")
        if is_indented:
            self.write("".join(self._indents))

    def _list_item_open(self, token: Token) -> None:
        self._begin(token)
        listed = self._lists[-1]
        marker = _BULLET
        if token.info:
            # The item's own number, unless all items repeat one number.
            is_repeated = listed.number is not None and token.info == listed.source
            number = (listed.number or 0) + 1 if is_repeated else int(token.info)
            listed.number, listed.source = number, token.info
            marker = f"{number}{token.markup} "
        self.write(marker)
        self._indents.append(" " * len(marker))
        self._begun = "item"
        if token.map:
            self._last_line = max(self._last_line, token.map[0] + 1)

    def _task(self, children: Sequence[Token]) -> Sequence[Token]:
        """A list item's text; a task box replaces the bullet."""
        task = TASK.match(children[0].content) if children else None
        if task is None or children[0].type != "text":
            return children
        if self.pieces[-1] == _BULLET:
            self.pieces.pop()
            self.length -= len(_BULLET)
        box = "☐" if task[1] == " " else "☑"
        return [replace(children[0], content=box + children[0].content[3:]), *children[1:]]

    def _blockquote_open(self, token: Token) -> None:
        """Telegram's quotes do not nest: a nested quote is marked with `>`."""
        is_inside = bool(self._quotes)
        self._begin(token, is_indented=is_inside)
        self._quotes.append(self.length)
        if is_inside:
            self.write("> ")
            self._indents.append("> ")
        else:
            self._outer_indents, self._indents = self._indents, []
        self._begun = "inside" if is_inside else "quote"

    def _blockquote_close(self, _: Token) -> None:
        start = self._quotes.pop()
        self._begun = None
        if self._quotes:
            self._indents.pop()
            return
        self._indents = self._outer_indents
        is_long = self.length - start > LONG_QUOTE_UNITS
        self.add("expandable_blockquote" if is_long else "blockquote", start)

    def _table(self, opened: Token, rows: list[list[TextWriter]]) -> None:
        """A code block with aligned columns, or plain lines if a cell has a link or a spoiler."""
        kinds = {span.type for row in rows for cell in row for span in cell.spans}
        if not kinds & {"text_link", "spoiler"}:
            self._begin(opened, is_indented=False)
            self.verbatim("pre", _columns([[cell.text for cell in row] for row in rows]))
            return
        self._begin(opened)
        for number, row in enumerate(rows):
            if number:
                self.new_line()
            for position, cell in enumerate(row):
                self.write(" | " if position else "")
                self.spans += [
                    replace(span, start=span.start + self.length, end=span.end + self.length)
                    for span in cell.spans
                ]
                self.write(cell.text)


def _columns(rows: list[list[str]]) -> str:
    """Aligned cells, with a rule below the header row."""
    widths = [0] * max(len(row) for row in rows)
    for row in rows:
        for column, cell in enumerate(row):
            widths[column] = min(max(widths[column], len(cell)), MAX_COLUMN)
    lines = [
        " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip()
        for row in rows
    ]
    return "\n".join([lines[0], "-+-".join("-" * width for width in widths), *lines[1:]])
