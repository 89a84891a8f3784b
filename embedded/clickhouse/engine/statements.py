"""Tells the kind of a statement by ClickHouse's lexical rules, without running it.

The engine judges every statement; here is only decided how its bytes travel (streamed in, streamed
out, or whole). Reading takes time in proportion to the length: an opened quote or comment that is
not closed is one token to the end of the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

from embedded.clickhouse.errors import Code, QueryError

_TOKEN = re.compile(
    rb"""
    (?P<blank>\s+|--[^\n]*|\#[ !][^\n]*|/\*[^*]*+(?:\*(?!/)[^*]*+)*+(?:\*/)?)
  | (?P<quoted>'(?:[^'\\]|\\.|'')*+'?|"(?:[^"\\]|\\.|"")*+"?|`(?:[^`\\]|\\.|``)*+`?)
  | (?P<heredoc>\$\w*\$)
  | (?P<word>[A-Za-z_$][\w$]*|\d[\w.]*)
  | (?P<mark>.)
    """,
    re.DOTALL | re.VERBOSE,
)
_WORD = re.compile(rb"[\w$]+")
# Between `FORMAT <name>` and the data: blanks of one line and one line end.
_BEFORE_DATA = re.compile(rb"[ \t\f]*\r?\n?")
READS = frozenset({"SELECT", "WITH", "FROM", "("})


@dataclass(frozen=True)
class InputSource:
    """The call of `input(...)` in an `INSERT ... SELECT`."""

    start: int
    end: int
    """Where it is in the statement's text."""
    structure: bytes
    """Its argument; empty when the columns are those of the target."""
    target: bytes
    """The table, and the columns, that the statement inserts into."""


@dataclass(frozen=True)
class Statement:
    """One statement and how its bytes travel."""

    kind: str
    """Its first word in upper case, `(` for a parenthesis, empty for nothing."""
    text: bytes
    """The text for the engine; for an insert with data, without `FORMAT` and data."""
    client_text: bytes = b""
    """As the client wrote it, when that differs in more than what follows the end."""
    input_format: str | None = None
    """Set when data follow the statement."""
    data: bytes = b""
    """The beginning of that data."""
    output_format: str | None = None
    """The `FORMAT` that the statement ends with."""
    format_at: int | None = None
    """Where that clause begins."""
    can_stream: bool = False
    """A read whose output format is known for certain."""
    source: InputSource | None = None
    """Set when an insert selects from the data that follow it."""


@dataclass(frozen=True)
class Token:
    """A word, a quoted text or a mark of a statement."""

    word: str
    """Upper case; one character for punctuation; empty for quoted text."""
    depth: int
    end: int
    start: int


def tokens_of(text: bytes) -> Iterator[Token]:
    depth = position = 0
    while (match := _TOKEN.match(text, position)) is not None:
        start, position = match.span()
        kind = match.lastgroup
        if kind == "heredoc":
            closing = text.find(match[0], position)
            # Without an end it is a word, as in `{$a$:String}`.
            kind = "word" if closing < 0 else "quoted"
            position = closing + len(match[0])
            if closing < 0 and (word := _WORD.match(text, start)) is not None:
                position = word.end()
        if kind == "blank":
            continue
        if kind == "quoted":
            yield Token("", depth, position, start)
            continue
        name = text[start:position].decode("latin-1").upper()
        depth -= name in ")]}"
        yield Token(name, depth, position, start)
        depth += name in "([{"


def is_insert(text: bytes) -> bool:
    """Whether this is an INSERT; its WITH may come before it."""
    tokens = tokens_of(text)
    first = next(tokens, None)
    if first is None or first.word not in {"INSERT", "WITH"}:
        return False
    return first.word == "INSERT" or any(
        token.word == "INSERT" and after.word == "INTO" and token.depth == 0
        for token, after in pairwise(tokens)
    )


def read_statement(text: bytes) -> Statement:
    """Tell what kind of statement this is; of an insert, its beginning is enough."""
    tokens = tokens_of(text)
    first = next(tokens, None)
    if first is None:
        return Statement(kind="", text=text)
    if is_insert(text):
        return _read_insert(text)
    return _read_other(first.word, text, tokens)


def _read_insert(text: bytes) -> Statement:
    target = select = 0
    source: InputSource | None = None
    previous = candidate = _NOTHING
    tokens = tokens_of(text)
    for token in tokens:
        if candidate.word and (token.word[:1].isalpha() or token.word[:1] == "_"):
            data = _BEFORE_DATA.match(text, token.end)
            return Statement(
                kind="INSERT",
                text=text[: candidate.start].rstrip(),
                input_format=text[token.start : token.end].decode("ascii"),
                data=text[data.end() if data else token.end :],
                source=source,
            )
        candidate = _NOTHING
        if select and token.word == "(" and _name(text, previous) == b"input":
            if source is not None:
                raise QueryError(Code.INVALID_USAGE_OF_INPUT, "input() can be read only once")
            source = _input_source(text, previous, tokens, target=text[target:select])
            previous = Token("", previous.depth, source.end, source.start)
            continue
        if token.depth == 0 and not target:
            target = token.end if token.word == "INTO" else 0
        elif token.depth == 0 and previous.word not in {"INTO", "TABLE", "."}:
            if token.word == "VALUES" and not select:
                break
            if token.word in {"SELECT", "WITH"}:
                select = select or token.start
            # An insert that selects takes rows only if it reads them.
            elif token.word == "FORMAT" and (
                not select or (source is not None and _ends_a_clause(previous))
            ):
                candidate = token
        previous = token
    return Statement(kind="INSERT", text=text)


