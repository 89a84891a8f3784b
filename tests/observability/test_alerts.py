"""Alerts: each is tested with promtool, has its runbook, and asks for metrics that exist."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from dashboards.grafana.board import BOARDS
from tests.programs import program

PROJECT = Path(__file__).parents[2]
PROMETHEUS = PROJECT / "dashboards" / "prometheus"
RULES = [
    rule
    for group in yaml.safe_load((PROMETHEUS / "rules" / "alerts.yml").read_text())["groups"]
    for rule in group["rules"]
]
CASES = sorted((PROMETHEUS / "tests").glob("*.yml"))
SUFFIXES = ("_bucket", "_count", "_sum")
NOT_METRICS = {
    *("sum", "max", "min", "by", "rate", "increase", "le", "and", "or", "time", "name"),
    *("histogram_quantile", "for", "on", "unless", "without"),
}


def documented() -> set[str]:
    """Every metric in docs/metrics."""
    return {
        name
        for path in (PROJECT / "docs" / "metrics").glob("*.md")
        for name in re.findall(r"^\| `([a-z_]+)`", path.read_text(), re.MULTILINE)
    }


def metrics_of(expression: str) -> set[str]:
    """Names of metrics in a PromQL expression."""
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]|by \([^)]*\)|\"[^\"]*\"", " ", expression)
    names = {name for name in re.findall(r"[a-z][a-z_]+", bare) if name not in NOT_METRICS}
    return {name.removesuffix(next(filter(name.endswith, SUFFIXES), "")) for name in names}


def promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [program("promtool"), *arguments], capture_output=True, text=True, check=False
    )


def test_promtool_finds_every_alert_firing_and_keeping_still() -> None:
    outcome = promtool("test", "rules", *map(str, CASES))
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


def test_every_alert_is_tested_both_ways() -> None:
    names = {test["name"] for path in CASES for test in yaml.safe_load(path.read_text())["tests"]}
    for rule in RULES:
        assert {f"{rule['alert']} fires", f"{rule['alert']} keeps still"} <= names


@pytest.mark.parametrize("name", ["prometheus.yml", "rules/alerts.yml"])
def test_promtool_accepts_the_configuration(name: str) -> None:
    kind = "rules" if name.startswith("rules") else "config"
    outcome = promtool("check", kind, str(PROMETHEUS / name))
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_leads_to_its_own_runbook(rule: dict[str, Any]) -> None:
    path, _, anchor = rule["annotations"]["runbook"].partition("#")
    headings = re.findall(r"^## (\w+)$", (PROJECT / path).read_text(), re.MULTILINE)
    assert anchor in {heading.lower() for heading in headings}
    assert anchor == rule["alert"].lower()
    assert rule["labels"]["severity"] in {"page", "warn"}
    assert rule["annotations"]["summary"]


def test_no_runbook_is_left_over() -> None:
    headings = re.findall(
        r"^## (\w+)$", (PROJECT / "docs" / "runbooks.md").read_text(), re.MULTILINE
    )
    assert set(headings) == {rule["alert"] for rule in RULES}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_asks_for_documented_metrics(rule: dict[str, Any]) -> None:
    assert metrics_of(rule["expr"]) - documented() - {"up"} == set()


def test_panels_ask_for_documented_metrics() -> None:
    expressions = [
        expression
        for board in BOARDS
        for panel in board.panels
        for expression in panel.expressions.values()
    ]
    asked = set().union(*map(metrics_of, expressions))
    assert asked
    assert asked - documented() - {"up"} == set()
