"""Puts this server's users and query ids into statements that ask for them.

The engine has one user and gives queries ids of its own. So what a statement reads of
`currentUser()`, `queryID()`, `system.processes`, `SHOW GRANTS` and of the settings that a reader
may change is replaced before the engine sees it. A comment before each tells running queries apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from embedded.clickhouse.accounts import Account
from embedded.clickhouse.engine.connection import Connection, literal
from embedded.clickhouse.engine.job import Job
from embedded.clickhouse.engine.statements import READS, Statement, Token, tokens_of
from embedded.clickhouse.errors import Code, QueryError
from embedded.clickhouse_privileges import READER_LIMITS, READER_SETTINGS

_NAMES_OF_THE_USER = frozenset(
    {"CURRENTUSER", "CURRENT_USER", "USER", "SESSION_USER", "AUTHENTICATEDUSER", "AUTHUSER"}
)
_IDS_OF_THE_QUERY = frozenset({"QUERYID", "QUERY_ID", "INITIALQUERYID", "INITIAL_QUERY_ID"})
_SHOW_GRANTS = re.compile(
    rb"SHOW\s+GRANTS(?P<who>\s+FOR\s+(?:CURRENT_USER|[`\"]?(?P<name>\w+)[`\"]?))?\s*;?\s*",
    re.IGNORECASE,
)
_SHOW_PROCESSES = re.compile(rb"SHOW\s+PROCESSLIST\s*;?\s*", re.IGNORECASE)
_KILL = re.compile(
    r"KILL QUERY WHERE (?P<condition>.*?) (?P<how>SYNC|ASYNC|TEST)(?: FORMAT (?P<format>\w+))?",
    re.DOTALL,
)
# How clients learn which settings they may send. The engine would say none for readers.
_ASKS_FOR_SETTINGS = re.compile(
    rb"\s*SELECT name, value, readonly FROM system\.settings[A-Z0-9a-z\s]*"
)
_MAY_NOT_SET = (
    f"name NOT IN ({', '.join(repr(name) for name in sorted({*READER_SETTINGS, *READER_LIMITS}))})"
)
# A table without an alias is followed by one of these, or by a mark.
_AFTER_A_TABLE = frozenset(
    """
    WHERE PREWHERE SAMPLE GROUP ORDER LIMIT OFFSET FETCH FORMAT SETTINGS HAVING QUALIFY WINDOW INTO
    JOIN INNER LEFT RIGHT FULL CROSS ASOF ANY ALL SEMI ANTI GLOBAL ARRAY ON USING UNION EXCEPT
    INTERSECT PASTE NATURAL
    """.split()  # noqa: SIM905 # a list of words
)


def with_own_answers(statement: Statement, job: Job, running: Sequence[Job]) -> bytes:
    """The text of a statement that only reads, with this server's answers in it."""
    text, account = statement.text, job.account
    end = len(text) if statement.format_at is None else statement.format_at
    if statement.kind == "SHOW":
        asked = _SHOW_GRANTS.fullmatch(text, 0, end)
        if asked and asked["name"] in {None, account.name.encode()}:
            return _grants(account, of_whom=asked["who"] or b"") + text[end:]
        if _SHOW_PROCESSES.fullmatch(text, 0, end):
            shown = b"SELECT * FROM " + processes(running) + b" ORDER BY elapsed DESC "
            return shown + text[end:]
    if statement.kind not in READS:
        return text
    if account.read_only and _ASKS_FOR_SETTINGS.fullmatch(text):
        return text.replace(b"readonly", f"{_MAY_NOT_SET} AS readonly".encode(), 1)
    if re.search(rb"user|processes|query_?id", text, re.IGNORECASE):
        return _replaced(text, job, running)
    return text


def _grants(account: Account, *, of_whom: bytes) -> bytes:
    grants = ", ".join(literal(f"{grant} TO {account.name}") for grant in account.grants)
    column = "GRANTS" + of_whom.decode("latin-1").replace("`", "")
    return f"SELECT arrayJoin([{grants}]) AS `{column}` ".encode()


