"""The catalogue of metrics: complete, and the same wherever it is shown."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from warehouse import reports
from warehouse.catalogue import BY_NAME, METRICS, Additivity, Metric, catalogue

DOCUMENT = Path(__file__).parent.parent.parent / "docs" / "data.md"


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_the_document_states_every_metric_as_the_api_does(metric: Metric):
    row = (
        f"| `{metric.name}` | {metric.definition} | {metric.unit} |"
        f" {metric.additivity.value} | {metric.source} |"
    )
    assert row in DOCUMENT.read_text(encoding="utf-8").splitlines()


def test_every_figure_of_the_totals_and_of_stickiness_is_defined():
    figures = {field.name for field in fields(reports.Totals)}
    figures |= {"dau", "wau", "mau", "dau_mau"}
    assert figures <= set(BY_NAME)


def test_people_other_than_new_ones_percentiles_and_ratios_are_never_added_up():
    added = {metric.name for metric in catalogue() if metric.additivity is Additivity.ADDITIVE}
    assert {"active_users", "reached_users", "dau", "wau", "mau", "churned"}.isdisjoint(added)
    assert not any(name.startswith(("latency_", "ttft_")) for name in added)
    assert {"user_messages", "turns", "answers", "tokens", "cost_usd", "new_users"} <= added
