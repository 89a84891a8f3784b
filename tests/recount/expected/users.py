"""`users/top`: the users with most messages, tokens or cost."""

from __future__ import annotations

from decimal import Decimal

from tests.recount.view import Expected, Row, View
from tests.recount.zones import moment

COLUMNS = (
    *("user_key", "user_messages", "turns", "answers", "tokens", "cost_usd", "unpriced_turns"),
    "last_turn_at",
)
RANKED = {"messages": "user_messages", "tokens": "tokens", "cost": "cost_usd"}
USUAL_LIMIT = 10


def top(view: View, by: str, limit: int) -> list[Row]:
    """The top users, ties by key; an unknown cost counts as 0."""
    facts = view.facts
    rows = view.turns(view.period.since, view.period.until)
    users = facts.user[rows]
    found: list[Row] = []
    for key in sorted(facts.people(rows)):
        own = rows[users == key]
        row: Row = {"user_key": key, **facts.group(own, own[:0]).figures(COLUMNS[1:-1])}
        found.append({**row, "last_turn_at": moment(facts.at[own[-1]])})
    found.sort(key=lambda row: (-(row[RANKED[by]] or Decimal(0)), row["user_key"]))
    return found[:limit]


def users_top(view: View) -> Expected:
    by = view.arguments.get("by", "messages")
    found = top(view, by, int(view.arguments.get("limit", USUAL_LIMIT)))
    return Expected(
        {"by": by, "top_users": found},
        COLUMNS,
        found,
        people=frozenset(row["user_key"] for row in found),
        shows_people=True,
    )