def _replaced(text: bytes, job: Job, running: Sequence[Job]) -> bytes:
    tokens = [*tokens_of(text), *[Token("", 0, len(text), len(text))] * 3]
    pieces, position, at = [], 0, 0
    while at < len(tokens) - 3:
        names = [_name(text, token) for token in tokens[at : at + 4]]
        before = tokens[at - 1].word if at else ""
        replaced, length = b"", 1
        asks = names[0] in _NAMES_OF_THE_USER | _IDS_OF_THE_QUERY and names[1:3] == ["(", ")"]
        if asks and before != ".":
            own = job.query_id if names[0] in _IDS_OF_THE_QUERY else job.account.name
            alias = text[tokens[at].start : tokens[at + 2].end].replace(b"`", b"")
            replaced = b"(%b AS `%b`)" % (literal(own).encode(), alias)
            length = 3
        elif names[:3] == ["SYSTEM", ".", "PROCESSES"] and before != "." and names[3] != ".":
            is_last = tokens[at + 3].start == len(text)
            has_no_alias = is_last or not names[3].isidentifier() or names[3] in _AFTER_A_TABLE
            replaced = processes(running) + (b" AS processes" if has_no_alias else b"")
            length = 3
        if replaced:
            pieces += [text[position : tokens[at].start], replaced]
            position = tokens[at + length - 1].end
        at += length
    return b"".join([*pieces, text[position:]])


def _name(text: bytes, token: Token) -> str:
    return text[token.start : token.end].decode("latin-1").strip('`"').upper()


def processes(running: Sequence[Job], *, extra: str = "") -> bytes:
    """`system.processes` as a subquery with the ids and users that clients know."""
    marks = _array(query.mark for query in running)
    columns = [
        ("query_id", _array(query.query_id for query in running)),
        ("initial_query_id", _array(query.query_id for query in running)),
        ("user", _array(query.account.name for query in running)),
        ("initial_user", _array(query.account.name for query in running)),
        ("query", _array(query.client_text for query in running)),
    ]
    replaced = ", ".join(
        f"transform(_mark, {marks}, {values}, {name}) AS {name}" for name, values in columns
    )
    marked = "SELECT *, substring(query, 3, 16) AS _mark FROM system.processes"
    return f"(SELECT * EXCEPT (_mark) REPLACE ({replaced}){extra} FROM ({marked}))".encode()  # noqa: S608 # literals


def _array(texts: Iterable[str]) -> str:
    return f"[{', '.join(map(literal, texts))}]"


def kill(connection: Connection, text: bytes, running: Sequence[Job], *, own: Job) -> memoryview:
    """Kill all queries but the own that a `KILL QUERY` chooses in the clients' terms.

    Returns:
        The answer, in the own default format unless the statement names another.
    """
    asked = _KILL.fullmatch(connection.formatted(text))
    if asked is None:
        raise QueryError(Code.NOT_IMPLEMENTED, "only KILL QUERY WHERE is offered")
    source = processes(running, extra=", _mark AS mark_of_query").decode()
    condition = _replaced(asked["condition"].encode(), own, running).decode()
    others = f"mark_of_query != '{own.mark}' AND ({condition})"
    listed = connection.run(f"SELECT mark_of_query FROM {source} WHERE {others}".encode())  # noqa: S608 # judged
    marks = _array(listed.tobytes().decode().split())
    status = "finished" if asked["how"] == "SYNC" else "waiting"
    rows = f"SELECT '{status}' AS kill_status, query_id, user, query FROM {source}"  # noqa: S608 # literals
    chosen = f"mark_of_query IN {marks}"
    shown = connection.run(f"{rows} WHERE {chosen}".encode(), asked["format"] or own.default_format)
    if asked["how"] != "TEST":
        chosen = f"substring(query, 3, 16) IN {marks}"
        connection.run(f"KILL QUERY WHERE {chosen} {asked['how']}".encode())
    return shown
