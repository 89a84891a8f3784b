"""Counts odd phrases in docstrings, comments and documents, and holds each folder to its budget.

`python -m tests.prose` (part of `make check`) fails where a folder has more of them than
`tests/prose.toml` allows. `python -m tests.prose FOLDER ...` lists them with their places;
`python -m tests.prose --lower` writes lower counts into the budget and never a higher one.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).parents[1]
BUDGET = Path(__file__).with_suffix(".toml")
FOLDERS = (
    "api",
    "bot",
    "common",
    "dashboards",
    "deploy",
    "embedded",
    "migrations",
    "pipelines",
    "simulator",
    "warehouse",
    "benchmarks",
    "tests",
    "docs",
)
PAGES = ("README.md", "CONTRIBUTING.md", "SECURITY.md")

# A sentence begins after a full stop, a colon, a dash of a list, in a cell, a title or a bracket.
START = r"(?:^|(?<=[.:;!?] )|(?<=\| )|(?<=\())(?:[-*#>] *|\d+\. |\*\*|`)*"
# Read first: most files have none of these words, and need not be parsed.
WORDS = re.compile(r"\b(?:What|Who|Whoever|Whom|[Nn]obody|goes|stands?|stood|away|Of|[Kk]nows?)\b")
PATTERNS = {
    # A question may begin with one of these, a statement not.
    "What": re.compile(START + r"What\b(?![^.:;|]*\?)", re.MULTILINE),
    "Who": re.compile(START + r"(?:Who(?:ever|m)?)\b(?![^.:;|]*\?)", re.MULTILINE),
    "Knows no": re.compile(r"\b[Kk]nows? (?:no|nothing|neither|only)\b"),
    "nobody": re.compile(r"\b[Nn]obody\b"),
    "go, stand, away": re.compile(
        r"\b(?:goes|stands?|stood)\b(?!-| (?:in|by)\b)|\b(?:is|are|was|were|be|been) away\b"
    ),
    "Of a": re.compile(START + r"Of\b", re.MULTILINE),
}
# Files that are not read, each with its reason.
UNREAD = {
    r"migrations/\w+/versions/.*": "a committed migration never changes",
    r"tests/migrations/released/.*": "what earlier versions wrote",
    r"docs/settings\.md": "written from docstrings, which are counted where they stand",
    r"(.*/)?(node_modules|dist|__pycache__)/.*": "not ours",
}
# Phrases that stay, each with its reason: (file, words around the phrase).
EXCEPTIONS: dict[tuple[str, str], str] = {}


@dataclass(frozen=True, slots=True)
class OddPhrase:
    path: str
    line: int
    pattern: str
    text: str

    @property
    def folder(self) -> str:
        """The first folder; of tests the second too."""
        parts = self.path.split("/")
        return "/".join(parts[: 2 if parts[0] == "tests" and len(parts) > 2 else 1])


def python_texts(source: str) -> Iterator[tuple[int, str]]:
    """Docstrings, also of attributes, and comments; lines of comments that follow are one."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            value = node.value.value
            if isinstance(value, str):
                yield node.lineno, value
    begin, lines, last = 0, [], (-1, -1)
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type != tokenize.COMMENT:
            continue
        if token.start != (last[0] + 1, last[1]):
            if lines:
                yield begin, " ".join(lines)
            begin, lines = token.start[0], []
        lines.append(token.string.lstrip("#:! "))
        last = token.start
    if lines:
        yield begin, " ".join(lines)


def sql_texts(source: str) -> Iterator[tuple[int, str]]:
    begin, lines = 0, []
    for number, line in enumerate([*source.splitlines(), ""], start=1):
        _, dashes, comment = line.partition("--")
        if dashes:
            begin = begin or number
            lines.append(comment.strip())
        elif lines:
            yield begin, " ".join(lines)
            begin, lines = 0, []


def markdown_texts(source: str) -> Iterator[tuple[int, str]]:
    """Paragraphs, list items, rows of tables and titles, without blocks of code."""
    begin, lines, is_code = 0, [], False
    for number, line in enumerate([*source.splitlines(), ""], start=1):
        is_fence = line.lstrip().startswith("```")
        is_code = is_code != is_fence
        is_text = bool(line.strip()) and not is_code and not is_fence
        if lines and (not is_text or re.match(r"\s*([-*|#>]|\d+\. )", line)):
            yield begin, " ".join(lines)
            lines = []
        if is_text:
            begin = number if not lines else begin
            lines.append(line.strip())


READERS = {".py": python_texts, ".sql": sql_texts, ".md": markdown_texts}


def files(folders: tuple[str, ...] = FOLDERS) -> Iterator[Path]:
    for folder in folders:
        yield from (path for path in sorted((PROJECT / folder).rglob("*")) if path.is_file())
    yield from (PROJECT / page for page in PAGES)


def find(path: str, source: str) -> Iterator[OddPhrase]:
    for line, text in READERS[Path(path).suffix](source):
        joined = re.sub(r"\n[ \t]*(?=\S)", " ", text)  # lines of a paragraph; not paragraphs
        for name, pattern in PATTERNS.items():
            for match in pattern.finditer(joined):
                around = joined[max(0, match.start() - 20) : match.end() + 40]
                if not any(path == file and phrase in around for (file, phrase) in EXCEPTIONS):
                    yield OddPhrase(path, line, name, " ".join(around.split()))


def findings() -> list[OddPhrase]:
    found = []
    for path in files():
        name = path.relative_to(PROJECT).as_posix()
        if path.suffix not in READERS or any(re.fullmatch(unread, name) for unread in UNREAD):
            continue
        source = path.read_text(encoding="utf-8")
        if WORDS.search(source):
            found += find(name, source)
    return found


def budget() -> dict[str, int]:
    """How many each folder may still have."""
    sections = tomllib.loads(BUDGET.read_text(encoding="utf-8"))
    return {folder: section["max"] for folder, section in sections.items()}


def write_budget(allowed: dict[str, int]) -> None:
    # A section each, with lines between: two branches that lower their own do not conflict.
    header = """\
# Odd phrases (tests/prose.py) that each folder may still have.
# Only `python -m tests.prose --lower` writes here. The aim is fewer than 74 in the whole tree.
"""
    sections = (
        f'\n["{folder}"]\nmax = {most}\n' for folder, most in sorted(allowed.items()) if most
    )
    BUDGET.write_text(header + "".join(sections), encoding="utf-8")


def complaints(found: list[OddPhrase]) -> list[str]:
    """A line for each folder over its budget."""
    allowed = budget()
    return [
        f"{folder}: {count} odd phrases, {allowed.get(folder, 0)} allowed (tests/prose.toml)."
        f" To see them: python -m tests.prose {folder}"
        for folder, count in sorted(Counter(finding.folder for finding in found).items())
        if count > allowed.get(folder, 0)
    ]


def main(arguments: list[str]) -> int:
    found = findings()
    if arguments == ["--lower"]:
        counts = Counter(finding.folder for finding in found)
        write_budget({folder: min(most, counts[folder]) for folder, most in budget().items()})
        return 0
    if arguments:
        for finding in found:
            if finding.path.startswith(tuple(arguments)):
                sys.stdout.write(
                    f"{finding.path}:{finding.line}: {finding.pattern}: {finding.text}\n"
                )
        return 0
    wrong = complaints(found)
    sys.stderr.writelines(f"{line}\n" for line in wrong)
    sys.stdout.write(f"{len(found)} odd phrases {dict(Counter(one.pattern for one in found))}\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
