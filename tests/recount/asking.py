"""Asks the API one request in one format, and compares every field of the answer."""

from __future__ import annotations

from codecs import BOM_UTF8
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any

import httpx
import pyarrow as pa

from tests.recount.compare import Comparison, parse_arrow, parse_csv, parse_json
from tests.recount.expected import REPORTS, STATS
from tests.recount.facts import Facts
from tests.recount.requests import WITHOUT_PERIOD, Request
from tests.recount.stack import NAMED, Stack
from tests.recount.view import Expected, Row, View
from tests.recount.zones import Zone, moment

FORMATS = ("json", "csv", "arrow")
NAME_COLUMNS = ("name", "username")
FRESHNESS = f"{STATS}/freshness"


@dataclass
class Act:
    """PostgreSQL's rows when the last publication was made, and the API's answers about them."""

    stack: Stack
    report: Zone
    facts: Facts
    names: dict[int, dict[str, str | None]]
    clients: dict[str, httpx.Client]
    is_reconciled: bool
    snapshot: str = ""
    through: int = 0
    types: dict[tuple[str, ...], pa.DataType] = field(default_factory=dict)
    """Type of each Arrow column seen so far; it must not depend on the rows."""

    @property
    def beginning(self) -> int:
        """Start of the first day of the report zone with a turn."""
        return self.report.midnight(int(self.facts.days(self.report).min()))

    def expected(self, request: Request) -> tuple[View, Expected]:
        """The expected answer."""
        period = request.period(self.report, self.beginning)
        view = View(
            self.facts,
            self.report,
            request.now,
            self.through,
            period,
            request.arguments,
            self.is_reconciled,
        )
        return view, REPORTS[request.path](view)

    def ask(self, request: Request, format_: str, account: str) -> httpx.Response:
        """Send the request; return the API's answer."""
        self.stack.clock.now = moment(request.now)
        client = self.clients[account]
        if request.is_query:
            answer = client.post(
                request.path, json=dict(request.arguments), params={"format": format_}
            )
        else:
            bom = {"bom": "1"} if format_ == "csv" and _asks_for_bom(request) else {}
            answer = client.get(
                request.path, params={**request.arguments, "format": format_, **bom}
            )
        return answer

    def compare(
        self, request: Request, format_: str, account: str
    ) -> tuple[Comparison, Row | None]:
        """Ask and compare; return the comparison, and the answer if its format is JSON."""
        found = Comparison()
        answer = self.ask(request, format_, account)
        view, expected = self.expected(request)
        status = httpx.codes.NOT_FOUND if expected.is_missing else httpx.codes.OK
        found.same("status", status, answer.status_code)
        if answer.status_code != httpx.codes.OK:
            body = answer.text[:500]
            found.same("body", body if expected.is_missing else "an answer", body)
            return found, None
        names = self._names(expected) if account == NAMED else {}
        if format_ == "json":
            got = parse_json(answer.content)
            fields = self._envelope(request, view) | expected.fields
            if expected.shows_people:
                fields |= {"people": {str(key): name for key, name in names.items()}}
            if request.path == f"{STATS}/quality":
                _repeat_check(fields, got)
            if expected.order:
                got = {**got, "results": _by_key(found, expected, got.get("results", []))}
            found.json("", fields, got)
            return found, got
        columns, rows = list(expected.columns), list(expected.rows)
        if "user_key" in columns and account == NAMED:
            columns += NAME_COLUMNS
            nobody = dict.fromkeys(NAME_COLUMNS)
            rows = [{**row, **self.names.get(row["user_key"], nobody)} for row in rows]
        self._headers(found, request, view, answer)
        if expected.order and format_ == "csv":
            return found, None  # the same rows as in Arrow, whose cells have types to sort by
        if format_ == "csv":
            found.same("bom", _asks_for_bom(request), answer.content.startswith(BOM_UTF8))
            got_columns, cells = parse_csv(answer.content)
            found.table("csv", columns, rows, got_columns, cells, is_text=True)
        else:
            schema, cells = parse_arrow(answer.content)
            if expected.order:
                answered = [
                    {"dimensions": row[: len(expected.key)], "metrics": row[len(expected.key) :]}
                    for row in cells
                ]
                cells = [
                    [*row["dimensions"], *row["metrics"]]
                    for row in _by_key(found, expected, answered)
                ]
            found.table("arrow", columns, rows, schema.names, cells, is_text=False)
            self._types(found, request, view, schema)
        return found, None

    def _names(self, expected: Expected) -> dict[int, dict[str, str | None]]:
        return {key: self.names[key] for key in sorted(expected.people) if key in self.names}

    def _lag(self, request: Request) -> float:
        return float(f"{max(request.now - self.through, 0) / 1e6:.3f}")

    def _envelope(self, request: Request, view: View) -> Row:
        fields: Row = {
            "lag_seconds": self._lag(request),
            "data_through": moment(self.through),
            "snapshot": self.snapshot,
            "report_timezone": self.report.name,
        }
        if request.path in WITHOUT_PERIOD:
            return fields
        period = view.period
        return fields | {
            "newest_through": moment(self.through),
            "is_partial": self.through < period.until,
            "period": {
                "name": period.name,
                "since": moment(period.since),
                "until": moment(period.until),
                "tz": period.tz,
                "bucket": period.bucket,
            },
        }

    def _headers(
        self, found: Comparison, request: Request, view: View, answer: httpx.Response
    ) -> None:
        """Compare the headers that replace fields of JSON in the other formats."""
        expected = {"x-data-through": _z(self.through), "x-snapshot": self.snapshot}
        if request.path not in WITHOUT_PERIOD:
            period = view.period
            expected |= {
                "x-newest-through": _z(self.through),
                "x-is-partial": "true" if self.through < period.until else "false",
                "x-period": f"{_z(period.since)}/{_z(period.until)}",
                "x-timezone": period.tz,
            }
        for name, value in expected.items():
            found.same(f"headers.{name}", value, answer.headers.get(name))
        lag = answer.headers.get("x-lag-seconds")
        found.same("headers.x-lag-seconds", f"{self._lag(request):.3f}", lag)

    def _types(self, found: Comparison, request: Request, view: View, schema: pa.Schema) -> None:
        for column in schema:
            # `time` is a day or a moment, by its width.
            width = view.period.bucket if column.name == "time" else ""
            key = (request.path, column.name, width)
            first = self.types.setdefault(key, column.type)
            found.same(f"arrow.types.{column.name}", str(first), str(column.type))


