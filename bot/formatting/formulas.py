"""LaTeX formulas: tells them from other text between dollar signs, and writes them in Unicode."""

from __future__ import annotations

import re

from telegramify_markdown.latex_escape.const import (
    COMBINING,
    LATEX_STYLES,
    LATEX_SYMBOLS,
    NOT_MAP,
)
from telegramify_markdown.latex_escape.helper import LatexToUnicodeHelper

MAX_FORMULA_CHARACTERS = 2000
_STRUCTURES = (
    r"\frac \dfrac \tfrac \sqrt \text \textrm \operatorname \left \right \binom \boxed \pmod \not"
    r" \begin \overset \underset \stackrel \substack \overbrace \underbrace \xrightarrow"
    r" \xleftarrow \cancel \mathop"
)
_COMMANDS = frozenset((*LATEX_SYMBOLS, *LATEX_STYLES, *COMBINING, *NOT_MAP, *_STRUCTURES.split()))
_COMMAND = re.compile(r"\\[A-Za-z]+")
_SCRIPT_IN_BRACES = re.compile(r"[_^]\{[^{}]*\}")
_WORD = re.compile(
    r"(?!(?:log|exp|sin|cos|tan|min|max|lim|mod|gcd|det)(?![^\W\d_]))(?<![^\W\d_])[^\W\d_]{3,}"
)
_OPERATOR = re.compile(r"[=<>+*/^±\u00d7÷≤≥≠≈∈∞√∑∫→-]|_\w|[^\W\d_]\(|\d")
_SYMBOL = re.compile(r"[^\W\d_]'*")
_SIZED_FRACTION = re.compile(r"\\[dt]frac(?![A-Za-z])")
_BLANK_LINES = re.compile(r"\n\s*\n")

_latex = LatexToUnicodeHelper()


def is_formula(text: str) -> bool:
    """Whether a text between formula marks is a formula, and not prices, paths or words.

    It is one if it has a known LaTeX command, or an operator or digit and no word of three
    letters, or if it is a single letter.
    """
    body = text.strip()
    if not body or len(body) > MAX_FORMULA_CHARACTERS or _BLANK_LINES.search(body):
        return False
    if any(command in _COMMANDS for command in _COMMAND.findall(body)):
        return True
    bare = _SCRIPT_IN_BRACES.sub("^1", body)
    if _WORD.search(bare) or not any(character.isalnum() for character in body):
        return False
    return bool(_OPERATOR.search(bare) or _SYMBOL.fullmatch(bare))


def formula_text(latex: str) -> str:
    """The formula in Unicode; whatever Unicode cannot express stays as written."""
    body = latex.strip()
    known = _SIZED_FRACTION.sub(r"\\frac", body)
    if r"\begin" not in known:
        known = known.replace(r"\\", "\n")
    converted: str = _latex.convert(known)  # type: ignore[no-untyped-call] # published without types
    return _BLANK_LINES.sub("\n", converted).strip() or body
