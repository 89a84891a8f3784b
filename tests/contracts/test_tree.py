"""The folders are those of docs/architecture.md, and small enough to look through."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).parents[2]
DOCUMENT = PROJECT / "docs" / "architecture.md"
PACKAGES = (
    "api",
    "benchmarks",
    "bot",
    "common",
    "dashboards",
    "deploy",
    "embedded",
    "migrations",
    "pipelines",
    "simulator",
    "tests",
    "warehouse",
)
MAX_MODULES = 14
MAX_LINES = 400
"""Lines of a module of the product. Most have less than 300, only declarations more than 350."""
# A migration is never moved, and a report is one module.
UNCOUNTED = re.compile(r"migrations/\w+/versions|warehouse/reports")


def modules() -> Iterator[Path]:
    for package in PACKAGES:
        for path in (PROJECT / package).rglob("*.py"):
            relative = path.relative_to(PROJECT)
            if "node_modules" not in relative.parts:
                yield relative


def drawn() -> set[str]:
    """The folders of the tree in the document, as paths."""
    text = DOCUMENT.read_text(encoding="utf-8")
    [block] = re.findall(r"## Tree\n.*?```text\n(.*?)```", text, re.DOTALL)
    folders, top = set(), ""
    for line in block.splitlines():
        if found := re.match(r"(?P<indent> *)(?P<name>\w+)/", line):
            if found["indent"]:
                folders.add(f"{top}/{found['name']}")
            else:
                top = found["name"]
                folders.add(top)
    return folders


def test_the_document_draws_every_folder_of_code():
    rooms = {"/".join(path.parts[:2]) for path in modules() if len(path.parts) > 2}
    rooms = {room for room in rooms if not room.startswith("tests/")}
    shown = {folder for folder in drawn() if not folder.startswith("tests/")}
    assert shown == rooms | set(PACKAGES)


def test_the_document_draws_no_folder_of_tests_that_is_absent():
    assert all((PROJECT / folder).is_dir() for folder in drawn())


def test_no_folder_has_more_modules_than_one_looks_through():
    counts = Counter(path.parent.as_posix() for path in modules() if path.name != "__init__.py")
    wide = {
        folder: count
        for folder, count in counts.items()
        if count > MAX_MODULES and not UNCOUNTED.fullmatch(folder)
    }
    assert wide == {}


def test_no_module_is_longer_than_one_reads():
    lengths = {
        path.as_posix(): len((PROJECT / path).read_text(encoding="utf-8").splitlines())
        for path in modules()
        if path.parts[0] != "tests" and path.parent.name != "versions"
    }
    assert {path: lines for path, lines in lengths.items() if lines > MAX_LINES} == {}
