"""Shapes that several reports share."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Filters:
    """Narrow a report to one value per dimension. None does not narrow."""

    bot_id: int | None = None
    chat_type: str | None = None
    language: str | None = None
    model: str | None = None
    """The model that answered, else the one asked."""


NO_FILTERS = Filters()
