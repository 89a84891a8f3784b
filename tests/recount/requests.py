"""Random requests: periods of many kinds in many zones, filters, orders, pages."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.recount.constants import (
    BIG_KEYS,
    BOTS,
    CHAT_TYPES,
    DAY,
    FALLBACK_CAUSES,
    HOUR,
    LANGUAGES,
    MODELS,
    NOT_PEOPLE,
    PEOPLE,
    QUARTER,
    REASONS,
    SOURCES,
    ZONES,
)
from tests.recount.expected import QUERY, REPORTS, STATS
from tests.recount.expected.query import is_percentile
from tests.recount.facts import FIGURES
from tests.recount.periods import NAMES, PLAUSIBLES, SHARED, Period, of_arguments, of_query
from tests.recount.view import FILTERS
from tests.recount.zones import Zone, day_of, moment, zone

MAX_POINTS = 800
WIDTHS = {"15m": QUARTER, "hour": HOUR, "day": DAY, "week": 7 * DAY, "month": 28 * DAY}
REPORTS_PER_CASE = 4
ONE_PERSON = f"{STATS}/users/one"
WITHOUT_PERIOD = (
    ONE_PERSON,
    f"{STATS}/freshness",
    f"{STATS}/forecast",
    f"{STATS}/now",
    f"{STATS}/catalogue",
)
WITHOUT_FILTERS = (*WITHOUT_PERIOD, f"{STATS}/quality")
GROUPS = (
    *(*FILTERS, "model_asked", "source", "person", "status", "cause", "fallback_cause"),
    "dialog",
)
ORDERS = (
    *("last_turn_at", "first_turn_at", "users", "turns", "user_messages", "answers", "tokens"),
    *("cost_usd", "chat_type", "language", "last_status", "last_model"),
)
"""Fields that dialogs can be sorted by."""

PEOPLE_ASKED = (*range(1, PEOPLE + 2), *NOT_PEOPLE, *BIG_KEYS)
NUMBERED: dict[str, Sequence[Any]] = {
    "bot": (*BOTS, 77),
    "person": PEOPLE_ASKED,
}
"""Values of dimensions that are numbers."""

ARGUMENTS = frozenset(
    {"period", "from", "to", "tz", "bucket", "format", "bom", *FILTERS}
    | {"compare", "compare_with", "compare_from"}
    | {"filters", "person", "cursor", "limit", "order", "by", "width", "steps"}
)
"""Arguments of stats routes that the requests cover."""


@dataclass(frozen=True)
class Request:
    """A request made at a given time."""

    path: str
    now: int
    arguments: Mapping[str, Any] = field(default_factory=dict)
    """Arguments of the query string, or the body of a query."""

    @property
    def is_query(self) -> bool:
        return self.path == QUERY

    def period(self, report: Zone, beginning: int) -> Period:
        """The period of the request; `beginning` is the start of the data."""
        resolve = of_query if self.is_query else of_arguments
        return resolve(self.arguments, now=self.now, report_tz=report.name, beginning=beginning)

    def shown(self) -> dict[str, Any]:
        """The arguments that repeat it."""
        verb = "POST" if self.is_query else "GET"
        return {
            "request": f"{verb} {self.path}",
            "arguments": dict(self.arguments),
            "now": moment(self.now).isoformat(),
        }


class Requests:
    """Random cases, decided by a seed.

    Args:
        now: the current time.
        begin: start of the ledger.
        changes: times at which a zone changed its clock.
        dialogs: some that there are, to filter by.
    """

    def __init__(
        self,
        seed: int,
        *,
        report: Zone,
        now: int,
        begin: int,
        changes: Sequence[int],
        dialogs: Sequence[str],
    ) -> None:
        self._chance = random.Random(seed)
        self._report = report
        self._now = now
        self._begin = begin
        self._changes = changes
        self._dialogs = dialogs
        self._routes = [path for path in REPORTS if path != QUERY]
        self._chance.shuffle(self._routes)
        self._next = 0

    def case(self) -> list[Request]:
        """A few reports about one period, and one query."""
        chance = self._chance
        now = self._moment_of_asking()
        tz = chance.choice([None, chance.choice(ZONES), chance.choice(ZONES)])
        arguments = self._period(tz)
        filters = self._filters()
        found = []
        for _ in range(REPORTS_PER_CASE):
            path = self._routes[self._next % len(self._routes)]
            self._next += 1
            found.append(self._report_request(path, now, arguments, filters))
        return [*found, self._query(now)]

    def _report_request(
        self, path: str, now: int, period: dict[str, str], filters: dict[str, str]
    ) -> Request:
        if path in WITHOUT_PERIOD:
            person = str(self._chance.choice(PEOPLE_ASKED))
            return Request(path, now, {"person": person} if path == ONE_PERSON else {})
        arguments = dict(period)
        if path not in WITHOUT_FILTERS:
            arguments |= filters
        width = self._bucket(Request(path, now, arguments))
        if width:
            arguments["bucket"] = width
        return Request(path, now, arguments | self._own(path))

    def _own(self, path: str) -> dict[str, str]:
        """Arguments that only this report has."""
        chance = self._chance
        if path in (STATS, f"{STATS}/summary", f"{STATS}/activity") and chance.random() < 0.7:
            return {"compare": "true"} | self._compared()
        limit = {"limit": str(chance.choice([1, 2, 7, 100]))} if chance.random() < 0.6 else {}
        if path == f"{STATS}/dialogs":
            order = chance.choice(["", "-"]) + chance.choice(ORDERS)
            return limit | ({"order": order} if chance.random() < 0.5 else {})
        if path == f"{STATS}/turns":
            return limit
        if path == f"{STATS}/users/top":
            return {"by": chance.choice(["messages", "tokens", "cost"])} | limit
        if path == f"{STATS}/retention":
            steps = chance.choice([1, 5, 30, 60])
            return {"width": chance.choice(["day", "week"]), "steps": str(steps)}
        return {}

    def _compared(self) -> dict[str, str]:
        """The other period, or nothing for the one before."""
        chance = self._chance
        if chance.random() < 0.2:
            return {"compare_from": day_of(self._report.day(self._somewhere())).isoformat()}
        kind = chance.choice([None, "before", "weekdays", "year"])
        return {"compare_with": kind} if kind else {}

    def _moment_of_asking(self) -> int:
        """The current time, or a past time at which "today" is another day."""
        chance = self._chance
        change = chance.choice(self._changes)
        return chance.choice(
            [
                self._now,
                self._now,
                change + chance.randint(-DAY, DAY),
                change,
                chance.randint(self._begin, self._now),
            ]
        )

    def _period(self, tz: str | None) -> dict[str, str]:
        chance = self._chance
        named = {"tz": tz} if tz else {}
        if chance.random() < 0.3:
            return named | {"period": chance.choice(NAMES)}
        calendar = zone(tz) if tz else self._report
        if chance.random() < 0.45:
            first = calendar.day(self._somewhere())
            days = chance.choice([1, 1, 2, 7, 30, chance.randint(1, 400)])
            return named | {
                "from": day_of(first).isoformat(),
                "to": day_of(first + days).isoformat(),
            }
        since, until = self._span()
        return named | {
            "from": self._on_clock(since, calendar),
            "to": self._on_clock(until, calendar),
        }

    def _somewhere(self) -> int:
        """A time that is usually within the ledger, sometimes before or after it."""
        chance = self._chance
        return chance.choice(
            [
                chance.choice(self._changes),
                chance.choice(self._changes) - DAY,
                *[chance.randint(self._begin, self._now) for _ in range(4)],
                self._now - chance.randint(0, 3 * DAY),
                self._begin - chance.randint(0, 40 * DAY),
                self._now + chance.randint(0, 2 * DAY),
            ]
        )

    def _span(self) -> tuple[int, int]:
        """Two moments on quarters of an hour."""
        chance = self._chance
        if chance.random() < 0.4:
            change = chance.choice(self._changes)
            return (
                change - QUARTER * chance.choice([0, 1, 2, 3, 5, 96, 300]),
                change + QUARTER * chance.choice([1, 2, 3, 4, 96, 300]),
            )
        since = self._somewhere() // QUARTER * QUARTER
        length = chance.choice([1, 4, 96, 7 * 96, chance.randint(1, 96 * 400)])
        return since, since + QUARTER * length

    def _spelled(self, number: int, calendar: Zone) -> str:
        shown = calendar.shown(number) if self._chance.random() < 0.7 else moment(number)
        return shown.isoformat()

    def _on_clock(self, number: int, calendar: Zone) -> str:
        """The time as text; sometimes without its offset, unless the clock shows it again."""
        wall = calendar.shown(number).replace(tzinfo=None, fold=0)
        if self._chance.random() < 0.2 and calendar.at(wall) == number:
            return wall.isoformat()
        return self._spelled(number, calendar)

    def _bucket(self, request: Request) -> str | None:
        """A random bucket width that gives at most MAX_POINTS points, or none."""
        period = request.period(self._report, self._begin)
        length = period.until - period.since
        fitting = [name for name, width in WIDTHS.items() if length // width <= MAX_POINTS]
        return self._chance.choice([None, *fitting])

    def _filters(self) -> dict[str, str]:
        chance = self._chance
        if chance.random() < 0.4:
            return {}
        offered = {
            "bot": (*map(str, BOTS), str(BOTS[0]), "77"),
            "chat_type": (*CHAT_TYPES, "nothing"),
            "language": [value or "" for value in LANGUAGES],
            "model": (*MODELS, "", "nothing"),
        }
        found = {
            name: chance.choice(values) for name, values in offered.items() if chance.random() < 0.3
        }
        if (conditions := self._conditions()) and chance.random() < 0.5:
            found["filters"] = json.dumps(conditions)
        return found

    def _query(self, now: int) -> Request:
        chance = self._chance
        body: dict[str, Any] = {"metrics": self._some(list(FIGURES), 1, 20)}
        tz = chance.choice([None, chance.choice(ZONES)])
        if tz:
            body["tz"] = tz
        body["date_range"] = self._date_range(zone(tz) if tz else self._report)
        groups = self._some(GROUPS, 0, 3)
        time = self._time(Request(QUERY, now, body))
        dimensions = [*([time] if time else []), *groups]
        chance.shuffle(dimensions)
        if dimensions or chance.random() < 0.5:
            body["dimensions"] = dimensions
        if filters := self._conditions():
            body["filters"] = filters
        include = {"total_rows": chance.random() < 0.5}
        if time:
            include["time_labels"] = chance.random() < 0.5
        if chance.random() < 0.7:
            body["include"] = include
        self._order_and_page(body, dimensions)
        return Request(QUERY, now, body)

    def _order_and_page(self, body: dict[str, Any], dimensions: list[str]) -> None:
        chance = self._chance
        names = [*body["metrics"], *dimensions]
        order = [
            [name, chance.choice(["asc", "desc"])]
            for name in self._some(names, 0, min(3, len(names)))
        ]
        if order and chance.random() < 0.7:
            body["order_by"] = order
        ranked = [name for name, _ in body.get("order_by", [[body["metrics"][0], "desc"]])]
        if any(is_percentile(name) for name in ranked) and len(dimensions) > 1:
            # There may be more groups than a page holds.
            body["order_by"] = [[dimensions[0], "asc"]]
        elif any(is_percentile(name) for name in ranked):
            # Sketches do not rank exactly, so the rows of a page are not certain.
            body["pagination"] = {"limit": 1000, "offset": 0}
        elif chance.random() < 0.6:
            body["pagination"] = {
                "limit": chance.choice([1, 3, 50, 1000]),
                "offset": chance.choice([0, 0, 1, 10]),
            }

    def _some(self, values: Sequence[str], least: int, most: int) -> list[str]:
        count = self._chance.randint(least, most)
        return self._chance.sample(list(values), min(count, len(values)))

    def _date_range(self, calendar: Zone) -> str | list[str]:
        chance = self._chance
        if chance.random() < 0.4:
            return chance.choice((*SHARED, *PLAUSIBLES))
        if chance.random() < 0.5:
            first = calendar.day(self._somewhere())
            last = first + chance.choice([0, 0, 1, 6, chance.randint(0, 300)])
            return [day_of(first).isoformat(), day_of(last).isoformat()]
        return [self._spelled(end, calendar) for end in self._span()]

    def _time(self, request: Request) -> str | None:
        period = request.period(self._report, self._begin)
        length = period.until - period.since
        fitting = [name for name, width in WIDTHS.items() if length // width <= MAX_POINTS]
        return self._chance.choice([None, None, "time", *(f"time:{name}" for name in fitting)])

    def _conditions(self) -> list[list[Any]]:
        """A few filters, with one `contains` for a dimension."""
        chance = self._chance
        filters = [self._filter() for _ in range(chance.choice([0, 0, 1, 2, 3]))]
        contains = [one[1] for one in filters if one[0] == "contains"]
        return filters if len(contains) == len(set(contains)) else []

    def _filter(self) -> list[Any]:
        chance = self._chance
        dimension = chance.choice(GROUPS)
        if values := {**NUMBERED, "dialog": self._dialogs}.get(dimension):
            return [chance.choice(["is", "is_not"]), dimension, self._values(values)]
        operator = chance.choice(["is", "is_not", "contains", "contains_not"])
        if operator.startswith("contains"):
            return [operator, dimension, self._values(("a", "vendor/", "ru", "=", "модель", "p"))]
        values = {
            "chat_type": CHAT_TYPES,
            "language": [value or "" for value in LANGUAGES],
            "source": [value or "" for value in SOURCES],
            "status": list(REASONS),
            "cause": ["", *(cause for causes in REASONS.values() for cause in causes if cause)],
            "fallback_cause": ["", *FALLBACK_CAUSES],
        }.get(dimension, [*(value for value in MODELS if value.isprintable()), ""])
        return [operator, dimension, self._values(values)]

    def _values(self, values: Sequence[Any]) -> list[Any]:
        return self._chance.sample(list(values), self._chance.randint(1, min(3, len(values))))
