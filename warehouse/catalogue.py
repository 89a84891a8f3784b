"""Every metric once: its definition, unit, what it may be added up over, and where it comes from.

The text is `metrics.toml`; docs/data.md and the API show the same. `python -m warehouse.generate`
writes what repeats it.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DIMENSIONS = ("time", "bot", "chat_type", "language", "model", "model_asked")
"""Dimensions of figures."""


@dataclass(frozen=True, slots=True)
class Metric:
    name: str
    title: str
    definition: str
    unit: str
    additive_over: tuple[str, ...]
    """Dimensions whose groups may be summed. Distinct people, percentiles and ratios have none: ask
    for the whole range instead."""
    source: str
    """Ledger columns or other metrics that the figure rests on."""


@dataclass(frozen=True, slots=True)
class SumColumn:
    """A column of the rollups that is added up over turns."""

    name: str
    metric: str | None
    """The metric that it is; None: no answer shows it."""
    expression: str
    """Over `turns AS t`."""
    type: str
    rules: int
    """Rules of the first builds that hold it; older ones read as 0."""


def entries() -> dict[str, dict[str, Any]]:
    """`metrics.toml` as it is, by name."""
    text = (Path(__file__).parent / "metrics.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def _dimensions(stated: str | list[str]) -> tuple[str, ...]:
    return DIMENSIONS if stated == "every dimension" else tuple(stated)


METRICS: tuple[Metric, ...] = tuple(
    Metric(
        name=name,
        title=entry["title"],
        definition=entry["definition"],
        unit=entry["unit"],
        additive_over=_dimensions(entry["additive_over"]),
        source=entry["source"],
    )
    for name, entry in entries().items()
    if "title" in entry
)
BY_NAME: dict[str, Metric] = {metric.name: metric for metric in METRICS}
SUM_COLUMNS: tuple[SumColumn, ...] = tuple(
    SumColumn(
        name=entry.get("column", name),
        metric=name if "title" in entry else None,
        expression=entry["expression"],
        type=entry.get("type", "UInt64"),
        rules=entry.get("rules", 2),
    )
    for name, entry in entries().items()
    if "expression" in entry
)
RULES = max(column.rules for column in SUM_COLUMNS)
"""By which builds are made. Where a publication's are others, every day is built again."""


def catalogue() -> tuple[Metric, ...]:
    """Every metric that any answer holds, in the order in which they are shown."""
    return METRICS
