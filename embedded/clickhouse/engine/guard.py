"""Refuses what the engine would run although neither user needs it, before the engine sees it.

The engine asks grants for most of what leaves the database, but none for `file()`, for a disk or a
database engine that a statement describes, or for what a reader sees of other people's queries. So
every statement is read here as the engine's own formatter writes it: names unescaped, comments
gone, nothing left out, views and defaults included. What is allowed is in `privileges.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain, pairwise

from embedded.clickhouse.accounts import reader_may_set, writer_may_set
from embedded.clickhouse.engine.sessions import Session
from embedded.clickhouse.engine.statements import Statement
from embedded.clickhouse.errors import Code, QueryError
from embedded.clickhouse.privileges import (
    DATABASE_ENGINES,
    READER_LIMITS,
    READER_SETTINGS,
    TABLE_ENGINES,
    TABLE_FUNCTIONS,
    refused_functions,
)

MAX_REMEMBERED = 512
MAX_REMEMBERED_BYTES = 16 * 1024
# Statements that write, as the formatter begins them. Reading ones are told by the parser.
_WRITES = re.compile(
    r"INSERT INTO (?!(TABLE )?FUNCTION\b)|CREATE (OR REPLACE )?(TEMPORARY )?(TABLE|VIEW) "
    r"|CREATE DATABASE |DROP (TABLE|VIEW|DATABASE) |TRUNCATE TABLE |ALTER TABLE |DELETE FROM "
    r"|OPTIMIZE TABLE |KILL QUERY "
    r"|BACKUP DATABASE \S+ TO Disk\('backups', '\w[\w.-]*'\)\s*\Z"
    r"|RESTORE DATABASE \S+ FROM Disk\('backups', '\w[\w.-]*'\)\s*\Z"
)
_TOKEN = re.compile(
    r"""(?P<text>'(?:[^'\\]|\\.)*+'?)|(?P<quoted>`(?:[^`\\]|\\.)*+`?)|(?P<word>\d[\w.]*|\w+)|(?P<mark>\S)""",
    re.DOTALL | re.VERBOSE,
)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
# What other people ask. A server keeps it from readers by its grants; here all are one user.
_OF_OTHERS = re.compile(
    "processes|processlist|user_processes|session_query_ids|query_cache|stack_trace|errors|backups"
    "|asynchronous_inserts|[a-z_]+_log"
)
_FILES_OF_THE_CLIENT = {("INTO", "OUTFILE"), ("FROM", "INFILE")}
_PLAIN_NAME = re.compile(r"\w+(\.\w+)*")
# How clients learn which settings they may send. The engine would say none: it has no profile in
# which settings are changeable for readers, so this server's rule is put in its place.
_ASKS_FOR_SETTINGS = re.compile(
    rb"\s*SELECT name, value, readonly FROM system\.settings[A-Z0-9a-z\s]*"
)
_OWN_RULE = (
    f"name NOT IN ({', '.join(repr(name) for name in sorted({*READER_SETTINGS, *READER_LIMITS}))})"
)


def as_readers_mean(statement: Statement) -> Statement:
    """The statement with this server's answer to which settings are changeable."""
    asked = _ASKS_FOR_SETTINGS.fullmatch(statement.text)
    if asked is None:
        return statement
    return replace(
        statement, text=statement.text.replace(b"readonly", f"{_OWN_RULE} AS readonly".encode(), 1)
    )


@dataclass(frozen=True)
class _Word:
    text: str
    is_quoted: bool
    """In backquotes: a name, never a keyword."""


@dataclass(frozen=True)
class _Verdict:
    refusal: str | None
    names: tuple[str, ...]
    """The parameters that stand for names."""
    writes_input: bool
    """It inserts from `input()`, to which nothing is fed here."""


