"""Refuses statements that the engine would run although neither user needs them.

The engine asks grants for most of what leaves the database, but none for `file()`, for a disk or a
database engine that a statement describes, or for what a reader sees of other people's queries. So
every statement is read here as the engine's own formatter writes it: names unescaped, comments
gone, nothing left out, views and defaults included. `clickhouse_privileges.py` lists what may be.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, pairwise

from embedded.clickhouse.accounts import Account, reader_may_set, writer_may_set
from embedded.clickhouse.engine.connection import Connection
from embedded.clickhouse.errors import Code, QueryError
from embedded.clickhouse_privileges import (
    DATABASE_ENGINES,
    TABLE_ENGINES,
    TABLE_FUNCTIONS,
    refused_functions,
)

MAX_REMEMBERED = 512
MAX_REMEMBERED_BYTES = 16 * 1024
# Statements that write, as the formatter begins them. Reading ones are told by the parser.
_WRITES = re.compile(
    r"INSERT INTO (?!(TABLE )?FUNCTION\b)|CREATE (OR REPLACE )?(TEMPORARY )?(TABLE|VIEW) "
    r"|CREATE DATABASE |DROP (TABLE|TEMPORARY TABLE|VIEW|DATABASE) |TRUNCATE TABLE |ALTER TABLE "
    r"|DELETE FROM |OPTIMIZE TABLE |KILL QUERY |USE |SET \w+ = "
    r"|BACKUP DATABASE \S+ TO Disk\('backups', '\w[\w.-]*'\)\s*\Z"
    r"|RESTORE DATABASE \S+ FROM Disk\('backups', '\w[\w.-]*'\)\s*\Z"
)
_OF_SESSIONS = ("SET", "USE")
_TOKEN = re.compile(
    r"""(?P<text>'(?:[^'\\]|\\.)*+'?)|(?P<quoted>`(?:[^`\\]|\\.)*+`?)|(?P<word>\d[\w.]*|\w+)|(?P<mark>\S)""",
    re.DOTALL | re.VERBOSE,
)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
# A server keeps other people's queries from readers by its grants; here all are one user.
_OF_OTHERS = re.compile(
    "processes|processlist|user_processes|session_query_ids|query_cache|stack_trace|errors|backups"
    "|asynchronous_inserts|[a-z_]+_log"
)
_FILES_OF_THE_CLIENT = {("INTO", "OUTFILE"), ("FROM", "INFILE")}
_PLAIN_NAME = re.compile(r"\w+(\.\w+)*")


@dataclass(frozen=True)
class _Word:
    text: str
    is_quoted: bool
    """In backquotes: a name, never a keyword."""


@dataclass(frozen=True)
class _Verdict:
    reads_only: bool
    keyword: str
    """The first, in upper case."""
    refusal: str | None
    names: tuple[str, ...]
    """The parameters of type `Identifier`."""
    writes_input: bool
    """It inserts from `input()`, to which nothing is fed here."""


