"""Every metric once: its definition, unit, what it may be added up over, and where it comes from.

The text is `metrics.toml`; docs/data.md and the API show the same.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

DIMENSIONS = ("time", "bot", "chat_type", "language", "model", "model_asked")
"""What figures are grouped by."""


@dataclass(frozen=True, slots=True)
class Metric:
    name: str
    title: str
    definition: str
    unit: str
    additive_over: tuple[str, ...]
    """The dimensions whose groups may be summed. Of distinct people, percentiles and ratios none:
    ask for the whole range instead."""
    source: str
    """Ledger columns or other metrics that the figure rests on."""


def _read() -> tuple[Metric, ...]:
    text = (Path(__file__).parent / "metrics.toml").read_text(encoding="utf-8")
    return tuple(
        Metric(
            name=name,
            title=entry["title"],
            definition=entry["definition"],
            unit=entry["unit"],
            additive_over=_dimensions(entry["additive_over"]),
            source=entry["source"],
        )
        for name, entry in tomllib.loads(text).items()
    )


def _dimensions(stated: str | list[str]) -> tuple[str, ...]:
    return DIMENSIONS if stated == "every dimension" else tuple(stated)


METRICS: tuple[Metric, ...] = _read()
BY_NAME: dict[str, Metric] = {metric.name: metric for metric in METRICS}


def catalogue() -> tuple[Metric, ...]:
    """Every metric that any answer holds, in the order in which they are shown."""
    return METRICS
