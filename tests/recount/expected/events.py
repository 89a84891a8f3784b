"""`commands`, `blocks`: events by the time of their receipt."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

from tests.recount.facts import Event
from tests.recount.view import Expected, Row, View
from tests.recount.zones import moment


def commands(view: View) -> Expected:
    used = [event for event in _within(view) if event.kind == "command"]
    buckets: list[Row] = []
    points: list[Row] = []
    for start, here in _by_bucket(view, used):
        buckets.append({"start": start, **_uses(here)})
        points += [{"start": start, **row} for row in _by_name(here)]
    return Expected(
        {
            "commands": {
                **_uses(used),
                "names": _by_name(used),
                "buckets": buckets,
                "points": points,
            }
        },
        ("start", "name", "command_uses", "command_people"),
        points,
    )


def blocks(view: View) -> Expected:
    found = _within(view)
    points = [{"start": start, **_blocked(here)} for start, here in _by_bucket(view, found)]
    return Expected(
        {"blocks": {**_blocked(found), "points": points}},
        ("start", "blocked_people", "unblocked_people"),
        points,
    )


def _within(view: View) -> list[Event]:
    """The events of the period that all filters let pass."""
    return [
        event
        for event in view.facts.events
        if view.period.since <= event.at < view.period.until
        and all(event.value(name) == value for name, value in view.filters.items())
        and all(_passes(event, *condition) for condition in view.conditions)
    ]


def _passes(event: Event, operator: str, dimension: str, values: list[Any]) -> bool:
    value = event.value(dimension)
    if operator.startswith("contains"):
        hit = any(part in value for part in values)
    else:
        hit = value in values
    return hit != operator.endswith("not")


def _by_bucket(view: View, events: Iterable[Event]) -> Iterable[tuple[Any, list[Event]]]:
    edges = [*(max(start, view.period.since) for start in view.period.starts()), view.period.until]
    some = list(events)
    for begin, end in pairwise(edges):
        yield moment(begin), [event for event in some if begin <= event.at < end]


def _people(events: Iterable[Event]) -> int:
    return len({event.person for event in events} - {0})


def _uses(events: list[Event]) -> Row:
    return {"command_uses": len(events), "command_people": _people(events)}


def _by_name(events: list[Event]) -> list[Row]:
    names = {event.name for event in events}
    rows = [
        {"name": name, **_uses([event for event in events if event.name == name])} for name in names
    ]
    return sorted(rows, key=lambda row: (-row["command_uses"], row["name"]))


def _blocked(events: Iterable[Event]) -> Row:
    some = list(events)
    return {
        f"{kind}_people": _people(event for event in some if event.kind == kind)
        for kind in ("blocked", "unblocked")
    }
