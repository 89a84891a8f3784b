"""The load test uses routes that exist, and its verdict can be negative."""

from __future__ import annotations

import ast
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from api.openapi import SNAPSHOT
from benchmarks.load.verdict import LoadLimits, LoadResult, judge, percentile
from warehouse.query import parse

SCENARIOS = Path(__file__).parents[2] / "benchmarks" / "load" / "scenarios.py"
LIMITS = LoadLimits(p95_ms=100, login_p95_ms=1000)


def entry(name: str, times: dict[str, int], *, failures: int = 0) -> dict[str, Any]:
    """One line as locust writes it."""
    return {
        "name": name,
        "num_requests": sum(times.values()),
        "num_failures": failures,
        "total_response_time": sum(float(time) * count for time, count in times.items()),
        "response_times": times,
    }


FINE = [
    entry("stats day", {"10": 95, "90": 5}),
    entry("health", {"2": 100}),
    entry("login", {"900": 10}),
    entry("rate limit: let in", {"500": 30}),
    entry("rate limit: told to wait", {"1": 40}),
]


def verdict(entries: list[dict[str, Any]], limits: LoadLimits = LIMITS) -> LoadResult:
    return judge(entries, limits=limits, users=3, seconds=20, turns=7, rss_mib=1, load_before=0.5)


def test_figures_are_pooled_over_what_is_judged() -> None:
    result = verdict(FINE)
    assert result.ok
    assert (result.requests, result.rps, result.errors, result.limited) == (200, 10.0, 0, 40)
    assert (result.p50_ms, result.p95_ms, result.p99_ms, result.login_p95_ms) == (2, 10, 90, 900)
    assert result.scenarios["stats day"].p99_ms == 90


@pytest.mark.parametrize(
    "entries",
    [
        [],
        FINE[:4],
        [*FINE, entry("query", {"5": 1}, failures=1)],
        [*FINE, entry("query", {"150": 50})],
        [*FINE[:2], entry("login", {"1100": 10}), *FINE[3:]],
    ],
    ids=["nothing", "nobody was told to wait", "an error", "too slow", "logins too slow"],
)
def test_a_run_fails(entries: list[dict[str, Any]]) -> None:
    assert not verdict(entries).ok


def test_the_limits_decide() -> None:
    assert not verdict(FINE, replace(LIMITS, p95_ms=9)).ok
    assert percentile({}, 0.5) == 0


def test_every_path_of_the_scenarios_is_one_of_the_api() -> None:
    source = SCENARIOS.read_text(encoding="utf-8")
    paths = set(orjson.loads(SNAPSHOT.read_bytes())["paths"])
    asked = {
        path.replace("{STATS}", "/api/v1/stats").partition("?")[0]
        for path in re.findall(r'"((?:\{STATS\}|/)[^"]*)"', source)
    }
    assert len(asked) > 7
    assert asked - paths == set()


def test_the_query_of_the_scenarios_is_one() -> None:
    tree = ast.parse(SCENARIOS.read_text(encoding="utf-8"))
    [query] = [
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "QUERY"
    ]
    assert parse(query, now=datetime.now(UTC), default_tz="UTC").metrics == tuple(query["metrics"])
