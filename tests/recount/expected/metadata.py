"""`dimensions`, `quality`, `freshness` and `catalogue`: about the numbers themselves."""

from __future__ import annotations

import tomllib
from collections import Counter
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.recount.constants import DAY
from tests.recount.view import Expected, Row, Stated, View

METRICS_FILE = Path(__file__).parents[3] / "warehouse" / "metrics.toml"
ALL = "every dimension"
GROUPED = [
    *("time", "bot", "chat_type", "language", "model", "model_asked", "source", "person"),
    *("dialog", "status", "cause", "fallback_cause"),
]
MAX_VALUES = 100
MAX_DAYS = 366
CHECK_COLUMNS = (
    *("suite", "asset", "name", "day", "is_blocking", "passed", "checked_at"),
    *("observed", "expected"),
)
DAY_COLUMNS = (
    *("day", "compared_at", "source_turns", "warehouse_turns", "source_tokens"),
    *("warehouse_tokens", "source_cost_usd", "warehouse_cost_usd", "source_users"),
    *("warehouse_users", "rows_differ", "was_repaired", "is_equal"),
)


def dimensions(view: View) -> Expected:
    """Values of the period whatever the filters, most turns first."""
    facts = view.facts
    rows = facts.within(view.period.since, view.period.until)
    found: dict[str, list[Any]] = {}
    for field, column in (
        ("bots", "bot_id"),
        ("chat_types", "chat_type"),
        ("languages", "language"),
        ("models", "model"),
        ("sources", "source"),
        ("causes", "cause"),
        ("fallback_causes", "handed_for"),
    ):
        # Sources are those of all people who came before the end.
        of = facts.newcomers(0, view.period.until) if field == "sources" else rows
        turns = Counter(facts.column(column, of).tolist())
        ordered = sorted(turns, key=lambda value: (-turns[value], value))[:MAX_VALUES]
        keeps_empty = field in ("bots", "chat_types")
        found[field] = [value for value in ordered if keeps_empty or value]
    table: list[Row] = [
        {"dimension": field.removesuffix("s"), "value": str(value)}
        for field, values in found.items()
        for value in values
    ]
    return Expected({"dimensions": found}, ("dimension", "value"), table)


def quality(view: View) -> Expected:
    """Every compared day is equal; every check passed."""
    facts = view.facts
    since = min(max((view.now - view.period.since) // DAY + 1, 1), MAX_DAYS)
    first = view.report.day(view.through - since * DAY)
    days = facts.days(view.report)
    found: list[Row] = []
    compared = {int(day) for day in days if day >= first} if view.is_reconciled else set()
    for day in sorted(compared, reverse=True):
        rows = facts.all[days == day]
        group = facts.group(rows, rows[:0])
        totals = {
            "turns": group.count(),
            "tokens": group.total("tokens"),
            "cost_usd": group.cost or Decimal(0),
            "users": len(set(facts.user[rows].tolist())),
        }
        row: Row = {"day": view.date(day), "compared_at": Stated(datetime)}
        for name, value in totals.items():
            row |= {f"source_{name}": value, f"warehouse_{name}": value}
        found.append({**row, "rows_differ": 0, "was_repaired": False, "is_equal": True})
    check: Row = dict.fromkeys(CHECK_COLUMNS, Stated(str, may_be_null=True))
    check |= {"passed": True, "is_blocking": Stated(bool), "checked_at": Stated(datetime)}
    quality_: Row = {"is_ok": True, "checks": [check], "days": found, "days_withheld": []}
    return Expected({"quality": quality_}, DAY_COLUMNS, found)


def freshness(view: View) -> Expected:
    days = view.facts.days(view.report)
    found: Row = {
        "snapshot_id": Stated(str),
        "data_through": Stated(datetime),
        "published_at": Stated(datetime),
        "replicated_at": Stated(datetime),
        "checked_at": Stated(datetime, may_be_null=True),
        "epoch": 1,
        "watermark": Stated(int),
        "replication_lag_seconds": Stated(float),
        "held_back_by": None,
        "turns": len(view.facts.all),
        "first_day": view.date(int(days.min())),
        "last_day": view.date(int(days.max())),
    }
    return Expected({"freshness": found}, tuple(found), [found])


def catalogue(_view: View) -> Expected:
    metrics = tomllib.loads(METRICS_FILE.read_text(encoding="utf-8"))
    found: list[Row] = [
        {
            "name": name,
            "title": entry["title"],
            "definition": entry["definition"],
            "unit": entry["unit"],
            "additive_over": GROUPED if entry["additive_over"] == ALL else entry["additive_over"],
            "source": entry["source"],
        }
        for name, entry in metrics.items()
        if "title" in entry
    ]
    columns = ("name", "title", "definition", "unit", "additive_over", "source")
    table = [{**row, "additive_over": ", ".join(row["additive_over"])} for row in found]
    return Expected({"metrics": found}, columns, table)
