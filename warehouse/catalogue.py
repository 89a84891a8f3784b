"""Every metric once: its definition, unit, whether it may be added up, and where it comes from.

The text is `metrics.toml`; docs/data.md and the API show the same.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Additivity(StrEnum):
    ADDITIVE = "additive"
    """Buckets and groups may be summed."""
    NOT_ADDITIVE = "not additive"
    """Distinct people, percentiles and ratios: ask for the whole range instead."""


@dataclass(frozen=True, slots=True)
class Metric:
    name: str
    title: str
    definition: str
    unit: str
    additivity: Additivity
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
            additivity=Additivity.ADDITIVE if entry["additive"] else Additivity.NOT_ADDITIVE,
            source=entry["source"],
        )
        for name, entry in tomllib.loads(text).items()
    )


METRICS: tuple[Metric, ...] = _read()
BY_NAME: dict[str, Metric] = {metric.name: metric for metric in METRICS}


def catalogue() -> tuple[Metric, ...]:
    """Every metric that any answer holds, in the order in which they are shown."""
    return METRICS
