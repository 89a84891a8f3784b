"""Every metric once: its definition, unit, what it may be added up over, and where it comes from.

The text is `metrics.toml`; docs/data.md and the API show the same. `python -m warehouse.generate`
writes what repeats it.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Dimension:
    """A property of turns to filter and group by."""

    name: str
    expression: str
    """Over `turns AS t`."""
    type: str = "String"
    is_in_tiers: bool = False
    """Whether the rollups hold it; the ledger holds all of them."""

    @property
    def operators(self) -> tuple[str, ...]:
        return OPERATORS if self.type == "String" else OPERATORS[:2]


OPERATORS = ("is", "is_not", "contains", "contains_not")
TURN_DIMENSIONS = (
    Dimension("bot", "t.bot_id", "Int64", is_in_tiers=True),
    Dimension("chat_type", "t.chat_type", is_in_tiers=True),
    Dimension("language", "ifNull(t.language, '')", is_in_tiers=True),
    Dimension("model", "coalesce(t.model_used, t.model_asked, '')", is_in_tiers=True),
    Dimension("model_asked", "ifNull(t.model_asked, '')", is_in_tiers=True),
    Dimension("source", "ifNull(t.source, '')"),
    Dimension("person", "t.user_key", "UInt32"),
    Dimension("dialog", "t.dialog_id", "UUID"),
    Dimension("status", "t.status"),
    Dimension("cause", "ifNull(t.reason, '')"),
    Dimension("fallback_cause", "ifNull(t.fallback_cause, '')"),
)
EVENT_DIMENSIONS = {
    "bot": "e.bot_id",
    "chat_type": "e.chat_type",
    "language": "ifNull(e.language, '')",
    "person": "e.user_key",
}
"""Those that events of people have, too, over `user_events AS e`."""
DIMENSIONS = ("time", *(dimension.name for dimension in TURN_DIMENSIONS))
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