def _repeat_check(fields: Row, got: Any) -> None:
    """Expect as many checks as were answered: PostgreSQL does not store them."""
    quality = fields["quality"]
    answered = got.get("quality", {}).get("checks", [])
    quality["checks"] = quality["checks"] * max(len(answered), 1)
    # Days of one comparison have no fixed order.
    days = {row["day"].isoformat(): row for row in quality["days"]}
    order = [row.get("day") for row in got.get("quality", {}).get("days", [])]
    if sorted(order) == sorted(days):
        quality["days"] = [days[day] for day in order]


def _by_key(found: Comparison, expected: Expected, results: list[Row]) -> list[Row]:
    """Check that the rows are ranked as asked; return them ordered by their dimensions."""
    columns = list(expected.columns)

    def value(row: Row, name: str) -> Any:
        return _comparable([*row["dimensions"], *row["metrics"]][columns.index(name)])

    ordered = sorted(results, key=lambda row: tuple(map(_comparable, row["dimensions"])))
    ranked = ordered
    for name, is_descending in reversed(expected.order):
        known = [row for row in ranked if value(row, name) is not None]
        known.sort(key=partial(value, name=name), reverse=is_descending)
        ranked = known + [row for row in ranked if value(row, name) is None]
    found.same("results.order", ranked, results)
    return ordered


def _comparable(value: Any) -> Any:
    """Moments of one zone are compared in UTC."""
    if isinstance(value, str):
        try:
            return datetime.fromisoformat(value).astimezone(UTC).isoformat()
        except ValueError:
            return value
    return value


def _asks_for_bom(request: Request) -> bool:
    """Whether to ask for a byte order mark: half of the requests do, and no figure may change."""
    return not request.is_query and request.now % 2 == 1


def _z(number: int) -> str:
    return moment(number).isoformat().replace("+00:00", "Z")


def read_freshness(act: Act, now: int) -> Row:
    """The API's freshness of its newest publication."""
    answer = act.ask(Request(FRESHNESS, now), "json", NAMED)
    assert answer.status_code == httpx.codes.OK, answer.text
    found: Row = parse_json(answer.content)["freshness"]
    return found
