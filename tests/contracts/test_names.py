"""One name has one meaning: no two public classes of the product share a name."""

from __future__ import annotations

import ast
from collections import defaultdict
from functools import cache

from tests.contracts.test_tree import PROJECT, modules

# A name of several classes -> the reason why it stays. Empty: every name is unique.
SHARED: dict[str, str] = {}


@cache
def shared_names() -> dict[str, list[str]]:
    """Public classes outside of tests, also nested ones: shared name -> files."""
    places = defaultdict(list)
    for path in sorted(modules()):
        if path.parts[0] == "tests":
            continue
        for node in ast.walk(ast.parse((PROJECT / path).read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(path.as_posix())
    return {name: files for name, files in places.items() if len(files) > 1}


def test_no_two_public_classes_share_a_name_without_a_reason() -> None:
    assert {name: files for name, files in shared_names().items() if name not in SHARED} == {}


def test_every_shared_name_with_a_reason_is_still_shared() -> None:
    assert SHARED.keys() <= shared_names().keys()
