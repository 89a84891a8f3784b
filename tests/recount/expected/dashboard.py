"""The whole dashboard in one answer."""

from __future__ import annotations

from tests.recount.expected import dialogs, totals, users
from tests.recount.view import Expected, View

SHOWN = 10


def dashboard(view: View) -> Expected:
    activity = totals.activity(view).fields["activity"]
    newest = dialogs.newest(view, SHOWN)
    top = users.top(view, "messages", SHOWN)
    return Expected(
        {
            "summary": totals.summary(view).fields["summary"],
            "activity": activity,
            "recent_dialogs": newest,
            "top_users": top,
        },
        ("start", *totals.POINT),
        activity["points"],
        people=frozenset(row["user_key"] for row in (*newest, *top)),
        shows_people=True,
    )
