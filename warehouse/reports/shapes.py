"""Shapes that several reports share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class Condition(NamedTuple):
    """A filter of turns by the values of one dimension."""

    operator: str
    """`is`, `is_not`, `contains` or `contains_not`."""
    dimension: str
    values: tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Filters:
    """Narrow a report to one value per dimension, None does not narrow; and by conditions."""

    bot_id: int | None = None
    chat_type: str | None = None
    language: str | None = None
    model: str | None = None
    """The model that answered, else the one asked."""
    conditions: tuple[Condition, ...] = ()
    """All of them hold."""


NO_FILTERS = Filters()