class StatementPolicy:
    """Judges statements, and remembers its verdicts. Shared by all connections."""

    def __init__(self, connection: Connection) -> None:
        """Ask the engine once which functions it has."""
        listed = connection.run(b"SELECT name, categories, alias_to FROM system.functions")
        lines = (line.split("\t") for line in listed.tobytes().decode().splitlines())
        functions = {name: (category, alias_to) for name, category, alias_to in lines}
        self._functions = frozenset(name.lower() for name in refused_functions(functions))
        listed = connection.run(b"SELECT lower(name) FROM system.table_functions")
        self._table_functions = frozenset(listed.tobytes().decode().split()) - TABLE_FUNCTIONS
        # Clients send the same few hundred statements; judging one takes a millisecond.
        self._known: dict[tuple[bytes, str], _Verdict] = {}

    def check(
        self,
        connection: Connection,
        text: bytes,
        *,
        account: Account,
        parameters: Mapping[str, str],
        must_read: bool = False,
        client_text: bytes = b"",
    ) -> None:
        """Refuse a statement that the user does not need, or that writes although it `must_read`.

        `text` is one statement; an insert's has its format, and may leave out its data.
        Errors name places in `client_text`.

        Raises:
            QueryError: it is refused, or cannot be parsed, or is more than one.
        """
        key = (text, account.name)
        verdict = self._known.get(key)
        if verdict is None:
            verdict = self._judge(connection, text, account, client_text or text)
            if len(text) <= MAX_REMEMBERED_BYTES:
                if len(self._known) >= MAX_REMEMBERED:
                    self._known.clear()
                self._known[key] = verdict
        is_of_session = verdict.keyword in _OF_SESSIONS and not account.read_only
        if (account.read_only or must_read) and not (verdict.reads_only or is_of_session):
            raise QueryError(Code.READONLY, "Cannot execute query in readonly mode")
        if verdict.refusal is not None:
            raise QueryError(_code(account), verdict.refusal)
        if verdict.writes_input:
            raise QueryError(
                Code.INVALID_USAGE_OF_INPUT, "FORMAT and rows must follow a statement with input()"
            )
        for name in verdict.names if account.is_restricted else ():
            self._check_name(parameters.get(name, ""), account)

    def _judge(
        self, connection: Connection, text: bytes, account: Account, client_text: bytes
    ) -> _Verdict:
        statements, reads_only = connection.classify(text)
        # Refuses an unreadable text, naming the place of the error in the client's.
        formatted = connection.formatted(text if statements == 1 else client_text)
        if statements > 1:
            raise QueryError(Code.SYNTAX_ERROR, "Syntax error (Multi-statements are not allowed)")
        words = list(_words(formatted))
        reasons = chain(
            _files_of_the_client(words),
            self._restrictions(formatted, words, account, reads_only=reads_only)
            if account.is_restricted
            else (),
        )
        return _Verdict(
            reads_only=reads_only,
            keyword=words[0].text if words else "",
            refusal=next(iter(reasons), None),
            names=tuple(_names(words)),
            writes_input=bool(words)
            and words[0].text == "INSERT"
            and any((a.text.lower(), b.text) == ("input", "(") for a, b in pairwise(words)),
        )

    def _restrictions(
        self, formatted: str, words: list[_Word], account: Account, *, reads_only: bool
    ) -> Iterator[str]:
        if not reads_only and _WRITES.match(formatted) is None:
            yield "Not enough privileges: neither migrations nor pipelines need such a statement"
        yield from self._calls(words)
        yield from _of_others(words) if account.read_only else _foreign_engines(words)
        may_set = reader_may_set if account.read_only else writer_may_set
        for name in _settings(words):
            if not (may_set(name) or (words[0].text == "SET" and name.startswith("param_"))):
                yield f"Cannot modify '{name}' setting"

    def _calls(self, words: list[_Word]) -> Iterator[str]:
        for word, after in pairwise([*words, _END]):
            lowered = word.text.lower()
            # Without arguments, too: `arrayMap(file, …)` and `* APPLY file` call it.
            if lowered in self._functions or (
                after.text == "(" and lowered in self._table_functions
            ):
                yield f"Not enough privileges: {word.text} may not be called"

    def _check_name(self, value: str, account: Account) -> None:
        parts = value.split(".")
        if _PLAIN_NAME.fullmatch(value) is None:
            raise QueryError(Code.BAD_ARGUMENTS, "a parameter of type Identifier is no plain name")
        if any(part.lower() in self._functions for part in parts) or (
            account.read_only and any(_OF_OTHERS.fullmatch(part) for part in parts)
        ):
            raise QueryError(
                _code(account), "Not enough privileges: a parameter names what may not be used"
            )


_END = _Word("", is_quoted=True)


def _code(account: Account) -> Code:
    return Code.READONLY if account.read_only else Code.ACCESS_DENIED


def settings_of(formatted: str) -> list[str]:
    """The names that a formatted `SET` statement sets."""
    return list(_settings(list(_words(formatted))))


def _words(formatted: str) -> Iterator[_Word]:
    """Names, keywords, numbers and marks; a text between single quotes is one quote."""
    for match in _TOKEN.finditer(formatted):
        if match["quoted"] is not None:
            yield _Word(_ESCAPED.sub(r"\1", match["quoted"][1:-1]), is_quoted=True)
        elif match["text"] is not None:
            yield _Word("'", is_quoted=True)
        else:
            yield _Word(match[0], is_quoted=False)


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
        begins = word.text in {"SETTINGS", "SETTING"} or (word.text == "SET" and index == 0)
        if word.is_quoted or not begins:
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
