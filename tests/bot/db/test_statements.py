"""Lines that several of the bot's statements need are in one part."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

from bot.db.sql import statement

SQL = Path(__file__).parents[3] / "bot" / "db" / "sql"
MAX_SHARED_LINES = 4


def code(path: Path) -> list[str]:
    """The lines of a statement without comments and indentation."""
    lines = (" ".join(line.split()) for line in path.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line and not line.startswith("--")]


def test_no_two_statements_repeat_the_same_lines() -> None:
    places = defaultdict(set)
    for path in SQL.rglob("*.sql"):
        lines = code(path)
        for first in range(len(lines) - MAX_SHARED_LINES):
            places[*lines[first : first + MAX_SHARED_LINES + 1]].add(path.stem)
    assert [sorted(names) for names in places.values() if len(names) > 1] == []


def test_every_part_is_used_and_none_is_missing() -> None:
    named = set()
    for path in SQL.glob("*.sql"):
        named |= set(re.findall(r"\{(\w+)\}", path.read_text(encoding="utf-8")))
        assert "{" not in statement(path.stem).text
    assert named == {path.stem for path in (SQL / "parts").glob("*.sql")}
