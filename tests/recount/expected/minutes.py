"""`now`: the last half hour, minute by minute."""

from __future__ import annotations

from tests.recount.constants import MICRO
from tests.recount.view import Expected, Row, View
from tests.recount.zones import moment

MINUTE = 60 * MICRO
COLUMNS = ("start", "turns", "active_users")


def last_minutes(view: View) -> Expected:
    until = (view.now // MINUTE + 1) * MINUTE
    since = until - 30 * MINUTE
    points: list[Row] = [
        {"start": moment(start)} | view.group(start, start + MINUTE).figures(COLUMNS[1:])
        for start in range(since, until, MINUTE)
    ]
    now = {"since": moment(since), "until": moment(until)}
    now |= view.group(since, until).figures(COLUMNS[1:])
    return Expected({"now": now | {"points": points}}, COLUMNS, points)
