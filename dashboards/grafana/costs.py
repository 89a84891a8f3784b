"""Costs & models: what the answers cost, and which models gave them."""

from __future__ import annotations

from dashboards.grafana.asking import (
    COST,
    cost_per,
    listed,
    named,
    percentile,
    series,
    share,
    total,
)
from dashboards.grafana.binding import SERIES, figures, query
from dashboards.grafana.panels import HEAT, Cells, Panel, bars, figure, listing, stacked

DOLLARS = "currencyUSD"
COUNT = "locale"
_MODEL = {"model": named("model", "(no model asked)")}


def _by_model(figure: str) -> str:
    """A series per model; buckets without any are a zero of `(all)`."""
    grouped = figures(new_users=False, by_model="true", **SERIES)
    return query(
        "SELECT toDateTime(edge, 'UTC') AS time,"
        f" {named('points.answerer', '(none)')} AS model, {figure} AS value\n"
        "FROM (SELECT arrayJoin(bucket_edges) AS edge) AS spine\n"
        f"LEFT JOIN (\n{grouped}\n) AS points ON points.start = spine.edge\n"
        "ORDER BY time, model"
    )


PANELS = (
    figure(
        section="In the range",
        title="Cost",
        description="Sum of the costs that the provider stated. Turns of unknown cost are counted"
        " beside it; empty when no cost at all is known.",
        unit=DOLLARS,
        decimals=4,
        sql=total(cost=COST),
    ),
    figure(
        title="Turns of unknown cost",
        description="Turns with a request to a model whose cost is unknown.",
        unit=COUNT,
        levels={None: "green", 1: "orange"},
        sql=total(unpriced="unpriced"),
    ),
    figure(
        title="Cost per served user",
        description="Known cost by people whose message reached a model; 0 without them.",
        unit=DOLLARS,
        decimals=4,
        sql=total(cost=cost_per("served_users")),
    ),
    figure(
        title="Cost per answer",
        description="Known cost by answers; 0 without answers.",
        unit=DOLLARS,
        decimals=4,
        sql=total(cost=cost_per("answers")),
    ),
    figure(
        title="Tokens",
        description="Prompt and completion tokens.",
        unit="short",
        sql=total(tokens="prompt_tokens + completion_tokens"),
    ),
    figure(
        title="Prompt tokens from cache",
        description="Part of the prompt tokens that the provider had cached.",
        unit="percentunit",
        sql=total(cached=share("cached_tokens", "prompt_tokens")),
    ),
    bars(
        section="Over time",
        title="Cost over time",
        description="Known cost per bucket of the picker's zone; a gap where none is known.",
        unit=DOLLARS,
        sql=series(cost=COST),
    ),
    bars(
        title="Tokens over time",
        description="Prompt and completion tokens per bucket of the picker's zone.",
        unit="short",
        sql=series(tokens="points.prompt_tokens + points.completion_tokens"),
    ),
    stacked(
        title="Cost by model over time",
        description="Known cost per bucket and model that answered, else the model asked.",
        unit=DOLLARS,
        sql=_by_model(COST),
    ),
    stacked(
        title="Turns by model over time",
        description="Turns per bucket and model that answered, else the model asked.",
        unit="short",
        sql=_by_model("points.turns"),
    ),
    listing(
        section="By model",
        title="Models",
        description="One row per model that answered, else the model asked.",
        unit=COUNT,
        cells=(
            Cells(columns="model", page="/models"),
            Cells(columns="turns|cost", shade=HEAT),
            Cells(columns="unknown cost", levels={None: "transparent", 1: "orange"}),
            Cells(columns="errors", levels={None: "green", 0.02: "orange", 0.1: "red"}),
        ),
        units={
            "cost": DOLLARS,
            "cost per answer": DOLLARS,
            "errors": "percentunit",
            "p95": "ms",
        },
        sql=listed(
            "models",
            columns={
                **_MODEL,
                "turns": "turns",
                "answers": "answers",
                "users": "active_users",
                "tokens": "prompt_tokens + completion_tokens",
                "cost": COST,
                "unknown cost": "unpriced",
                "cost per answer": cost_per("answers"),
                "errors": share("failed", "served_turns"),
                "p95": percentile("latency", "p95"),
            },
        ),
        width=16,
    ),
    Panel(
        title="Share of turns",
        description="Turns by model, most first.",
        look="ranking",
        unit=COUNT,
        sql=listed("models", columns={**_MODEL, "turns": "turns"}),
        width=8,
    ),
    listing(
        section="Ratings",
        title="Ratings by model",
        description="How people rated the answers of each model, with a button or a reaction; a"
        " person's last verdict on an answer. Counted at the time of the turn. Few people rate.",
        unit=COUNT,
        cells=(
            Cells(columns="model", page="/models"),
            Cells(columns="satisfaction", levels={None: "red", 0.5: "orange", 0.8: "green"}),
        ),
        units={"satisfaction": "percentunit"},
        sql=listed(
            "feedback",
            columns={
                "model": named("answerer", "(none)"),
                "good": "good",
                "bad": "bad",
                "satisfaction": share("good", "good + bad"),
            },
            tail=" AND found.grouped = 1",
        ),
        width=12,
    ),
    listing(
        title="Ratings by source",
        description="The same by the deep link through which the person who asked came.",
        unit=COUNT,
        cells=(
            Cells(columns="source", page="/users"),
            Cells(columns="satisfaction", levels={None: "red", 0.5: "orange", 0.8: "green"}),
        ),
        units={"satisfaction": "percentunit"},
        sql=listed(
            "feedback",
            columns={
                "source": named("origin", "(none)"),
                "good": "good",
                "bad": "bad",
                "satisfaction": share("good", "good + bad"),
            },
            tail=" AND found.grouped = 2",
        ),
        width=12,
    ),
)
