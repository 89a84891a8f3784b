"""`sessions`: turns of a person with a bot without a pause of half an hour."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from statistics import median

from tests.recount.facts import ratio
from tests.recount.view import Expected, Row, View
from tests.recount.zones import moment

PAUSE_MICROSECONDS = 30 * 60 * 1_000_000
COLUMNS = ("start", "sessions", "session_turns", "turns_per_session", "session_p50_ms")
Session = list[int]
"""When its turns were received, in microseconds."""


def sessions(view: View) -> Expected:
    since, until = view.period.since, view.period.until
    starts = view.period.zone.bucket_starts(since, until, view.period.bucket)
    edges = [*(max(start, since) for start in starts), until]
    everyone = list(_sessions(view))
    found: list[Row] = [
        {"start": moment(begin), **_figures(everyone, begin, end)} for begin, end in pairwise(edges)
    ]
    return Expected(
        {"sessions": {**_figures(everyone, since, until), "points": found}}, COLUMNS, found
    )


def _sessions(view: View) -> Iterable[Session]:
    """All sessions of the turns that the filters let pass, whenever they were."""
    facts = view.facts
    running: dict[tuple[int, int], Session] = {}
    for row in view.filtered(facts.all):
        if not facts.is_person[row]:
            continue
        key, at = (int(facts.user[row]), int(facts.bot[row])), int(facts.at[row])
        session = running.get(key)
        if session and at - session[-1] < PAUSE_MICROSECONDS:
            session.append(at)
            continue
        if session:
            yield session
        running[key] = [at]
    yield from running.values()


def _figures(everyone: Iterable[Session], since: int, until: int) -> Row:
    begun = [session for session in everyone if since <= session[0] < until]
    turns = sum(len(session) for session in begun)
    return {
        "sessions": len(begun),
        "session_turns": turns,
        "turns_per_session": ratio(turns, len(begun)),
        "session_p50_ms": median(one[-1] - one[0] for one in begun) / 1000 if begun else None,
    }