class Guard:
    """Judges statements, and remembers its verdicts. Shared by all connections."""

    def __init__(self, session: Session) -> None:
        """Ask the engine once which functions it has."""
        functions = {}
        for line in (
            session.run(b"SELECT name, categories, alias_to FROM system.functions")
            .tobytes()
            .decode()
            .splitlines()
        ):
            name, category, alias_to = line.split("\t")
            functions[name] = (category, alias_to)
        self._functions = frozenset(name.lower() for name in refused_functions(functions))
        listed = session.run(b"SELECT name FROM system.table_functions").tobytes().decode().split()
        self._table_functions = frozenset(name.lower() for name in listed) - TABLE_FUNCTIONS
        self._known: dict[tuple[bytes, bool], _Verdict] = {}

    def check(
        self, session: Session, text: bytes, *, read_only: bool, parameters: Mapping[str, str]
    ) -> None:
        """Refuse what the user does not need.

        `text` is one statement; an insert's has its format, and may leave out its data.

        Raises:
            QueryError: it is refused, or cannot be parsed.
        """
        verdict = self._known.get((text, read_only))
        if verdict is None:
            formatted = session.formatted(text)
            reads_only = session.classify(text).reads_only
            if read_only and not reads_only:
                raise QueryError(Code.READONLY, "Cannot execute query in readonly mode")
            verdict = self._judge(formatted, reads_only=reads_only, reader=read_only)
            if len(text) <= MAX_REMEMBERED_BYTES:
                if len(self._known) >= MAX_REMEMBERED:
                    self._known.clear()
                self._known[text, read_only] = verdict
        if verdict.refusal is not None:
            raise QueryError(_code(read_only), verdict.refusal)
        if verdict.writes_input:
            raise QueryError(
                Code.INVALID_USAGE_OF_INPUT, "FORMAT and rows must follow a statement with input()"
            )
        for name in verdict.names:
            self._check_name(parameters.get(name, ""), read_only=read_only)

    def _judge(self, formatted: str, *, reads_only: bool, reader: bool) -> _Verdict:
        words = list(_words(formatted))
        reasons = chain(
            () if reads_only else _no_kind(formatted),
            self._calls(words),
            _files_of_the_client(words),
            _of_others(words) if reader else _foreign_engines(words),
            (
                f"Cannot modify '{name}' setting"
                for name in _settings(words)
                if not (reader_may_set(name) if reader else writer_may_set(name))
            ),
        )
        return _Verdict(
            refusal=next(iter(reasons), None),
            names=tuple(_names(words)),
            writes_input=words[0].text == "INSERT"
            and any((a.text.lower(), b.text) == ("input", "(") for a, b in pairwise(words)),
        )

    def _calls(self, words: list[_Word]) -> Iterator[str]:
        for word, after in pairwise([*words, _END]):
            lowered = word.text.lower()
            # Without arguments, too: `arrayMap(file, …)` and `* APPLY file` call it.
            if lowered in self._functions or (
                after.text == "(" and lowered in self._table_functions
            ):
                yield f"Not enough privileges: {word.text} may not be called"

    def _check_name(self, value: str, *, read_only: bool) -> None:
        parts = value.split(".")
        if _PLAIN_NAME.fullmatch(value) is None:
            raise QueryError(Code.BAD_ARGUMENTS, "a parameter of type Identifier is no plain name")
        if any(part.lower() in self._functions for part in parts) or (
            read_only and any(_OF_OTHERS.fullmatch(part) for part in parts)
        ):
            raise QueryError(
                _code(read_only), "Not enough privileges: a parameter names what may not be used"
            )


_END = _Word("", is_quoted=True)


def _code(read_only: bool) -> Code:  # noqa: FBT001 # one call would not read better
    return Code.READONLY if read_only else Code.ACCESS_DENIED


def _words(formatted: str) -> Iterator[_Word]:
    """Names, keywords, numbers and marks; a text between single quotes is one quote."""
    for match in _TOKEN.finditer(formatted):
        if match["quoted"] is not None:
            yield _Word(_ESCAPED.sub(r"\1", match["quoted"][1:-1]), is_quoted=True)
        elif match["text"] is not None:
            yield _Word("'", is_quoted=True)
        else:
            yield _Word(match[0], is_quoted=False)


def _no_kind(formatted: str) -> Iterator[str]:
    if _WRITES.match(formatted) is None:
        yield "Not enough privileges: neither migrations nor pipelines need such a statement"


def _files_of_the_client(words: list[_Word]) -> Iterator[str]:
    for word, after in pairwise(words):
        if not after.is_quoted and (word.text, after.text) in _FILES_OF_THE_CLIENT:
            yield (
                f"{word.text} {after.text} names a file of the client, not of the server: it is"
                " not allowed over HTTP"
            )


def _of_others(words: list[_Word]) -> Iterator[str]:
    for index, word in enumerate(words):
        qualified = index > 1 and words[index - 1].text == "." and words[index - 2].text == "system"
        shown = index > 0 and words[0].text == "SHOW" and word.text == "PROCESSLIST"
        if shown or (qualified and _OF_OTHERS.fullmatch(word.text)):
            yield "Cannot read what others ask in readonly mode"


def _foreign_engines(words: list[_Word]) -> Iterator[str]:
    if words[0].text != "CREATE":
        return
    allowed = DATABASE_ENGINES if words[1].text == "DATABASE" else TABLE_ENGINES
    for index, word in enumerate(words[:-2]):
        is_engine = word.text == "ENGINE" and not word.is_quoted and words[index + 1].text == "="
        if is_engine and words[index + 2].text not in allowed:
            yield f"Not enough privileges: the engine {words[index + 2].text} may not be used"


def _settings(words: list[_Word]) -> Iterator[str]:
    """Names that a `SETTINGS` of the statement or of a part of it sets."""
    for index, word in enumerate(words):
        if word.text not in {"SETTINGS", "SETTING"} or word.is_quoted:
            continue
        at = index + 1
        while at + 2 < len(words) and words[at + 1].text == "=":
            yield words[at].text
            at = _after_value(words, at + 2)
            if at >= len(words) or words[at].text != ",":
                break
            at += 1


def _after_value(words: list[_Word], at: int) -> int:
    """Past a number, a text, a name with or without arguments, or a list."""
    while at < len(words) and words[at].text in {"-", "+"}:
        at += 1
    if at + 1 < len(words) and words[at + 1].text == "(":
        at += 1
    depth = 0
    while at < len(words):
        depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(words[at].text, 0)
        at += 1
        if depth <= 0:
            break
    return at


def _names(words: list[_Word]) -> Iterator[str]:
    for index, word in enumerate(words):
        if word.text == "Identifier" and index > 2 and words[index - 3].text == "{":  # noqa: PLR2004 # `{name:Identifier`
            yield words[index - 2].text
