"""Which models answer, at what price and how fast."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

from warehouse.clickhouse.reader import Reader
from warehouse.periods import Period
from warehouse.reports.answers import NO_FILTERS, CauseRow, Filters, ModelRow, Models
from warehouse.reports.asking import Row, ask, hybrid, narrowing, ratio
from warehouse.reports.figures import NO_TURNS
from warehouse.reports.metric_values import METRIC_VALUES
from warehouse.snapshot import Snapshot

NEVER_ASKED: Row = {"asked_turns": 0, "handed_over": 0}
NOTHING_BOOKED: Row = NO_TURNS | {"reasons": {}}
_METRICS: list[tuple[str, Callable[[Row], Any]]] = [
    (field.name, METRIC_VALUES[field.name])
    for field in fields(ModelRow)
    # By the model asked, and not by the one that a turn is booked on.
    if field.name in METRIC_VALUES and field.name != "fallback_rate"
]


async def models(
    reader: Reader, *, snapshot: Snapshot, period: Period, filters: Filters = NO_FILTERS
) -> Models:
    """Share, cost, latency, fallback and error rates by model, and the causes behind them."""
    parameters = {**hybrid(snapshot, period.span), **narrowing(filters)}
    rows = await ask(reader, "models", parameters)
    asked = {row["asked"]: row for row in await ask(reader, "models_asked", parameters)}
    # Of a model that was asked and never answered no turn is booked here.
    booked = {row["model"] for row in rows}
    rows += [NOTHING_BOOKED | {"model": model} for model in asked if model not in booked]
    all_turns = sum(row["turns"] for row in rows)
    causes = [
        CauseRow("outcome", cause, row["model"], turns, turns / row["turns"])
        for row in rows
        for cause, turns in row["reasons"].items()
    ]
    causes += [
        CauseRow("fallback", cause, model, turns, turns / row["asked_turns"])
        for model, row in asked.items()
        for cause, turns in row["causes"].items()
    ]
    causes.sort(key=lambda cause: (-cause.turns, cause.kind, cause.cause, cause.model))
    return Models(
        tuple(_model(row | asked.get(row["model"], NEVER_ASKED), all_turns) for row in rows),
        tuple(causes),
    )


def _model(row: Row, all_turns: int) -> ModelRow:
    return ModelRow(
        model=row["model"],
        share=row["turns"] / all_turns,
        asked_turns=row["asked_turns"],
        handed_over=row["handed_over"],
        fallback_rate=ratio(row["handed_over"], row["asked_turns"]),
        **{name: value(row) for name, value in _METRICS},
    )
