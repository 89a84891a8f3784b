"""The bot's SQL statements, one per file; each file's first line says what a row means."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from sqlalchemy import TextClause, text


@cache
def statement(name: str) -> TextClause:
    """The statement in `<name>.sql`, with `:name` parameters."""
    return text(files(__package__).joinpath(f"{name}.sql").read_text(encoding="utf-8"))
