"""What tests pretend with (tokens, passwords) stands in one place per suite."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from pathlib import Path

TESTS = Path(__file__).parents[1]
# A bot's token, or a made-up secret long enough to be accepted as one.
CREDENTIAL = re.compile(r"\d{2,}:[\w-]{20,}|(?=.*\d)(?=.*[-_])[\w-]{32,}")


def literals(path: Path) -> set[str]:
    return {
        node.value
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def test_a_credential_is_written_in_one_file_of_a_suite() -> None:
    places: dict[tuple[str, str], set[str]] = defaultdict(set)
    for path in TESTS.rglob("*.py"):
        for value in literals(path):
            if CREDENTIAL.fullmatch(value):
                places[path.relative_to(TESTS).parts[0], value].add(path.name)
    repeated = {key: files for key, files in places.items() if len(files) > 1}
    assert not repeated
