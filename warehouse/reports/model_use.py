"""Which models answer, at what price and how fast."""

from __future__ import annotations

from warehouse.periods import Period
from warehouse.reading import Reader
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
from warehouse.snapshot import Snapshot


async def models(
    reader: Reader, *, snapshot: Snapshot, period: Period, filters: Filters = NO_FILTERS
) -> Models:
    """Share, cost, latency, fallback and error rates by model, and the causes behind them."""
    rows = await ask(reader, "models", {**hybrid(snapshot, period.span), **narrowing(filters)})
    all_turns = sum(row["turns"] for row in rows)
    causes = [cause for row in rows for cause in _causes(row)]
    causes.sort(key=lambda cause: (-cause.turns, cause.kind, cause.cause, cause.model))
    return Models(tuple(_model(row, all_turns) for row in rows), tuple(causes))


def _model(row: Row, all_turns: int) -> ModelRow:
    known = cost(row)
    return ModelRow(
        model=row["model"],
        turns=row["turns"],
        answers=row["answers"],
        failed=row["failed"],
        incomplete=row["incomplete"],
        fallbacks=row["fallbacks"],
        share=row["turns"] / all_turns,
        error_rate=ratio(row["failed"], row["turns"]),
        fallback_rate=ratio(row["fallbacks"], row["turns"]),
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


def _causes(row: Row) -> list[CauseRow]:
    return [
        CauseRow(kind, cause, row["model"], turns, turns / row["turns"])
        for kind, column in (("fallback", "fallback_causes"), ("outcome", "reasons"))
        for cause, turns in row[column].items()
    ]
