"""Questions that were never asked before, asked of a snapshot that has just appeared."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import count

from benchmarks.api.http_load import ApiLoad, HttpRequest, closed_loop
from benchmarks.api.server import PATH

DAYS = 30
MAX_DAYS = 92
"""The longest period with a point per day. Days before the first turn cost nothing."""
SEEN_SECONDS = 2.0
"""Within this time the API serves a new publication."""
DASHBOARD = "dashboard"
REPORTS = {
    DASHBOARD: "",
    "totals": "/summary",
    "series": "/activity",
    "retention": "/retention",
    "top users": "/users/top",
    "totals, Asia/Kathmandu": "/summary?tz=Asia/Kathmandu",
    "series, Asia/Kathmandu": "/activity?tz=Asia/Kathmandu",
}


@dataclass(slots=True)
class First:
    """Answers by report."""

    loads: dict[str, ApiLoad] = field(default_factory=lambda: {name: ApiLoad() for name in REPORTS})

    @property
    def dashboard(self) -> ApiLoad:
        return self.loads[DASHBOARD]

    @property
    def report(self) -> ApiLoad:
        """All answers that are one report."""
        return ApiLoad(
            latencies=[
                taken
                for name, load in self.loads.items()
                if name != DASHBOARD
                for taken in load.latencies
            ]
        )

    @property
    def errors(self) -> int:
        return sum(load.errors for load in self.loads.values())


async def first_answers(
    url: str,
    headers: tuple[tuple[str, str], ...],
    another_build: Callable[[], object],
    *,
    builds: int,
    today: date,
) -> First:
    """Ask for each report after each build, each time of other days: a month that ends today."""
    first = First()
    until = today + timedelta(days=1)
    shifts = count()
    for number in range(builds + 1):
        if number:  # The first questions only open the connections to the stores.
            await asyncio.to_thread(another_build)
            await asyncio.sleep(SEEN_SECONDS)
        for name, path in REPORTS.items():
            since = until - timedelta(days=DAYS + next(shifts) % (MAX_DAYS - DAYS))
            sign = "&" if "?" in path else "?"
            question = HttpRequest(f"{url}{PATH}{path}{sign}from={since}&to={until}", headers)
            one = await closed_loop(question, clients=1, most=1)
            if number:
                first.loads[name].latencies += one.latencies
                first.loads[name].errors += one.errors
    return first
