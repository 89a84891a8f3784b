"""Parses updates leniently.

An optional field that cannot be parsed (a forward without a name, a poll of an older server) is
dropped; the fields that the bot needs must be valid.
"""

from __future__ import annotations

import json
from typing import Any

from aiogram import Bot
from aiogram.types import Update
from pydantic import ValidationError

MAX_ROUNDS = 12
"""Each round drops at least one field, or its parent if the field is required."""
DEFAULTS: dict[str, Any] = {"first_name": "", "is_bot": False, "date": 0}
"""Values for fields that the library requires and the bot does not."""
NEEDED = frozenset({"message_id", "from", "chat", "text", "caption", "data", "id"})
"""Fields of an event that are never dropped."""
EVENT_DEPTH = 2

Path = tuple[str | int, ...]


def parse_update(raw: Any, bot: Bot) -> Update:
    """One raw update, bound to the bot.

    Raises:
        ValidationError: a field that the bot needs cannot be parsed.
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
            path, field = _location_of(usable, each["loc"])
            if each["type"] == "missing" and field in DEFAULTS:
                fills.add((*path, field))
            elif path and path[-1] in DEFAULTS:
                fills.add(path)
            elif len(path) < EVENT_DEPTH or (len(path) == EVENT_DEPTH and path[-1] in NEEDED):
                raise first
            else:
                drops.add(path)
        _repair(usable, fills, drops)
        try:
            return Update.model_validate(usable, context={"bot": bot})
        except ValidationError as error:
            problem = error
    raise first


def _location_of(raw: Any, location: tuple[str | int, ...]) -> tuple[Path, str | int]:
    """The path of the innermost existing value that an error is about, and the field it names."""
    path: list[str | int] = []
    for step in location:
        # The location also contains names of union members, which are not part of the update.
        is_there = (isinstance(raw, dict) and step in raw) or (
            isinstance(raw, list) and isinstance(step, int) and step < len(raw)
        )
        if is_there:
            path.append(step)
            raw = raw[step]
    return tuple(path), location[-1]


def _repair(raw: Any, fills: set[Path], drops: set[Path]) -> None:
    for path in fills:
        parent = _inside(raw, path[:-1])
        if isinstance(parent, dict):
            parent[path[-1]] = DEFAULTS[str(path[-1])]
    # From the end, so that list indexes stay valid.
    for path in sorted(drops, key=lambda each: [str(step).zfill(6) for step in each], reverse=True):
        del _inside(raw, path[:-1])[path[-1]]


def _inside(raw: Any, path: Path) -> Any:
    for step in path:
        raw = raw[step]
    return raw
