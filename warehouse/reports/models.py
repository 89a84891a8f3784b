"""Which models answer, at what price and how fast."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from warehouse.clickhouse.reader import Reader
from warehouse.periods import Period
from warehouse.reports.figures import NO_TURNS
from warehouse.reports.ledger_tier import ask_tier
from warehouse.reports.metric_values import metric_fields
from warehouse.reports.parameters import Row, ratio, tier_builds
from warehouse.reports.shapes import NO_FILTERS, Filters
from warehouse.snapshot import Snapshot
from warehouse.tiers import touched_days


@dataclass(frozen=True, slots=True)
class ModelRow:
    """One model that answered, or was asked.

    Turns are booked on the model that answered, else on the one asked; only `asked_turns`,
    `handed_over` and `fallback_...` are by the model asked.
    """

    model: str
    """Empty: no model was asked (rejected turns)."""
    turns: int
    served_turns: int
    """Turns that reached a model."""
    answers: int
    failed: int
    incomplete: int
    fallbacks: int
    """Turns booked here that were handed over: answered in place of another model, or, when no
    model answered, asked of this one first."""
    share: float
    """Part of all turns of the period, 0 to 1."""
    error_rate: float | None
    """Failed turns by turns that reached a model."""
    asked_turns: int
    """Turns that reached a model and for which this one was asked first."""
    handed_over: int
    """Turns of `asked_turns` that were handed to another model."""
    fallback_rate: float | None
    """`handed_over` by `asked_turns`."""
    fallback_wait_ms: int
    """Time lost to this model in the turns handed over."""
    fallback_cost_usd: Decimal
    """Cost of its attempts in them."""
    active_users: int
    prompt_tokens: int
    completion_tokens: int
    tokens: int
    cost_usd: Decimal | None
    unpriced_turns: int
    cost_per_answer_usd: Decimal | None
    latency_p50_ms: float | None
    latency_p95_ms: float | None
    latency_p99_ms: float | None
    ttft_p50_ms: float | None
    ttft_p95_ms: float | None
    ttft_p99_ms: float | None
    tokens_per_second: float | None


@dataclass(frozen=True, slots=True)
class CauseRow:
    """How often one cause led to a fallback or to an outcome that is no whole answer."""

    kind: str
    """`fallback`, or `outcome` (why turns failed, were rejected, cancelled or cut short)."""
    cause: str
    model: str
    """The model asked, for a fallback; else the one that answered, or was asked when none did.
    Empty: no model was asked."""
    turns: int
    rate: float
    """By the model's `asked_turns` for a fallback, else by its `turns`."""


@dataclass(frozen=True, slots=True)
class Models:
    models: tuple[ModelRow, ...]
    """Most turns first."""
    causes: tuple[CauseRow, ...]
    """Most turns first."""


NEVER_ASKED: Row = {
    "asked_turns": 0,
    "handed_over": 0,
    "fallback_wait_ms": 0,
    "fallback_cost_usd": Decimal(0),
}
NOTHING_BOOKED: Row = NO_TURNS | {"reasons": {}}
# That rate is by the model asked, not by the one that a turn is booked on.
_METRICS = metric_fields(ModelRow, but="fallback_rate")


async def models(
    reader: Reader, *, snapshot: Snapshot, period: Period, filters: Filters = NO_FILTERS
) -> Models:
    """Share, cost, latency, fallback and error rates by model, and the causes behind them."""
    parameters = tier_builds(snapshot, period.span, only_quarters=bool(filters.conditions))
    about: dict[str, Any] = {
        "tier": "activity",
        "snapshot": snapshot,
        "days": touched_days(period.span, snapshot.zone),
    }
    rows = await ask_tier(reader, "models", parameters, filters, **about)
    asked = {
        row["asked"]: row
        for row in await ask_tier(reader, "models_asked", parameters, filters, **about)
    }
    # No turn is booked on a model that was asked and never answered.
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
