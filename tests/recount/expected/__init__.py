"""The expected answer of each report, without the product's own arithmetic."""

from __future__ import annotations

from collections.abc import Callable

from tests.recount.expected.dashboard import dashboard
from tests.recount.expected.dialogs import dialogs
from tests.recount.expected.events import blocks, commands
from tests.recount.expected.feedback import feedback
from tests.recount.expected.forecast import forecast
from tests.recount.expected.funnel import funnel
from tests.recount.expected.metadata import catalogue, dimensions, freshness, quality
from tests.recount.expected.models import costs, models
from tests.recount.expected.people import lifecycle, retention, sessions, stickiness
from tests.recount.expected.query import query
from tests.recount.expected.times import heatmap, last_minutes
from tests.recount.expected.totals import activity, summary
from tests.recount.expected.turns import turns, users_one
from tests.recount.expected.users import users_top
from tests.recount.view import Expected, View

QUERY = "/api/v1/query"
STATS = "/api/v1/stats"
REPORTS: dict[str, Callable[[View], Expected]] = {
    STATS: dashboard,
    f"{STATS}/summary": summary,
    f"{STATS}/activity": activity,
    f"{STATS}/dialogs": dialogs,
    f"{STATS}/turns": turns,
    f"{STATS}/users/top": users_top,
    f"{STATS}/users/one": users_one,
    f"{STATS}/models": models,
    f"{STATS}/retention": retention,
    f"{STATS}/stickiness": stickiness,
    f"{STATS}/lifecycle": lifecycle,
    f"{STATS}/heatmap": heatmap,
    f"{STATS}/funnel": funnel,
    f"{STATS}/feedback": feedback,
    f"{STATS}/commands": commands,
    f"{STATS}/blocks": blocks,
    f"{STATS}/sessions": sessions,
    f"{STATS}/costs": costs,
    f"{STATS}/dimensions": dimensions,
    f"{STATS}/quality": quality,
    f"{STATS}/freshness": freshness,
    f"{STATS}/forecast": forecast,
    f"{STATS}/now": last_minutes,
    f"{STATS}/catalogue": catalogue,
    QUERY: query,
}
"""Every route that states figures."""

OF_ONE_REPORT = {
    "dau": f"{STATS}/stickiness",
    "wau": f"{STATS}/stickiness",
    "mau": f"{STATS}/stickiness",
    "dau_mau": f"{STATS}/stickiness",
    "retention": f"{STATS}/retention",
    "activated": f"{STATS}/funnel",
    "churned": f"{STATS}/lifecycle",
    "good_ratings": f"{STATS}/feedback",
    "bad_ratings": f"{STATS}/feedback",
    "satisfaction": f"{STATS}/feedback",
    "command_uses": f"{STATS}/commands",
    "command_people": f"{STATS}/commands",
    "blocked_people": f"{STATS}/blocks",
    "unblocked_people": f"{STATS}/blocks",
    "sessions": f"{STATS}/sessions",
    "turns_per_session": f"{STATS}/sessions",
    "session_p50_ms": f"{STATS}/sessions",
}
"""Metrics of the catalogue that only this report states; every query may ask for the others."""
