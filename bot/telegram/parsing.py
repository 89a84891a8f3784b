"""Parses what Telegram sends as far as the bot needs it.

A field beside the point that cannot be parsed (a forward without a name, a poll of an older
server) is left out; what the bot needs must be whole.
"""

from __future__ import annotations

import json
from typing import Any

from aiogram import Bot
from aiogram.types import Update
from pydantic import ValidationError

MAX_ROUNDS = 12
"""Each leaves out at least one field; a field that was required takes its surroundings along."""
DEFAULTS: dict[str, Any] = {"first_name": "", "is_bot": False, "date": 0}
"""What stands for a field that the bot can do without and the library cannot."""
NEEDED = frozenset({"message_id", "from", "chat", "text", "caption", "data", "id"})
"""Fields of an event that are never left out."""
EVENT_DEPTH = 2

Path = tuple[str | int, ...]


def parse(raw: Any, bot: Bot) -> Update:
    """One raw update, bound to the bot.

    Raises:
        ValidationError: something that the bot needs cannot be parsed.
    """
    try:
        return Update.model_validate(raw, context={"bot": bot})
    except ValidationError as error:
        if not isinstance(raw, dict):
            raise
        first = error
    usable = json.loads(json.dumps(raw))
    problem = first
    for _ in range(MAX_ROUNDS):
        fills, drops = set(), set()
        for each in problem.errors(include_url=False, include_input=False, include_context=False):
            path, field = _place_of(usable, each["loc"])
            if each["type"] == "missing" and field in DEFAULTS:
                fills.add((*path, field))
            elif path and path[-1] in DEFAULTS:
                fills.add(path)
            elif len(path) < EVENT_DEPTH or (len(path) == EVENT_DEPTH and path[-1] in NEEDED):
                raise first
            else:
                drops.add(path)
        _mend(usable, fills, drops)
        try:
            return Update.model_validate(usable, context={"bot": bot})
        except ValidationError as error:
            problem = error
    raise first


def _place_of(raw: Any, location: tuple[str | int, ...]) -> tuple[Path, str | int]:
    """The innermost part of the update that an error is about, and what the error names in it."""
    path: list[str | int] = []
    for step in location:
        # The names of alternatives stand in the location too, and are no part of the update.
        is_there = (isinstance(raw, dict) and step in raw) or (
            isinstance(raw, list) and isinstance(step, int) and step < len(raw)
        )
        if is_there:
            path.append(step)
            raw = raw[step]
    return tuple(path), location[-1]


def _mend(raw: Any, fills: set[Path], drops: set[Path]) -> None:
    for path in fills:
        place = _inside(raw, path[:-1])
        if isinstance(place, dict):
            place[path[-1]] = DEFAULTS[str(path[-1])]
    # From the end, so that a place in a list stays the place that was meant.
    for path in sorted(drops, key=lambda each: [str(step).zfill(6) for step in each], reverse=True):
        del _inside(raw, path[:-1])[path[-1]]


def _inside(raw: Any, path: Path) -> Any:
    for step in path:
        raw = raw[step]
    return raw
