"""Each metric's value from one row of summed columns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from decimal import Decimal
from typing import Any

from warehouse.catalogue import METRICS, SUM_COLUMNS
from warehouse.reports.parameters import P50, P95, P99, Row, cost, money_ratio, percentile, ratio

MetricValue = int | float | Decimal | None


def _column(name: str) -> Callable[[Row], MetricValue]:
    def value(row: Row) -> MetricValue:
        found: int = row[name]
        return found

    return value


def _percentile(state: str, place: int) -> Callable[[Row], MetricValue]:
    return lambda row: percentile(row[state], place)


_COMPUTED: dict[str, Callable[[Row], MetricValue]] = {
    **{name: _column(name) for name in ("active_users", "served_users", "reached_users")},
    "rejected_users": lambda row: row["active_users"] - row["served_users"],
    "new_users": _column("new_users"),
    "messages_per_user": lambda row: ratio(row["user_messages"], row["active_users"]),
    "tokens": lambda row: row["prompt_tokens"] + row["completion_tokens"],
    "cost_usd": cost,
    "cost_per_served_user_usd": lambda row: money_ratio(cost(row), row["served_users"]),
    "cost_per_answer_usd": lambda row: money_ratio(cost(row), row["answers"]),
    "tokens_per_second": lambda row: ratio(1000 * row["generated_tokens"], row["generation_ms"]),
    "fallback_rate": lambda row: ratio(row["fallbacks"], row["served_turns"]),
    "error_rate": lambda row: ratio(row["failed"], row["served_turns"]),
    **{
        f"{state}_p{percent}_ms": _percentile(state, place)
        for state in ("latency", "ttft")
        for percent, place in ((50, P50), (95, P95), (99, P99))
    },
}
_VALUES = {
    column.metric: _column(column.name) for column in SUM_COLUMNS if column.metric
} | _COMPUTED
METRIC_VALUES: dict[str, Callable[[Row], MetricValue]] = {
    metric.name: _VALUES[metric.name] for metric in METRICS if metric.name in _VALUES
}
"""In the order of the catalogue; metrics of one report alone are not among them."""


def metric_fields(shape: Any, *, but: str = "") -> list[tuple[str, Callable[[Row], Any]]]:
    """The fields of a dataclass that are metrics, and how each is computed from a row."""
    names = [field.name for field in fields(shape)]
    return [(name, METRIC_VALUES[name]) for name in names if name in METRIC_VALUES and name != but]


COSTS = frozenset(name for name in METRIC_VALUES if "cost" in name)
PERCENTILES = frozenset(name for name in METRIC_VALUES if name.startswith(("latency_", "ttft_")))
