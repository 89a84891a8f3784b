"""SQL lives in files: one statement each, whose first line says what a row means."""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import cache
from pathlib import Path

HERE = Path(__file__).parents[1] / "sql"


@cache
def statement(name: str) -> str:
    """The text of `sql/<name>.sql`; `name` is like `rollups/activity`."""
    return (HERE / f"{name}.sql").read_text(encoding="utf-8").strip().removesuffix(";")


_ONLY_FOR = re.compile(r" -- for (\w+)$")


def kept(sql: str, wanted: Collection[str] = ()) -> str:
    """The lines that are for everybody, or marked as for something wanted."""
    return _kept(sql, frozenset(wanted))


@cache
def _kept(sql: str, wanted: frozenset[str]) -> str:
    return "\n".join(
        line
        for line in sql.splitlines()
        if (mark := _ONLY_FOR.search(line)) is None or mark[1] in wanted
    )


_INCREMENTAL = re.compile(r"^ *-- incremental$.*?^ *-- ends$", re.MULTILINE | re.DOTALL)


def of_whole_days(name: str) -> str:
    """The statement without the lines that are for incremental builds alone."""
    return _INCREMENTAL.sub("", statement(name))


EVERY_NODE = "/* ON CLUSTER */"
"""Where a statement about one node's table says that a cluster runs it on all of them."""


def on_every_node(sql: str, *, cluster: str) -> str:
    """The statement for this topology; `cluster` is empty on one machine."""
    return sql.replace(EVERY_NODE, f"ON CLUSTER `{cluster}`") if cluster else sql


def all_statements() -> dict[str, str]:
    """Every statement by name."""
    return {
        path.relative_to(HERE).with_suffix("").as_posix(): path.read_text(encoding="utf-8").strip()
        for path in sorted(HERE.rglob("*.sql"))
    }
