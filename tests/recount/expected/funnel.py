"""`funnel`: steps reached by the people who began in the period, by source."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.recount.facts import Rows, money_ratio, ratio
from tests.recount.view import Expected, Row, View, flat

AWAITED = (1, 7, 30)
MAX_SOURCES = 50


def funnel(view: View) -> Expected:
    facts = view.facts
    firsts = view.newcomers(view.period.since, view.period.until)
    if view.filters.keys() - {"bot"} or view.conditions:
        seen = facts.people(view.turns(view.period.since, view.period.until))
        firsts = firsts[[int(key) in seen for key in facts.user[firsts]]]
    by_source: dict[str, list[int]] = {}
    for row, source in zip(firsts, facts.column("source", firsts), strict=True):
        by_source.setdefault(source, []).append(int(row))
    ordered = sorted(by_source, key=lambda name: (-len(by_source[name]), name.encode()))
    found = [_row(view, name or None, np.array(by_source[name])) for name in ordered[:MAX_SOURCES]]
    rest = [row for name in ordered[MAX_SOURCES:] for row in by_source[name]]
    others = _row(view, None, np.array(rest)) if rest else None
    table = [flat(row) for row in found]
    if others is not None:
        table.append({**flat(others), "source": "(other)"})
    total = _row(view, None, firsts)
    report = {"tz": view.report.name, "total": total, "sources": found, "others": others}
    return Expected({"funnel": report}, tuple(flat(total)), table)


def _row(view: View, source: str | None, firsts: Rows) -> Row:
    facts = view.facts
    days = facts.days(view.report)
    scope = view.of_bots(facts.all)
    people = {int(key) for key in facts.user[firsts]}
    own = scope[[int(key) in people for key in facts.user[scope]]]
    users, days_of_own = facts.user[own], days[own]
    eligible, came = dict.fromkeys(AWAITED, 0), dict.fromkeys(AWAITED, 0)
    activated = 0
    for first in firsts:
        here = days_of_own[users == facts.user[first]]
        activated += len(here) >= 3
        for after in AWAITED:
            # The day has to be over.
            if days[first] + after < view.today:
                eligible[after] += 1
                came[after] += bool((here == days[first] + after).any())
    group = facts.group(own, own[:0])
    return {
        "source": source,
        "started": len(firsts),
        "activated": _step(len(firsts), activated),
        **{f"day_{after}": _step(eligible[after], came[after]) for after in AWAITED},
        "cost_usd": group.cost,
        "unpriced_turns": group.unpriced,
        "cost_per_activated_usd": money_ratio(group.cost, activated),
    }


def _step(eligible: int, users: int) -> dict[str, Any]:
    return {"eligible": eligible, "users": users, "rate": ratio(users, eligible)}