_NOTHING = Token("", 0, 0, 0)
_ENDS = frozenset({")", "]", "}", ""})
# After one of these `format` is a name.
_BEFORE_NAMES = frozenset(
    "SELECT DISTINCT FROM JOIN AS WHERE PREWHERE HAVING AND OR NOT ON BY IN USING LIKE".split()  # noqa: SIM905 # a list of words
)


def _ends_a_clause(token: Token) -> bool:
    """Whether `FORMAT` after this token begins the clause of that name."""
    is_name = token.word[:1].isalnum() or token.word[:1] == "_"
    return token.word in _ENDS or (is_name and token.word not in _BEFORE_NAMES)


def _name(text: bytes, token: Token) -> bytes:
    return text[token.start : token.end].strip(b'`"').lower()


def _input_source(
    text: bytes, name: Token, tokens: Iterator[Token], *, target: bytes
) -> InputSource:
    """Read the call to its closing parenthesis."""
    start = end = 0
    for token in tokens:
        start = start or token.start
        end = token.end
        if token.word == ")" and token.depth <= name.depth:
            break
    return InputSource(
        start=name.start, end=end, structure=text[start : end - 1].strip(), target=target
    )


def _read_other(kind: str, text: bytes, tokens: Iterator[Token]) -> Statement:
    output_format: str | None = None
    format_at = 0
    mentions_format = False
    settled = True
    after_format = False
    for token in tokens:
        if after_format and token.word == "(":
            after_format = False  # the function of that name
        elif after_format:
            mentions_format = True
            output_format = text[token.start : token.end].decode("latin-1")
            after_format, settled = False, True
        elif token.word == "FORMAT" and token.depth == 0:
            after_format = True
            format_at = token.start
        elif output_format is not None and token.word not in {";", "SETTINGS"} and settled:
            # `format` was a name here, or settings follow it: only the end of the text tells.
            settled = token.depth > 0
        if output_format is not None and token.word == "SETTINGS":
            break
    if output_format is not None and not (settled and output_format.isidentifier()):
        output_format = None
    return Statement(
        kind=kind,
        text=text,
        output_format=output_format,
        format_at=format_at if output_format is not None else None,
        can_stream=kind in READS
        and (output_format is not None or not (mentions_format or after_format)),
    )


def settings_apart(statement: Statement) -> tuple[Statement, dict[str, str]]:
    """A read without the `SETTINGS` clause that it ends with, and its settings.

    A clause that is not plainly `name = value, …` stays where it is, for the engine to judge.
    """
    if statement.kind not in READS or b"settings" not in statement.text.lower():
        return statement, {}
    tokens = list(tokens_of(statement.text))
    places = [
        place
        for place, token in enumerate(tokens)
        if token.word == "SETTINGS" and token.depth == 0 and place > 0
    ]
    if not places:
        return statement, {}
    found: dict[str, str] = {}
    place = places[-1]
    after = place + 1
    while (pair := _assignment(statement.text, tokens[after : after + 3])) is not None:
        found.update([pair])
        after += 3
        if after >= len(tokens) or tokens[after].word != ",":
            break
        after += 1
    rest = [token.word for token in tokens[after:]]
    is_plain = rest in ([], [";"]) or (rest[0] == "FORMAT" and len(rest) <= 3)  # noqa: PLR2004 # FORMAT, its name, a semicolon
    if not found or not is_plain or tokens[after - 1].word == ",":
        return statement, {}
    text = statement.text
    start, end = tokens[place].start, tokens[after - 1].end
    format_at = statement.format_at
    format_at = format_at and format_at - (end - start if format_at > start else 0)
    return (
        replace(statement, text=text[:start] + text[end:], client_text=text, format_at=format_at),
        found,
    )


def _assignment(text: bytes, tokens: list[Token]) -> tuple[str, str] | None:
    if len(tokens) < 3 or not tokens[0].word or tokens[1].word != "=":  # noqa: PLR2004 # name, mark, value
        return None
    name, value = (text[token.start : token.end].decode("latin-1") for token in tokens[::2])
    if not name.isidentifier():
        return None
    if tokens[2].word:
        return (name, value) if value.isalnum() or value.replace(".", "").isalnum() else None
    is_plain = value.startswith("'") and not set(value[1:-1]) & {"'", "\\"}
    return (name, value[1:-1].encode("latin-1").decode("utf-8", "replace")) if is_plain else None


def changes_session(statement: Statement) -> bool:
    """Whether it only has a meaning for later requests of the same session."""
    words = [token.word for _, token in zip(range(4), tokens_of(statement.text), strict=False)]
    return (
        words[:1] in (["SET"], ["USE"])
        or words[:2] == ["CREATE", "TEMPORARY"]
        or words == ["CREATE", "OR", "REPLACE", "TEMPORARY"]
    )
