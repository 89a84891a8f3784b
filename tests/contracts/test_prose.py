"""The lint of phrases (tests/prose.py) finds them where people read, and nowhere else."""

from __future__ import annotations

import pytest

from tests.prose import find


def patterns(path: str, source: str) -> list[str]:
    return [finding.pattern for finding in find(path, source)]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('"""What a handler is given."""', ["What"]),
        ('"""Parses a line. What it says is kept."""', ["What"]),
        ('"""What is kept?"""', []),
        ('"""Somebody asks what is kept."""', []),
        ("# Whoever waits, waits here.\n", ["Who"]),
        ("# Whole days only.\n", []),
        ('"""Sends messages. Knows no\n    transport."""', ["Knows no"]),
        ("x = 1  # nobody reads it\n", ["nobody"]),
        ("# The database is away.\n# It stands there.\n", ["go, stand, away"] * 2),
        ("# A stand-in can stand in for others.\n", []),
        ("# Several lines,\n# of which the\n# last counts. Of a row, the\n# first.\n", ["Of a"]),
        ('x = "What nobody knows goes away."\n', []),
    ],
)
def test_python(source: str, expected: list[str]) -> None:
    assert patterns("api/app.py", source) == expected


@pytest.mark.parametrize(
    ("path", "source", "expected"),
    [
        ("a.sql", "-- What a row is\nSELECT 'nobody'\n-- Of a day\n", ["What", "Of a"]),
        ("a.md", "# What it costs\n\n| day | Who asks |\n", ["What", "Who"]),
        ("a.md", "- a list\n- Of it, two\n\n```sql\n-- nobody\n```\n", ["Of a"]),
    ],
)
def test_sql_and_documents(path: str, source: str, expected: list[str]) -> None:
    assert patterns(path, source) == expected
