"""Which models answer, at what price and how fast."""

from __future__ import annotations

from warehouse.clickhouse.reader import Reader
from warehouse.periods import Period
from warehouse.reports.answers import NO_FILTERS, CauseRow, Filters, ModelRow, Models
from warehouse.reports.asking import (
    P50,
    P95,
    P99,
    Row,
    ask,
    cost,
    hybrid,
    money_ratio,
    narrowing,
    percentile,
    ratio,
)
from warehouse.reports.figures import NO_TURNS
from warehouse.snapshot import Snapshot

NEVER_ASKED: Row = {"asked_turns": 0, "handed_over": 0}
NOTHING_BOOKED: Row = NO_TURNS | {"reasons": {}}


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
    known = cost(row)
    return ModelRow(
        model=row["model"],
        turns=row["turns"],
        served_turns=row["served_turns"],
        answers=row["answers"],
        failed=row["failed"],
        incomplete=row["incomplete"],
        fallbacks=row["fallbacks"],
        share=row["turns"] / all_turns,
        error_rate=ratio(row["failed"], row["served_turns"]),
        asked_turns=row["asked_turns"],
        handed_over=row["handed_over"],
        fallback_rate=ratio(row["handed_over"], row["asked_turns"]),
        active_users=row["active_users"],
        prompt_tokens=row["prompt_tokens"],
        completion_tokens=row["completion_tokens"],
        tokens=row["prompt_tokens"] + row["completion_tokens"],
        cost_usd=known,
        unpriced_turns=row["unpriced"],
        cost_per_answer_usd=money_ratio(known, row["answers"]),
        latency_p50_ms=percentile(row["latency"], P50),
        latency_p95_ms=percentile(row["latency"], P95),
        latency_p99_ms=percentile(row["latency"], P99),
        ttft_p50_ms=percentile(row["ttft"], P50),
        ttft_p95_ms=percentile(row["ttft"], P95),
        ttft_p99_ms=percentile(row["ttft"], P99),
    )
