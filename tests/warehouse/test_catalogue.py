"""The catalogue of metrics: complete, and the same wherever it is shown."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from pathlib import Path

import pytest

from migrations.clickhouse import new_columns
from migrations.clickhouse.new_columns import TIERS
from warehouse import generate, reports, schema
from warehouse.catalogue import BY_NAME, DIMENSIONS, METRICS, SUM_COLUMNS, Metric, SumColumn

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


@pytest.mark.parametrize("path", list(generate.files()), ids=lambda path: path.stem)
def test_what_repeats_the_list_of_metrics_is_current(path: Path):
    """`make metrics` writes it."""
    text = path.read_text(encoding="utf-8")
    assert generate.renewed(text) == text


@pytest.mark.parametrize(("path", "text"), list(generate.definitions()), ids=["English", "Russian"])
def test_the_dashboard_explains_every_metric_as_the_catalogue_does(path: Path, text: str):
    assert path.read_text(encoding="utf-8") == text


def test_every_column_is_in_every_tier_by_a_migration():
    tables = json.loads(schema.PATH.read_text(encoding="utf-8"))
    for tier in TIERS:
        assert {column.name: tables[tier][column.name] for column in SUM_COLUMNS} == {
            column.name: column.type for column in SUM_COLUMNS
        }


def test_dialogs_keep_their_sums_in_the_order_of_the_aliases():
    snapshot = Path(__file__).parents[1] / "migrations" / "clickhouse_schema.json"
    made = json.loads(snapshot.read_text(encoding="utf-8"))["dialog_days"]
    aliases = re.findall(r"`(\w+)` UInt64 ALIAS sums\[(\d+)\]", made)
    assert aliases == [(name, str(place)) for place, name in enumerate(generate.DIALOG_SUMS, 1)]


def test_a_new_column_has_every_day_built_again(monkeypatch: pytest.MonkeyPatch):
    newest = max(column.rules for column in SUM_COLUMNS)
    added = SumColumn("shouts", None, "countIf(t.user_chars > 9)", "UInt64", newest)
    monkeypatch.setattr(new_columns, "SUM_COLUMNS", (*SUM_COLUMNS, added))
    with pytest.raises(ValueError, match=f"shouts needs rules = {newest + 1}"):
        new_columns.new_columns()


def test_every_figure_of_the_totals_and_of_stickiness_is_defined():
    figures = {field.name for field in fields(reports.Totals)}
    figures |= {"dau", "wau", "mau", "dau_mau"}
    assert figures <= set(BY_NAME)


def test_sums_may_be_added_up_over_everything_new_people_over_little_and_others_over_nothing():
    whole = {metric.name for metric in METRICS if metric.additive_over == DIMENSIONS}
    assert {"user_messages", "turns", "served_turns", "answers", "tokens", "cost_usd"} <= whole
    some = {m.name: m.additive_over for m in METRICS if m.additive_over not in ((), DIMENSIONS)}
    assert some == {
        "new_users": ("time", "bot"),
        "activated": ("time",),
        "sessions": ("time", "bot"),
    }
    assert not BY_NAME["active_users"].additive_over
    assert not BY_NAME["latency_p95_ms"].additive_over
