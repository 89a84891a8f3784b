"""Parses Markdown: CommonMark and GFM, with formulas and spoilers.

No text may be lost: cells beyond a table's header (ignored by GFM) and blocks nested too deeply
(skipped by the library) are kept as text.
"""

from __future__ import annotations

import re

from markdown_it import MarkdownIt
from markdown_it.ruler import RuleOptionsType
from markdown_it.rules_block import StateBlock, table
from markdown_it.rules_block.table import escapedSplit, getLine
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

from bot.formatting.formulas import MAX_FORMULA_CHARACTERS, is_formula

MAX_BLOCK_LEVEL = 40
_BODY = rf".{{1,{MAX_FORMULA_CHARACTERS}}}?"
_FORMULA = re.compile(
    rf"\$\$(?!\$)(?P<display>{_BODY})(?<!\\)\$\$(?!\$)"
    r"|(?<![\w$])\$(?![\s$])(?P<inline>[^$\n]*[^\s$\\])\$(?![\w$])"
    rf"|\\\((?P<round>{_BODY})\\\)"
    rf"|\\\[(?P<square>{_BODY})\\\]",
    re.DOTALL,
)
_FORMULA_LINES = {"$$": "$$", "\\[": "\\]"}
_SPOILER = re.compile(r"(?<![\w|])\|\|(?![\s|])(?P<hidden>[^|\n]+)(?<!\s)\|\|(?![\w|])")
_ADDRESS = re.compile(r"://[^\s<>`\[\]|\"]+")
_ADDRESS_BEFORE = re.compile(r"(?<![^\W_])https?$", re.IGNORECASE)
_NO_END_OF_ADDRESS = "*_~.,:;!?'()$"


def parse(markdown: str) -> list[Token]:
    """The block tokens of a text; inline tokens have children."""
    return _parser.parse(markdown)


def _formula(state: StateInline, silent: bool) -> bool:  # noqa: FBT001 # the library's signature
    if state.src[state.pos] not in "$\\":
        return False
    match = _FORMULA.match(state.src, state.pos, state.posMax)
    if match is None or match.lastgroup is None or not is_formula(match[match.lastgroup]):
        return False
    if not silent:
        token = state.push("formula", "", 0)
        token.content, token.markup = match[match.lastgroup], match[0][:2]
    state.pos = match.end()
    return True


def _formula_block(state: StateBlock, start: int, end: int, silent: bool) -> bool:  # noqa: FBT001 # as above
    """A formula on its own lines, which are not parsed as lists, quotes or headings."""
    mark = getLine(state, start)[:2]
    if mark not in _FORMULA_LINES or state.is_code_block(start):
        return False
    last = _FORMULA_LINES[mark]
    body = ""
    for line in range(start, end):
        if state.isEmpty(line) or state.sCount[line] < state.blkIndent:
            return False
        text = getLine(state, line).rstrip()
        body = f"{body}\n{text}" if line > start else text.removeprefix(mark)
        if len(body) > MAX_FORMULA_CHARACTERS:
            return False
        if not body.endswith(last):
            continue
        body = body.removesuffix(last)
        if last in body or not is_formula(body):
            return False
        if not silent:
            token = state.push("formula_block", "", 0)
            token.content, token.map, token.markup = body, [start, line + 1], mark
            state.line = line + 1
        return True
    return False


def _spoiler(state: StateInline, silent: bool) -> bool:  # noqa: FBT001 # as above
    match = _SPOILER.match(state.src, state.pos, state.posMax)
    if match is None or match["hidden"].count("`") % 2:
        return False
    if not silent:
        maximum = state.posMax
        state.push("spoiler_open", "", 1)
        state.pos, state.posMax = match.span("hidden")
        state.md.inline.tokenize(state)
        state.posMax = maximum
        state.push("spoiler_close", "", -1)
    state.pos = match.end()
    return True


def _address(state: StateInline, silent: bool) -> bool:  # noqa: FBT001 # as above
    """The rest of a bare https://… verbatim: `_` and `*` in it are not emphasis."""
    if state.src[state.pos] != ":":
        return False
    match = _ADDRESS.match(state.src, state.pos, state.posMax)
    if match is None or not _ADDRESS_BEFORE.search(state.src[max(state.pos - 6, 0) : state.pos]):
        return False
    rest = match[0].rstrip(_NO_END_OF_ADDRESS)
    if len(rest) <= len("://"):
        return False
    if not silent:
        state.append_pending(rest)
    state.pos += len(rest)
    return True


def _lone_bracket(state: StateInline, silent: bool) -> bool:  # noqa: FBT001 # as above
    """An unclosed bracket as text: parsing a thousand of them would take quadratic time."""
    size = 2 if state.src.startswith("![", state.pos) else 1
    if size == 1 and state.src[state.pos] != "[":
        return False
    if state.src.find("]", state.pos, state.posMax) >= 0:
        return False
    if not silent:
        state.append_pending(state.src[state.pos : state.pos + size])
    state.pos += size
    return True


def _whole_table(state: StateBlock, start: int, end: int, silent: bool) -> bool:  # noqa: FBT001 # as above
    """A table including cells beyond the header's last column."""
    first = len(state.tokens)
    if not table(state, start, end, silent):
        return False
    if silent:
        return True
    tokens: list[Token] = []
    cells = 0
    for token in state.tokens[first:]:
        if token.type == "tr_open":
            row, cells = token, 0
        elif token.type in ("td_open", "th_open"):
            cells += 1
        elif token.type == "tr_close" and row.map:
            columns = escapedSplit(getLine(state, row.map[0]).strip().removeprefix("|"))
            if columns and not columns[-1]:
                columns.pop()
            for content in columns[cells:]:
                cell = Token("inline", "", 0, content=content.strip(), map=row.map, children=[])
                tokens += [Token("td_open", "td", 1), cell, Token("td_close", "td", -1)]
        tokens.append(token)
    state.tokens[first:] = tokens
    return True


def _too_deep(state: StateBlock, start: int, end: int, silent: bool) -> bool:  # noqa: FBT001 # as above
    if state.level < MAX_BLOCK_LEVEL or silent:
        return False
    token = state.push("html_block", "", 0)
    token.content, token.map = state.getLines(start, end, state.blkIndent, False), [start, end]
    state.line = end
    return True


def _create_parser() -> MarkdownIt:
    parser = MarkdownIt(
        "commonmark",
        {"maxNesting": 2 * MAX_BLOCK_LEVEL, "inline_definitions": True, "store_labels": True},
    ).enable(["table", "strikethrough"])
    interrupts: RuleOptionsType = {"alt": ["paragraph", "reference", "blockquote", "list"]}
    parser.block.ruler.at("table", _whole_table, {"alt": ["paragraph", "reference"]})
    parser.block.ruler.before("table", "formula_block", _formula_block, interrupts)
    parser.block.ruler.before("table", "too_deep", _too_deep)
    parser.inline.ruler.before("escape", "formula", _formula)
    parser.inline.ruler.before("escape", "spoiler", _spoiler)
    parser.inline.ruler.before("escape", "address", _address)
    parser.inline.ruler.before("escape", "lone_bracket", _lone_bracket)
    parser.inline.add_terminator_char("|")
    return parser


_parser = _create_parser()
