"""What can be told about a statement without running it. Knows ClickHouse's lexical rules only.

The engine stays the judge of every statement: what is read here decides how its bytes travel
(streamed in, streamed out, or whole). Reading takes time in proportion to the length: what opens
and is not closed (a quote, a comment, a heredoc) is one token to the end of the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from embedded.clickhouse.errors import Code, QueryError

_TOKEN = re.compile(
    rb"""
    (?P<blank>\s+|--[^\n]*|\#[ !][^\n]*|/\*[^*]*+(?:\*(?!/)[^*]*+)*+(?:\*/)?)
  | (?P<quoted>'(?:[^'\\]|\\.|'')*+'?|"(?:[^"\\]|\\.|"")*+"?|`(?:[^`\\]|\\.|``)*+`?)
  | (?P<heredoc>\$(?P<tag>\w*)\$(?:.*?\$(?P=tag)\$|.*))
  | (?P<word>[A-Za-z_][\w$]*|\d[\w.]*)
  | (?P<mark>.)
    """,
    re.DOTALL | re.VERBOSE,
)
# What follows `FORMAT <name>` before the data: blanks of one line and one line end.
_BEFORE_DATA = re.compile(rb"[ \t\f]*\r?\n?")
_READS = frozenset({"SELECT", "WITH", "FROM", "("})
_NEEDS_SESSION = frozenset({"USE", "SET", "BEGIN", "COMMIT", "ROLLBACK", "EXECUTE"})


@dataclass(frozen=True)
class Statement:
    """One statement and how its bytes travel."""

    kind: str
    """Its first word in upper case, `(` for a parenthesis, empty for nothing."""
    text: bytes
    """What the engine is asked; for an insert with data, without `FORMAT` and data."""
    input_format: str | None = None
    """Set when data follow the statement."""
    data: bytes = b""
    """The beginning of that data."""
    output_format: str | None = None
    """The `FORMAT` that the statement ends with."""
    can_stream: bool = False
    """A read whose output format is known for certain."""


@dataclass(frozen=True)
class _Token:
    word: str
    """Upper case; one character for punctuation; empty for quoted text."""
    depth: int
    end: int
    start: int


def _tokens(text: bytes) -> Iterator[_Token]:
    depth = 0
    for match in _TOKEN.finditer(text):
        if match.lastgroup == "blank":
            continue
        if match["word"]:
            yield _Token(match["word"].decode("ascii", "replace").upper(), depth, *_span(match))
        elif match["mark"]:
            mark = match["mark"].decode("latin-1")
            if mark in ")]}":
                depth -= 1
            yield _Token(mark, depth, *_span(match))
            if mark in "([{":
                depth += 1
        else:
            yield _Token("", depth, *_span(match))


def _span(match: re.Match[bytes]) -> tuple[int, int]:
    return match.end(), match.start()


def is_insert(text: bytes) -> bool:
    """Whether the first word is INSERT."""
    first = next(_tokens(text), None)
    return first is not None and first.word == "INSERT"


def read_statement(text: bytes) -> Statement:
    """Tell what kind of statement this is; of an insert, its beginning is enough."""
    tokens = _tokens(text)
    first = next(tokens, None)
    if first is None:
        return Statement(kind="", text=text)
    if first.word == "INSERT":
        return _read_insert(text, tokens)
    return _read_other(first.word, text, tokens)


def _read_insert(text: bytes, tokens: Iterator[_Token]) -> Statement:
    previous = ""
    candidate: _Token | None = None
    for token in tokens:
        if candidate is not None:
            if token.word and (token.word[0].isalpha() or token.word[0] == "_"):
                data = _BEFORE_DATA.match(text, token.end)
                return Statement(
                    kind="INSERT",
                    text=text[: candidate.start].rstrip(),
                    input_format=text[token.start : token.end].decode("ascii"),
                    data=text[data.end() if data else token.end :],
                )
            candidate = None
        if token.depth == 0:
            if token.word in {"VALUES", "SELECT", "WITH"} and previous not in {
                "INTO",
                "TABLE",
                ".",
            }:
                break
            if token.word == "FORMAT" and previous not in {"INTO", "TABLE", "."}:
                candidate = token
        previous = token.word
    return Statement(kind="INSERT", text=text)


def _read_other(kind: str, text: bytes, tokens: Iterator[_Token]) -> Statement:
    output_format: str | None = None
    mentions_format = False
    settled = True
    after_format = False
    for token in tokens:
        if after_format:
            output_format = text[token.start : token.end].decode("latin-1")
            after_format, settled = False, True
        elif token.word == "FORMAT" and token.depth == 0:
            mentions_format = after_format = True
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
        can_stream=kind in _READS and (output_format is not None or not mentions_format),
    )


def settings_apart(statement: Statement) -> tuple[Statement, dict[str, str]]:
    """A read without the `SETTINGS` clause that it ends with, and what stands in that clause.

    A clause that is not plainly `name = value, …` stays where it is, for the engine to judge.
    """
    if statement.kind not in _READS or b"settings" not in statement.text.lower():
        return statement, {}
    tokens = list(_tokens(statement.text))
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
    kept = text[: tokens[place].start] + text[tokens[after - 1].end :]
    return replace(statement, text=kept), found


def _assignment(text: bytes, tokens: list[_Token]) -> tuple[str, str] | None:
    if len(tokens) < 3 or not tokens[0].word or tokens[1].word != "=":  # noqa: PLR2004 # name, mark, value
        return None
    name, value = (text[token.start : token.end].decode("latin-1") for token in tokens[::2])
    if not name.isidentifier():
        return None
    if tokens[2].word:
        return (name, value) if value.isalnum() or value.replace(".", "").isalnum() else None
    is_plain = value.startswith("'") and not set(value[1:-1]) & {"'", "\\"}
    return (name, value[1:-1].encode("latin-1").decode("utf-8", "replace")) if is_plain else None


def refuse_session_statements(statement: Statement) -> None:
    """Refuse what only has a meaning for later requests of the same session.

    Raises:
        QueryError: naming what to do instead.
    """
    words = [token.word for _, token in zip(range(2), _tokens(statement.text), strict=False)]
    if words[:1] and words[0] in _NEEDS_SESSION:
        raise QueryError(
            Code.NOT_IMPLEMENTED,
            f"{words[0]} would be forgotten at the end of this request: the embedded server keeps"
            " no sessions. Send settings, parameters and the database in the URL instead",
        )
    if words == ["CREATE", "TEMPORARY"]:
        raise QueryError(
            Code.NOT_IMPLEMENTED,
            "a temporary table would be gone at the end of this request: the embedded server"
            " keeps no sessions. Create a table and drop it instead",
        )
