"""The recount of a fixed seed agrees in every field, covers the whole API, and can fail."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from common.settings import DatabaseSettings
from tests.recount.compare import Comparison, is_same
from tests.recount.expected import OF_ONE_REPORT, QUERY, REPORTS, STATS
from tests.recount.facts import FIGURES, Near
from tests.recount.requests import ARGUMENTS, Request
from tests.recount.run import MIN_FIELDS_PER_CASE, Recount, is_enough
from tests.recount.smaller import smaller
from tests.recount.stack import PLAIN, Stack, running_api
from tests.recount.zones import micros, zone
from warehouse.reports.metric_values import METRIC_VALUES
from warehouse.settings import WarehouseSettings

PROJECT = Path(__file__).parents[2]
SEED, REPORT_ZONE = 18, "America/Winnipeg"
CASES, TURNS = 6, 800
REPEATED = micros(datetime(2025, 11, 2, 7, tzinfo=UTC))
# Table -> a request that is answered from it.
DAMAGED = {
    "daily": Request(f"{STATS}/models", 0, {"period": "month"}),
    "activity": Request(QUERY, 0, {"metrics": ["turns"], "date_range": "24h", "tz": "Asia/Tehran"}),
    "user_days": Request(f"{STATS}/users/top", 0, {"period": "month", "by": "tokens"}),
    "dialog_days": Request(f"{STATS}/dialogs", 0, {"period": "month", "limit": "100"}),
}


@pytest.fixture
def stack(database: DatabaseSettings, warehouse_settings: WarehouseSettings) -> Iterator[Stack]:
    with running_api(
        database, warehouse_settings, report_tz=REPORT_ZONE, now=datetime.now(UTC)
    ) as stack:
        yield stack


def test_every_field_is_as_recounted_and_every_damaged_table_is_found(stack: Stack) -> None:
    said: list[str] = []
    now = micros(stack.clock.now)
    with Recount(stack, seed=SEED, say=said.append, size=TURNS) as recount:
        result = recount.run(CASES)
        assert result.ok, "\n".join(said)
        assert result.reports == len(REPORTS)

        with stack.writer() as writer:
            for table in DAMAGED:
                # Every row of the newest build twice, without the pipelines.
                writer.run("damage", sql=f"INSERT INTO {table} SELECT * FROM {table}")
        for table, request in DAMAGED.items():
            asked = Request(request.path, now, request.arguments)
            before = len(recount.found)
            recount.compare(recount.act, asked, "json", PLAIN)
            assert len(recount.found) > before, table
        assert not recount.result().ok


def test_a_recount_that_compares_little_is_not_ok() -> None:
    assert not is_enough(0, 0)
    assert not is_enough(100, MIN_FIELDS_PER_CASE)
    assert is_enough(100, 100 * MIN_FIELDS_PER_CASE)


@pytest.mark.parametrize(
    ("expected", "got"),
    [
        (1, 2),
        (1, None),
        (0, False),
        (Decimal("0.1"), Decimal("0.1000000001")),
        (0.1, Decimal("0.10000000000000002")),
        (None, 0),
        ("", None),
        (date(2026, 3, 1), "2026-03-02"),
        (datetime(2026, 3, 1, tzinfo=UTC), "2026-03-01T00:00:00.000001Z"),
        (datetime(2026, 3, 1, tzinfo=UTC), "2026-03-01T01:00:00+01:00"),
        (Near((100.0, 200.0, 300.0), 0.5), Decimal("202.1")),
        (Near((100.0, 200.0, 300.0), 0.5), None),
    ],
)
def test_another_value_is_a_difference(expected: Any, got: Any) -> None:
    assert not is_same(expected, got)


@pytest.mark.parametrize(
    ("expected", "got"),
    [
        (0, Decimal("0E-10")),
        (Decimal("0.1"), Decimal("0.1000000000")),
        (1 / 3, Decimal(repr(1 / 3))),
        (datetime(2026, 3, 1, tzinfo=UTC), "2026-03-01T00:00:00Z"),
        # The second of two hours that the clock shows alike.
        (zone("America/Winnipeg").shown(REPEATED), "2025-11-02T01:00:00-06:00"),
        (Near((100.0, 200.0, 300.0), 0.5), Decimal("201.9")),
    ],
)
def test_the_same_value_spelled_otherwise_is_none(expected: Any, got: Any) -> None:
    assert is_same(expected, got)


@pytest.mark.parametrize(
    ("expected", "got", "field"),
    [
        ({"a": 1}, {"a": 1, "b": None}, "b"),
        ({"a": 1, "b": None}, {"a": 1}, "b"),
        ({"a": [1]}, {"a": [1, 2]}, "a.length"),
        ({"a": [{"b": 1}]}, {"a": [{"b": 2}]}, "a[0].b"),
        ({"a": {"b": 1}}, {"a": None}, "a"),
    ],
)
def test_fields_of_one_side_only_are_differences(expected: Any, got: Any, field: str) -> None:
    found = Comparison()
    found.json("", expected, got)
    assert [one.field for one in found.differences] == [field]


def test_every_stats_route_and_argument_of_the_api_is_recounted() -> None:
    text = (PROJECT / "dashboards" / "web" / "openapi.json").read_text(encoding="utf-8")
    paths = json.loads(text)["paths"]
    assert {path for path in paths if path.startswith(STATS) or path == QUERY} == set(REPORTS)
    arguments = {
        parameter["name"]
        for path in REPORTS
        for operation in paths[path].values()
        for parameter in operation.get("parameters", ())
        if parameter["in"] == "query"
    }
    assert arguments == ARGUMENTS


def test_every_metric_of_the_catalogue_is_recounted() -> None:
    text = (PROJECT / "warehouse" / "metrics.toml").read_text(encoding="utf-8")
    metrics = {name for name, entry in tomllib.loads(text).items() if "title" in entry}
    assert metrics == FIGURES.keys() | OF_ONE_REPORT.keys()
    assert FIGURES.keys() == METRIC_VALUES.keys()


def test_smaller_requests_order_only_by_what_they_ask_for():
    order = [["time:day", "asc"], ["turns", "desc"]]
    body = {"metrics": ["turns", "errors"], "dimensions": ["time:day", "bot"], "order_by": order}
    found = [request.arguments for request in smaller(Request(QUERY, 0, body), None)]
    for given in found:
        shown = [*given["metrics"], *given.get("dimensions", [])]
        assert all(name in shown for name, _ in given.get("order_by", []))
    assert {
        "metrics": ["errors"],
        "dimensions": ["time:day", "bot"],
        "order_by": order[:1],
    } in found
