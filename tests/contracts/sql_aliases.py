"""Finds aliases that take a column's name and change its meaning for the rest of a SELECT.

ClickHouse prefers an alias over a column of the same name in the whole SELECT: after
`ifNull(cost, 0) AS cost` the next expression's `cost IS NULL` is never true. GROUP BY, HAVING and
ORDER BY are about the result: an alias there is meant.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

_TOKEN = re.compile(
    r"(?P<skip>--[^\n]*|/\*.*?\*/|\s+)"
    r"|(?P<value>'(?:[^'\\]|\\.)*'|(?<!\$)\{\w+:[^}]*\}|\$\{[^}]*\})"
    r"|(?P<name>`?[A-Za-z_$]\w*`?(?:\.(?:\w+|\*))*)|(?P<other>\d+|.)",
    re.DOTALL,
)
_CLAUSES = ("WITH", "SELECT", "FROM", "PREWHERE", "WHERE", "GROUP", "HAVING", "ORDER", "LIMIT")
_ENDS = (*_CLAUSES, "SETTINGS", "UNION")
_WORDS = frozenset({"AS", "AND", "OR", "NOT", "IN", "IS", "NULL", "DISTINCT", "INTERVAL", "BY"})

Item = list["Token | Query"]


@dataclass(frozen=True)
class Token:
    text: str
    is_name: bool = False


@dataclass
class Select:
    """One SELECT: the tokens of each clause; a subquery is one of them."""

    clauses: dict[str, Item] = field(default_factory=dict)

    def items(self, clause: str) -> Iterator[tuple[str | None, Item]]:
        """(alias, expression) of each item of WITH or SELECT."""
        item: Item = []
        depth = 0
        for token in [*self.clauses.get(clause, []), Token(",")]:
            text = token.text if isinstance(token, Token) else ""
            depth += (text in "([" and text != "") - (text in ")]" and text != "")
            if text == "," and not depth:
                yield _aliased(item)
                item = []
            else:
                item.append(token)


@dataclass
class Query:
    """Selects that UNION ALL joins."""

    selects: list[Select]

    def nested(self) -> Iterator[Query]:
        yield self
        for select in self.selects:
            for tokens in select.clauses.values():
                for token in tokens:
                    if isinstance(token, Query):
                        yield from token.nested()


def shadowing_aliases(sql: str, *, tables: Mapping[str, set[str]]) -> list[str]:
    """Aliases that change what a column's name means for another expression of their SELECT.

    Args:
        sql: one statement of ClickHouse.
        tables: columns by table.
    """
    found = []
    known = {name: set(columns) for name, columns in tables.items()}
    for query in _parsed(sql).nested():
        for select in query.selects:
            for name, expression in select.items("WITH"):
                # `name AS (SELECT ...)` names a table.
                if name is None and len(expression) == 3 and isinstance(expression[2], Query):
                    known[_text(expression[0])] = _outputs(expression[2], known)
            found += _shadowing(select, known)
    return found


def _shadowing(select: Select, known: Mapping[str, set[str]]) -> list[str]:
    columns = _sources(select, known)
    items = [item for clause in ("WITH", "SELECT") for item in select.items(clause)]
    found = []
    for alias, expression in items:
        if alias is None or _is_column(expression, alias):
            continue
        if alias not in columns and alias not in _mentioned(expression):
            continue
        others = [other for name, other in items if other is not expression]
        others += [select.clauses.get(clause, []) for clause in ("PREWHERE", "WHERE")]
        if any(alias in _mentioned(other) for other in others):
            found.append(alias)
    return found


def _sources(select: Select, known: Mapping[str, set[str]]) -> set[str]:
    """Columns that the SELECT can name without saying of which table."""
    columns: set[str] = set()
    for token in select.clauses.get("FROM", []):
        columns |= (
            _outputs(token, known) if isinstance(token, Query) else known.get(token.text, set())
        )
    return columns


def _outputs(query: Query, known: Mapping[str, set[str]]) -> set[str]:
    columns: set[str] = set()
    for alias, expression in query.selects[0].items("SELECT"):
        last = _text(expression[-1]) if expression else ""
        if alias is not None:
            columns.add(alias)
        elif len(expression) == 1 and last.rpartition(".")[2] not in {"*", ""}:
            columns.add(last.rpartition(".")[2])
        else:
            columns |= _sources(query.selects[0], known)
    return columns


def _mentioned(expression: Item) -> set[str]:
    """Names without a table in front, of columns or aliases."""
    names = set()
    for token, following in pairwise([*expression, Token("")]):
        if not isinstance(token, Token) or not token.is_name or token.text.upper() in _WORDS:
            continue
        if _text(following) != "(" and "." not in token.text:
            names.add(token.text)
    return names


def _is_column(expression: Item, name: str) -> bool:
    """Whether the expression is nothing but that column."""
    return len(expression) == 1 and _text(expression[0]).rpartition(".")[2] == name


def _aliased(item: Item) -> tuple[str | None, Item]:
    if len(item) > 2 and _text(item[-2]).upper() == "AS" and isinstance(item[-1], Token):
        return item[-1].text, item[:-2]
    return None, item


def _text(token: Token | Query) -> str:
    return token.text if isinstance(token, Token) else ""


def _parsed(sql: str) -> Query:
    return _query(
        deque(
            Token(found[0].strip("`"), is_name=found["name"] is not None)
            for found in _TOKEN.finditer(sql)
            if found["skip"] is None
        )
    )


def _query(tokens: deque[Token]) -> Query:
    """The query at the start of the tokens, taken from them with the parenthesis that ends it."""
    select, clause, depth = Select(), "", 0
    query = Query([select])
    while tokens:
        token = tokens.popleft()
        word = token.text.upper()
        if token.text == "(":
            if tokens[0].text.upper() in {"SELECT", "WITH"}:
                select.clauses.setdefault(clause, []).append(_query(tokens))
                continue
            depth += 1
        elif token.text == ")":
            if not depth:
                return query
            depth -= 1
        elif token.is_name and not depth and word in _ENDS:
            if word == "UNION":
                select = Select()
                query.selects.append(select)
            clause = word
            select.clauses.setdefault(clause, [])
            continue
        select.clauses.setdefault(clause, []).append(token)
    return query
