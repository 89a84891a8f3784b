"""What a query may ask for: each metric's figure from one group of the rollups."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from warehouse.query.result import MetricValue
from warehouse.reports.asking import P50, P95, P99, cost, money_ratio, percentile, ratio

Row = dict[str, Any]


def _sum(column: str) -> Callable[[Row], MetricValue]:
    def figure(row: Row) -> MetricValue:
        value: int = row[column]
        return value

    return figure


def _percentile(state: str, place: int) -> Callable[[Row], MetricValue]:
    def figure(row: Row) -> MetricValue:
        return percentile(row[state], place)

    return figure


FIGURES: dict[str, Callable[[Row], MetricValue]] = {
    "user_messages": _sum("user_messages"),
    "turns": _sum("turns"),
    "served_turns": _sum("served_turns"),
    "answers": _sum("answers"),
    "incomplete": _sum("incomplete"),
    "failed": _sum("failed"),
    "rejected": _sum("rejected"),
    "cancelled": _sum("cancelled"),
    "active_users": _sum("active_users"),
    "served_users": _sum("served_users"),
    "rejected_users": lambda row: row["active_users"] - row["served_users"],
    "reached_users": _sum("reached_users"),
    "new_users": _sum("new_users"),
    "messages_per_user": lambda row: ratio(row["user_messages"], row["active_users"]),
    "prompt_tokens": _sum("prompt_tokens"),
    "completion_tokens": _sum("completion_tokens"),
    "cached_tokens": _sum("cached_tokens"),
    "reasoning_tokens": _sum("reasoning_tokens"),
    "tokens": lambda row: row["prompt_tokens"] + row["completion_tokens"],
    "cost_usd": cost,
    "unpriced_turns": _sum("unpriced"),
    "cost_per_served_user_usd": lambda row: money_ratio(cost(row), row["served_users"]),
    "cost_per_answer_usd": lambda row: money_ratio(cost(row), row["answers"]),
    "fallbacks": _sum("fallbacks"),
    "fallback_rate": lambda row: ratio(row["fallbacks"], row["served_turns"]),
    "error_rate": lambda row: ratio(row["failed"], row["served_turns"]),
    "answer_parts": _sum("answer_parts"),
    "flood_waits": _sum("flood_waits"),
    "flood_wait_ms": _sum("flood_wait_ms"),
    "pacing_wait_ms": _sum("pacing_wait_ms"),
    "latency_p50_ms": _percentile("latency", P50),
    "latency_p95_ms": _percentile("latency", P95),
    "latency_p99_ms": _percentile("latency", P99),
    "ttft_p50_ms": _percentile("ttft", P50),
    "ttft_p95_ms": _percentile("ttft", P95),
    "ttft_p99_ms": _percentile("ttft", P99),
}

COSTS = frozenset({"cost_usd", "cost_per_served_user_usd", "cost_per_answer_usd"})
PERCENTILES = frozenset(name for name in FIGURES if name.startswith(("latency_", "ttft_")))
