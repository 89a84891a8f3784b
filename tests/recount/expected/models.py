"""`models` and `costs`: answers, prices and errors of each model."""

from __future__ import annotations

from collections import Counter

import pandas as pd

from tests.recount.expected.totals import points
from tests.recount.facts import Group, Rows, money_ratio, ratio
from tests.recount.view import Expected, Row, View

COLUMNS = (
    *("model", "turns", "served_turns", "answers", "failed", "incomplete", "fallbacks", "share"),
    *("error_rate", "asked_turns", "handed_over", "fallback_rate", "fallback_wait_ms"),
    *("fallback_cost_usd", "active_users"),
    *("prompt_tokens", "completion_tokens", "tokens", "cost_usd", "unpriced_turns"),
    "cost_per_answer_usd",
    *(f"{kind}_p{percent}_ms" for kind in ("latency", "ttft") for percent in (50, 95, 99)),
    "tokens_per_second",
)
LOST = ("fallback_wait_ms", "fallback_cost_usd")
OF_ASKED = ("asked_turns", "handed_over", "fallback_rate", *LOST)
"""Figures by the model asked first; the others are by the model that turns are booked on."""
POINT = (
    *("start", "cost_usd", "unpriced_turns", "tokens", "active_users", "served_users"),
    "cost_per_served_user_usd",
)


def _by(view: View, column: str, rows: Rows) -> dict[str, Rows]:
    names = view.facts.column(column, rows)
    return {name: rows[names == name] for name in sorted(set(names))}


def models(view: View) -> Expected:
    facts = view.facts
    rows = view.turns(view.period.since, view.period.until)
    booked = _by(view, "model", rows)
    asked = _by(view, "model_asked", rows[facts.column("is_served", rows)])
    found: list[Row] = []
    causes: list[Row] = []
    for model in sorted({*booked, *asked}):
        own, first = booked.get(model, rows[:0]), asked.get(model, rows[:0])
        figures = facts.group(own, own[:0]).figures(
            name for name in COLUMNS if name not in ("model", "share", *OF_ASKED)
        )
        handed_over = facts.group(first, own[:0]).stated("fallback_cause")
        row: Row = {
            **figures,
            "model": model,
            "share": len(own) / len(rows),
            "asked_turns": len(first),
            "handed_over": handed_over,
            "fallback_rate": ratio(handed_over, len(first)),
            **facts.group(first, own[:0]).figures(LOST),
        }
        found.append({name: row[name] for name in COLUMNS})
        causes += _causes(view, "outcome", "reason", model, own)
        causes += _causes(view, "fallback", "fallback_cause", model, first)
    found.sort(key=_rank)
    causes.sort(key=lambda row: (-row["turns"], row["kind"], row["cause"], row["model"]))
    return Expected({"models": {"models": found, "causes": causes}}, COLUMNS, found)


def _rank(row: Row) -> tuple[int, int, bytes]:
    """Most turns first; of those that no turn is booked on, the one that was asked most."""
    asked = 0 if row["turns"] else row["asked_turns"]
    return -row["turns"], -asked, row["model"].encode()


def _causes(view: View, kind: str, column: str, model: str, rows: Rows) -> list[Row]:
    stated = [value for value in view.facts.column(column, rows) if pd.notna(value)]
    return [
        {"kind": kind, "cause": cause, "model": model, "turns": turns, "rate": turns / len(rows)}
        for cause, turns in Counter(stated).items()
    ]


def _unpriced(view: View) -> list[Row]:
    rows = models(view).fields["models"]["models"]
    return [
        {"model": row["model"], "turns": row["unpriced_turns"]}
        for row in rows
        if row["unpriced_turns"]
    ]


def costs(view: View) -> Expected:
    whole: Group = view.group(view.period.since, view.period.until)
    named = ("cost_usd", "unpriced_turns", "active_users", "served_users", "answers")
    found: Row = whole.figures(named)
    series = [
        {
            **{name: point[name] for name in POINT[:-1]},
            POINT[-1]: money_ratio(point["cost_usd"], point["served_users"]),
        }
        for point in points(view, view.period.since, view.period.until)
    ]
    found |= {
        "unpriced_models": _unpriced(view),
        "cost_per_served_user_usd": money_ratio(found["cost_usd"], found["served_users"]),
        "cost_per_answer_usd": money_ratio(found["cost_usd"], found["answers"]),
        "points": series,
    }
    return Expected({"costs": found}, POINT, series)
