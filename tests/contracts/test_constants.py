"""Credentials, ids and texts that several tests of a suite use are in its `constants` module."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
# A bot's token, or a made-up secret long enough to be accepted as one.
CREDENTIAL = re.compile(r"\d{2,}:[\w-]{20,}|(?=.*\d)(?=.*[-_])[\w-]{32,}")
SENTENCE = re.compile(r"\W*\w[\w'\u2019-]*( [\w'\u2019.,:?!/=-]+)+\W*")
STATEMENT = re.compile(r"\W*(ALTER|CREATE|DELETE|DROP|INSERT|SELECT|SET|TRUNCATE|UPDATE|WITH)\b")
# Parts of policies and statements, each compared by a test of its own.
PARTS = re.compile(r"\w+-\w+ '\w+'|\w+=\w+")
MIN_ID = 100_000
# Shorter ones are labels and single words.
MIN_TEXT = 12


def is_credential(value: object) -> bool:
    return isinstance(value, str) and CREDENTIAL.fullmatch(value) is not None


def is_text(value: object) -> bool:
    return (
        isinstance(value, str)
        and len(value) >= MIN_TEXT
        and SENTENCE.fullmatch(value) is not None
        and not STATEMENT.match(value)
        and not PARTS.fullmatch(value)
    )


def is_id(value: object) -> bool:
    """A person, a chat, a moment; 300,000 rows are a number of something."""
    return isinstance(value, int) and value > MIN_ID and len(str(value).rstrip("0")) > 1


@cache
def modules() -> list[tuple[str, Path, ast.Module]]:
    """Suite, path and tree of each module of tests."""
    return [
        (parts[0], path, ast.parse(path.read_text(encoding="utf-8")))
        for path in TESTS.rglob("*.py")
        if len(parts := path.relative_to(TESTS).parts) > 1 and "node_modules" not in parts
    ]


@cache
def literals(tree: ast.Module) -> set[object]:
    """Literals of the code, without docstrings."""
    documents = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and id(node) not in documents
    }


def constants(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Name and value of each constant that is no number and no place of the project."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name, value = node.targets[0].id, ast.unparse(node.value)
            is_place = "__file__" in value or "PROJECT" in value
            if name.isupper() and not is_place and not value.replace("_", "").isdigit():
                yield name, value


def repeated(
    places: dict[tuple[str, object], set[str]], most: int = 1
) -> dict[tuple[str, object], set[str]]:
    return {key: files for key, files in places.items() if len(files) > most}


@pytest.mark.parametrize(
    ("kind", "most"),
    # Two tests may say the same words by chance.
    [(is_credential, 1), (is_id, 1), (is_text, 2)],
)
def test_a_literal_of_several_tests_is_written_once(
    kind: Callable[[object], bool], most: int
) -> None:
    places: dict[tuple[str, object], set[str]] = defaultdict(set)
    for suite, path, tree in modules():
        for value in literals(tree):
            if kind(value):
                places[suite, value].add(path.name)
    assert not repeated(places, most), "move it to the suite's constants module"


def test_a_constant_of_several_tests_is_defined_once() -> None:
    places: dict[tuple[str, object], set[str]] = defaultdict(set)
    for suite, path, tree in modules():
        for constant in constants(tree):
            places[suite, constant].add(path.name)
    assert not repeated(places), "move it to the suite's constants module"
