"""`retention`, `stickiness` and `lifecycle`: days of the report zone; `sessions`."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from statistics import median

from tests.recount.facts import ratio
from tests.recount.view import Expected, Row, View
from tests.recount.zones import moment

LIFECYCLE = (
    *("start", "active", "new", "returning", "resurrected", "dormant", "churned"),
    "is_partial",
)
CHURNED_AFTER = 28
WEEK, MONTH = 7, 30
PAUSE_MICROSECONDS = 30 * 60 * 1_000_000
SESSIONS = ("start", "sessions", "session_turns", "turns_per_session", "session_p50_ms")
Session = list[int]
"""When its turns were received, in microseconds."""


def _union(by_day: dict[int, set[int]], days: Iterable[int]) -> set[int]:
    return set().union(*(by_day.get(day, set()) for day in days))


def retention(view: View) -> Expected:
    width = view.arguments.get("width", "day")
    steps = int(view.arguments.get("steps", 30))
    days = 7 if width == "week" else 1
    active, new = view.people_by_day(), view.newcomers_by_day()
    first, last = view.days_shown()
    first = view.report.first_day_of(first, width)
    cohorts: list[Row] = []
    for start in range(first, last + 1, days):
        here = range(start, start + days)
        people = _union(new, here) & _union(active, here)
        finished = max((view.today - start) // days - 1, 0)
        counts = [
            len(people & _union(active, (day + step * days for day in here)))
            if step <= finished
            else None
            for step in range(steps + 1)
        ]
        cohorts.append({"start": view.date(start), "users": len(people), "active": counts})
    rows = [
        {"cohort": cohort["start"], "users": cohort["users"], width: step, "active": count}
        for cohort in cohorts
        for step, count in enumerate(cohort["active"])
    ]
    return Expected(
        {
            "width": width,
            "retention": {"width": width, "tz": view.report.name, "cohorts": cohorts},
        },
        ("cohort", "users", width, "active"),
        rows,
    )


def stickiness(view: View) -> Expected:
    active = view.people_by_day()
    first, last = view.days_shown()
    found: list[Row] = []
    for day in range(first, last + 1):
        dau, wau, mau = (
            len(_union(active, range(day - length + 1, day + 1))) for length in (1, WEEK, MONTH)
        )
        found.append(
            {"day": view.date(day), "dau": dau, "wau": wau, "mau": mau, "dau_mau": ratio(dau, mau)}
        )
    measured = [point["dau_mau"] for point in found if point["dau_mau"] is not None]
    return Expected(
        {
            "stickiness": {
                "tz": view.report.name,
                "points": found,
                "average_dau": sum(point["dau"] for point in found) / len(found),
                "average_dau_mau": ratio(sum(measured), len(measured)),
            }
        },
        ("day", "dau", "wau", "mau", "dau_mau"),
        found,
    )


def lifecycle(view: View) -> Expected:
    bucket = view.period.bucket if view.period.bucket in ("week", "month") else "day"
    active, new = view.people_by_day(), view.newcomers_by_day()
    first, last = view.days_shown()
    starts = sorted({view.report.first_day_of(day, bucket) for day in range(first, last + 1)})
    found: list[Row] = []
    for start in starts:
        # Days that have not come yet have no people, and no one churns on them.
        end = _end(view, start, bucket)
        here = range(start, min(end, view.today + 1))
        now = _union(active, here)
        before = _union(active, range(view.report.first_day_of(start - 1, bucket), start))
        came = _union(new, here) & now
        found.append(
            {
                "start": view.date(start),
                "is_partial": _is_partial(view, start, end),
                "active": len(now),
                "new": len(came),
                "returning": len(now & before),
                "resurrected": len(now - came - before),
                "dormant": len(before - now),
                "churned": len(_union(_churned(active, here), here)),
            }
        )
    return Expected({"lifecycle": {"tz": view.report.name, "points": found}}, LIFECYCLE, found)


def _is_partial(view: View, start: int, end: int) -> bool:
    """Whether the period or the data leave out a part of these days, which count whole."""
    begins, ends = view.report.midnight(start), view.report.midnight(end)
    return begins < view.period.since or ends > min(view.period.until, view.through)


def _end(view: View, start: int, bucket: str) -> int:
    """The first day of the next bucket."""
    day = start + 1
    while view.report.first_day_of(day, bucket) == start:
        day += 1
    return day


def _churned(active: dict[int, set[int]], days: Iterable[int]) -> dict[int, set[int]]:
    """Whose latest turn, as of that day, was 28 days before."""
    return {
        day: active.get(day - CHURNED_AFTER, set())
        - _union(active, range(day - CHURNED_AFTER + 1, day + 1))
        for day in days
    }


def sessions(view: View) -> Expected:
    since, until = view.period.since, view.period.until
    starts = view.period.zone.bucket_starts(since, until, view.period.bucket)
    edges = [*(max(start, since) for start in starts), until]
    everyone = list(_sessions(view))
    found: list[Row] = [
        {"start": moment(begin), **_figures(everyone, begin, end)} for begin, end in pairwise(edges)
    ]
    return Expected(
        {"sessions": {**_figures(everyone, since, until), "points": found}}, SESSIONS, found
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
