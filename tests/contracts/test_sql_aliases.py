"""No alias takes a column's name and gives it another meaning for the expressions beside it."""

from __future__ import annotations

import json
import re

import pytest

from tests.conftest import PROJECT
from tests.contracts.sql_aliases import shadowing_aliases
from warehouse.clickhouse.statements import all_statements

SCHEMA = json.loads(
    (PROJECT / "tests" / "migrations" / "clickhouse_schema.json").read_text(encoding="utf-8")
)
TABLES = {name: set(re.findall(r"[(,] ?`(\w+)` ", query)) for name, query in SCHEMA.items()}


def panels() -> dict[str, str]:
    found = {}
    for path in sorted((PROJECT / "dashboards" / "grafana" / "dashboards").glob("*.json")):
        for panel in json.loads(path.read_text(encoding="utf-8"))["panels"]:
            for target in panel.get("targets", []):
                if "rawSql" in target:
                    found[f"{path.stem}: {panel['title']}"] = target["rawSql"]
    return found


STATEMENTS = (
    all_statements()
    | {
        f"benchmarks/{path.stem}": path.read_text(encoding="utf-8")
        for path in sorted((PROJECT / "benchmarks" / "sql").glob("clickhouse_*.sql"))
    }
    | {f"view {name}": query for name, query in SCHEMA.items() if query.startswith("CREATE VIEW")}
    | panels()
)


@pytest.mark.parametrize("name", STATEMENTS)
def test_no_alias_changes_what_a_column_means(name: str) -> None:
    assert shadowing_aliases(STATEMENTS[name], tables=TABLES) == []


@pytest.mark.parametrize(
    ("sql", "shadowing"),
    [
        (
            "SELECT ifNull(cost_usd, 0) AS cost_usd, cost_usd IS NULL AS unknown FROM turns",
            "cost_usd",
        ),
        ("SELECT max(received_at) AS received_at FROM turns WHERE received_at > 0", "received_at"),
        ("WITH lower(model) AS model SELECT model FROM daily", "model"),
        ("SELECT 'x' AS status, count() FROM turns WHERE status = 'failed'", "status"),
        ("SELECT (SELECT if(turns > 1, 1, 0) AS turns, turns FROM daily) AS x", "turns"),
        ("SELECT a + 1 AS a, a * 2 AS b FROM (SELECT 1 AS a)", "a"),
        ("SELECT 1 UNION ALL SELECT -cost_usd AS cost_usd, cost_usd AS c FROM daily", "cost_usd"),
    ],
)
def test_an_alias_that_changes_a_column_is_found(sql: str, shadowing: str) -> None:
    assert shadowing_aliases(sql, tables=TABLES) == [shadowing]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT sum(turns) AS turns FROM daily ORDER BY turns DESC",
        "SELECT toString(t.status) AS status, t.status = 'failed' AS failed FROM turns AS t",
        "SELECT ifNull(t.language, '') AS language, count() FROM turns AS t GROUP BY language",
        "SELECT count() AS turns, sum(x) AS x FROM (SELECT number AS x FROM numbers(3))",
        "SELECT 'a -- (' AS text, {status:String} AS given FROM turns WHERE status = {x:String}",
    ],
)
def test_an_alias_that_changes_nothing_else_is_not(sql: str) -> None:
    assert shadowing_aliases(sql, tables=TABLES) == []
