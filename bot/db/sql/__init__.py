"""The bot's SQL statements, one per file; each file's first line says what a row means.

`{name}` in a statement is replaced by `parts/<name>.sql`, which several statements share.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

from sqlalchemy import TextClause, text

_PART = re.compile(r"\{(\w+)\}")


@cache
def statement(name: str) -> TextClause:
    """The statement in `<name>.sql`, with `:name` parameters."""
    return text(_PART.sub(lambda found: _read(f"parts/{found[1]}"), _read(name)))


def _read(name: str) -> str:
    return files(__package__).joinpath(f"{name}.sql").read_text(encoding="utf-8")
