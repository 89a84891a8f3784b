"""What a reader may ask, beyond what the engine refuses by itself.

The engine refuses writes, settings and sources. Here stands what it lets through although it
touches the machine or other people's queries.
"""

from __future__ import annotations

import re
from dataclasses import replace

from embedded.clickhouse.accounts import READER_MAY_NOT_SET, READER_MAY_SET
from embedded.clickhouse.errors import Code, QueryError
from embedded.clickhouse.sessions import Session
from embedded.clickhouse.statements import Statement

# `file()` reads any file of the machine as a plain function and `ai…()` call the network. Names
# may be quoted and escaped, so a suspicion is enough to ask the engine for the syntax tree.
# `merge()` and `loop()` reach tables whose names stand nowhere in the tree. `Identifier`: a name
# that comes as a parameter.
_FUNCTION = re.compile(r"^ *Function (?P<name>\S+)", re.MULTILINE)
_FORBIDDEN = re.compile(r"file|ai[A-Z]\w*|AI[A-Z]\w*|merge|loop")
# What other people ask. A server keeps it from readers by its grants; here all are one user.
_OF_OTHERS = (
    "processes|processlist|user_processes|session_query_ids|query_cache|stack_trace|errors|backups"
    "|asynchronous_inserts|[a-z_]+_log"
)
_TABLE_OF_OTHERS = re.compile(
    rf"^ *(TableIdentifier (\S+\.)?|Identifier system\.)({_OF_OTHERS})( |$)", re.MULTILINE
)
_SUSPICION = re.compile(
    rf"file|\bai\w|\\|\bmerge\b|\bloop\b|\bidentifier\b|\b({_OF_OTHERS})\b".encode(), re.IGNORECASE
)
# Statements whose syntax tree shows every expression in them.
_OPEN_TREES = ("SelectWithUnionQuery", "SelectIntersectExceptQuery", "Explain", "DescribeQuery")
# How clients learn which settings they may send. The engine would say none: it has no profile in
# which settings are changeable for readers, so this server's rule is put in its place.
_ASKS_FOR_SETTINGS = re.compile(
    rb"\s*SELECT name, value, readonly FROM system\.settings[A-Z0-9a-z\s]*"
)
_OWN_RULE = (
    f"NOT match(name, '^({READER_MAY_SET})$')"
    f" OR name IN ({', '.join(repr(name) for name in sorted(READER_MAY_NOT_SET))})"
)


def as_readers_mean(statement: Statement) -> Statement:
    """The statement with this server's answer to which settings are changeable."""
    asked = _ASKS_FOR_SETTINGS.fullmatch(statement.text)
    if asked is None:
        return statement
    return replace(
        statement, text=statement.text.replace(b"readonly", f"{_OWN_RULE} AS readonly".encode(), 1)
    )


def refuse_more_than_reading(session: Session, statement: Statement) -> None:
    """Refuse what is not plain reading of tables.

    Raises:
        QueryError: the statement changes something, or reaches beyond the databases.
    """
    if not session.classify(statement.text).reads_only:
        raise QueryError(Code.READONLY, "Cannot execute query in readonly mode")
    if not _SUSPICION.search(statement.text):
        return
    tree = bytes(session.run(b"EXPLAIN AST " + statement.text, "TSVRaw")).decode("utf-8", "replace")
    if not tree.startswith(_OPEN_TREES) or any(
        _FORBIDDEN.fullmatch(found["name"]) for found in _FUNCTION.finditer(tree)
    ):
        raise QueryError(
            Code.READONLY,
            "Cannot use files, the network or tables by pattern in readonly mode:"
            " file(), ai…(), merge(), loop()",
        )
    if _TABLE_OF_OTHERS.search(tree):
        raise QueryError(Code.READONLY, "Cannot read what others ask in readonly mode")
