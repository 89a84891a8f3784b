"""`heatmap`: weekday by hour of the period's zone. `now`: the last half hour by minute."""

from __future__ import annotations

from tests.recount.constants import MICRO
from tests.recount.view import Expected, Row, View
from tests.recount.zones import moment

MINUTE = 60 * MICRO
CELL = ("weekday", "hour", "user_messages", "turns", "active_users")
POINT = ("start", "turns", "active_users")


def heatmap(view: View) -> Expected:
    facts = view.facts
    rows = view.turns(view.period.since, view.period.until)
    weekdays, hours = view.period.zone.cells(facts.at[rows])
    cells: list[Row] = []
    for weekday in range(1, 8):
        for hour in range(24):
            here = rows[(weekdays == weekday) & (hours == hour)]
            cells.append(
                {"weekday": weekday, "hour": hour} | facts.group(here, here[:0]).figures(CELL[2:])
            )
    return Expected({"heatmap": {"cells": cells}}, CELL, cells)


def last_minutes(view: View) -> Expected:
    until = (view.now // MINUTE + 1) * MINUTE
    since = until - 30 * MINUTE
    points: list[Row] = [
        {"start": moment(start)} | view.group(start, start + MINUTE).figures(POINT[1:])
        for start in range(since, until, MINUTE)
    ]
    now = {"since": moment(since), "until": moment(until)}
    now |= view.group(since, until).figures(POINT[1:])
    return Expected({"now": now | {"points": points}}, POINT, points)
