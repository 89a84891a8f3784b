"""Compares published rollups with their recomputation, and counts rows that differ."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tests.chaos.checks.conversations import Differences
from tests.chaos.checks.expected import SUMS, Expected, Figures
from tests.chaos.checks.stores import SHOWN, Warehouse

ZONE = "SELECT zone FROM snapshots ORDER BY epoch DESC, watermark DESC, publication DESC LIMIT 1"
MERGED = "arraySort(bitmapToArray(groupBitmapMergeState({0}))) AS {0}_people"
SPELLED = {
    "day": "toString(day)",
    "bucket": "toUnixTimestamp(bucket)",
    "dialog_id": "toString(dialog_id)",
}
DIALOG_SUMS = (
    *("turns", "user_messages", "answers", "prompt_tokens", "completion_tokens"),
    *("cost_usd", "unpriced", "priced"),
)


@dataclass(frozen=True)
class Rollup:
    """A rollup table: the dimensions of a row, and its sets of people."""

    name: str
    dimensions: tuple[str, ...]
    people: tuple[str, ...] = ()
    sums: tuple[str, ...] = tuple(SUMS)


ROLLUPS = (
    Rollup(
        "activity",
        ("day", "bucket", "bot_id", "chat_type", "language", "model", "model_asked"),
        ("active", "reached", "served"),
    ),
    Rollup(
        "daily",
        ("day", "bot_id", "chat_type", "language", "model", "model_asked"),
        ("active", "reached", "served"),
    ),
    Rollup("quarter_users", ("day", "bucket", "bot_id"), ("active", "reached", "served", "new")),
    Rollup("day_users", ("day", "bot_id"), ("active", "reached", "served", "new")),
    Rollup("user_days", ("day", "bot_id", "user_key", "is_person")),
    Rollup("dialog_days", ("day", "bot_id", "dialog_id"), sums=DIALOG_SUMS),
    Rollup("new_users", ("day", "bucket", "bot_id", "source"), ("new",), sums=()),
)


def rollups_differ(expected: Expected, warehouse: Warehouse) -> Differences:
    """Compare every published rollup with the ledger."""
    found = Differences()
    for rollup in ROLLUPS:
        people = "active" if rollup.sums else "new"
        ours = {
            key: _expected(rollup, figures)
            for key, figures in expected.by(*rollup.dimensions, people=people).items()
        }
        theirs = {
            tuple(row[name] for name in rollup.dimensions): _published(rollup, row)
            for row in warehouse.rows(_statement(rollup))
        }
        wrong = [key for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key)]
        shown = [(key, ours.get(key), theirs.get(key)) for key in wrong[:SHOWN]]
        found.add(len(wrong), f"{rollup.name}: {len(wrong)} rows differ: {shown}")
    return found


def _statement(rollup: Rollup) -> str:
    keys = [f"{SPELLED.get(name, name)} AS {name}_" for name in rollup.dimensions]
    sums = [f"toString(sum({name})) AS {name}_sum" for name in rollup.sums]
    people = [MERGED.format(name) for name in rollup.people]
    inner = (
        f"SELECT {', '.join([*keys, *sums, *people])} FROM {rollup.name}"  # constants
        " WHERE (day, version) IN (SELECT day, version FROM builds)"
        f" GROUP BY {', '.join(f'{name}_' for name in rollup.dimensions)}"
    )
    outer = [f"{name}_ AS {name}" for name in rollup.dimensions]
    outer += [f"{name}_sum AS {name}" for name in rollup.sums]
    outer += [f"{name}_people AS {name}" for name in rollup.people]
    return f"SELECT {', '.join(outer)} FROM ({inner})"  # the same


def _expected(rollup: Rollup, figures: Figures) -> tuple[Any, ...]:
    sums = tuple(Decimal(figures.sums[name]) for name in rollup.sums)
    return (*sums, *(tuple(sorted(getattr(figures, name))) for name in rollup.people))


def _published(rollup: Rollup, row: dict[str, Any]) -> tuple[Any, ...]:
    sums = tuple(Decimal(row[name]) for name in rollup.sums)
    return (*sums, *(tuple(row[name]) for name in rollup.people))
