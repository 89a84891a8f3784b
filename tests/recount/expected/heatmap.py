"""`heatmap`: weekday by hour of the period's zone."""

from __future__ import annotations

from tests.recount.view import Expected, Row, View

COLUMNS = ("weekday", "hour", "user_messages", "turns", "active_users")


def heatmap(view: View) -> Expected:
    facts = view.facts
    rows = view.turns(view.period.since, view.period.until)
    weekdays, hours = view.period.zone.cells(facts.at[rows])
    cells: list[Row] = []
    for weekday in range(1, 8):
        for hour in range(24):
            here = rows[(weekdays == weekday) & (hours == hour)]
            cells.append(
                {"weekday": weekday, "hour": hour}
                | facts.group(here, here[:0]).figures(COLUMNS[2:])
            )
    return Expected({"heatmap": {"cells": cells}}, COLUMNS, cells)
