"""Reliability of answers: how fast, how often not, and why."""

from __future__ import annotations

from dashboards.grafana.asking import listed, named, percentile, series, share, total
from dashboards.grafana.binding import bound, query
from dashboards.grafana.panels import Cells, Levels, Panel, figure, lines, listing, stacked

SHARE = "percentunit"
COUNT = "locale"
FIRST_TOKEN: Levels = {None: "green", 5_000: "orange", 15_000: "red"}
WHOLE_ANSWER: Levels = {None: "green", 20_000: "orange", 60_000: "red"}
"""Milliseconds."""
ERROR_SHARES: Levels = {None: "green", 0.02: "orange", 0.1: "red"}


def _causes(report: str, column: str) -> str:
    return query(
        f"SELECT {named('cause', '(none)')} AS cause, sum(turns) AS turns\n"
        "FROM (SELECT 1 AS present) AS always\n"
        "LEFT JOIN (\n"
        "    SELECT 1 AS present, pair.1 AS cause, pair.2 AS turns FROM (\n"
        f"{bound(report)}\n) ARRAY JOIN CAST({column}, 'Array(Tuple(String, UInt64))') AS pair\n"
        ") AS found ON found.present = always.present\n"
        "GROUP BY cause\nORDER BY turns DESC, cause"
    )


PANELS = (
    figure(
        section="In the range",
        title="Answered",
        description="Answers by turns that reached a model; empty without any.",
        unit=SHARE,
        decimals=1,
        levels={None: "red", 0.95: "orange", 0.99: "green"},
        runbook="ModelErrors",
        sql=total(answered=f"if(served_turns = 0, NULL, {share('answers', 'served_turns')})"),
    ),
    figure(
        title="Failed turns",
        description="Turns that ended without an answer although one was tried.",
        unit=COUNT,
        sql=total(failed="failed"),
    ),
    figure(
        title="Answers cut short",
        description="Answers that the model did not finish; people were told.",
        unit=COUNT,
        sql=total(incomplete="incomplete"),
    ),
    figure(
        title="First token, p95",
        description="From the first message received to the first token of its answer.",
        unit="ms",
        levels=FIRST_TOKEN,
        sql=total(ttft=percentile("ttft", "p95")),
    ),
    figure(
        title="Whole answer, p95",
        description="From the first message received to the last part delivered.",
        unit="ms",
        levels=WHOLE_ANSWER,
        sql=total(latency=percentile("latency", "p95")),
    ),
    figure(
        title="Waiting for Telegram's limits",
        description="Time that answers waited because Telegram asked for it (429).",
        unit="ms",
        runbook="FloodWaits",
        sql=total(waited="flood_wait_ms"),
    ),
    lines(
        section="Over time",
        title="Latency over time",
        description="Half of the answers were faster than p50, 95 of 100 faster than p95.",
        unit="ms",
        sql=series(
            p50=percentile("points.latency", "p50"),
            p95=percentile("points.latency", "p95"),
        ),
    ),
    stacked(
        title="Turns without an answer over time",
        description="Failed turns, and turns that limits or budgets refused.",
        unit="short",
        sql=series(failed="points.failed", rejected="points.rejected"),
    ),
    listing(
        section="By model",
        title="First token and latency by model",
        description="Percentiles of time to first token and of the whole answer, and how fast"
        " answers are written from their first to their last token.",
        unit="ms",
        units={"turns": COUNT, "tokens per second": COUNT},
        cells=(
            Cells(columns="model", page="/models"),
            Cells(columns="first token p.+", levels=FIRST_TOKEN),
            Cells(columns="answer p.+", levels=WHOLE_ANSWER),
        ),
        sql=listed(
            "models",
            columns={
                "model": named("model", "(no model asked)"),
                "turns": "turns",
                "first token p50": percentile("ttft", "p50"),
                "first token p95": percentile("ttft", "p95"),
                "first token p99": percentile("ttft", "p99"),
                "answer p50": percentile("latency", "p50"),
                "answer p95": percentile("latency", "p95"),
                "answer p99": percentile("latency", "p99"),
                "tokens per second": "if(generation_ms = 0, NULL,"
                " 1000 * generated_tokens / generation_ms)",
            },
        ),
    ),
    listing(
        title="Errors by model",
        description="Of the turns that reached a model, booked on the model that answered, else on"
        " the one asked: those that failed, and those that were cut short.",
        unit=SHARE,
        units={"turns": COUNT},
        cells=(
            Cells(columns="model", page="/models"),
            Cells(columns="failed|cut short", levels=ERROR_SHARES),
        ),
        runbook="ModelErrors",
        sql=listed(
            "models",
            columns={
                "model": named("model", "(no model asked)"),
                "turns": "served_turns",
                "failed": share("failed", "served_turns"),
                "cut short": share("incomplete", "served_turns"),
            },
        ),
    ),
    listing(
        title="Fallbacks by model asked",
        description="Of the turns for which each model was asked first: those that were handed to"
        " another model, the time that was lost until then and what the failed attempts cost.",
        unit=SHARE,
        units={"turns": COUNT, "time lost": "ms", "cost": "currencyUSD"},
        cells=(
            Cells(columns="model", page="/models"),
            Cells(columns="handed over", bar=True, greatest=1),
        ),
        runbook="ModelFallbacks",
        sql=listed(
            "models_asked",
            columns={
                "model": named("asked", "(none)"),
                "turns": "asked_turns",
                "handed over": share("handed_over", "asked_turns"),
                "time lost": "fallback_wait_ms",
                "cost": "toFloat64(fallback_cost_usd)",
            },
        ),
    ),
    Panel(
        section="Causes",
        title="Why another model answered",
        description="Causes of fallbacks, by turns.",
        look="ranking",
        unit=COUNT,
        sql=_causes("models_asked", "causes"),
    ),
    Panel(
        title="Why turns did not end whole",
        description="Causes of failed, rejected, cancelled and incomplete turns.",
        look="ranking",
        unit=COUNT,
        sql=_causes("models", "reasons"),
    ),
    listing(
        title="Flood waits",
        description="Answers that waited because Telegram asked for it, the time that answers"
        " waited for the bot's own limits, the parts that answers were sent as, and answers that"
        " people stopped or blocked the bot before.",
        unit=COUNT,
        units={"own pacing": "ms"},
        sql=total(
            **{
                "answers that waited": "flood_waits",
                "own pacing": "pacing_wait_ms",
                "parts sent": "answer_parts",
                "abandoned": "abandoned",
            },
        ),
    ),
)
