"""The catalogue of metrics: complete, and the same wherever it is shown."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from warehouse import reports
from warehouse.catalogue import BY_NAME, DIMENSIONS, METRICS, Metric

DOCUMENT = Path(__file__).parent.parent.parent / "docs" / "data.md"


def stated(dimensions: tuple[str, ...]) -> str:
    """As the document's table has it."""
    if dimensions == DIMENSIONS:
        return "every dimension"
    return ", ".join(dimensions) or "none"


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_the_document_states_every_metric_as_the_api_does(metric: Metric):
    row = (
        f"| `{metric.name}` | {metric.definition} | {metric.unit} |"
        f" {stated(metric.additive_over)} | {metric.source} |"
    )
    assert row in DOCUMENT.read_text(encoding="utf-8").splitlines()


def test_every_figure_of_the_totals_and_of_stickiness_is_defined():
    figures = {field.name for field in fields(reports.Totals)}
    figures |= {"dau", "wau", "mau", "dau_mau"}
    assert figures <= set(BY_NAME)


def test_sums_may_be_added_up_over_everything_new_people_over_little_and_others_over_nothing():
    whole = {metric.name for metric in METRICS if metric.additive_over == DIMENSIONS}
    assert {"user_messages", "turns", "served_turns", "answers", "tokens", "cost_usd"} <= whole
    some = {m.name: m.additive_over for m in METRICS if m.additive_over not in ((), DIMENSIONS)}
    assert some == {"new_users": ("time", "bot"), "activated": ("time",)}
    assert not BY_NAME["active_users"].additive_over
    assert not BY_NAME["latency_p95_ms"].additive_over
