"""The values that reports can be filtered by."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from warehouse.clickhouse.reader import Reader
from warehouse.periods import Period
from warehouse.reports.parameters import ask, tier_builds
from warehouse.snapshot import Snapshot

MAX_VALUES = 100


@dataclass(frozen=True, slots=True)
class DimensionValues:
    """Values seen in the period, for pickers; most turns first, at most 100 each."""

    bots: tuple[int, ...]
    chat_types: tuple[str, ...]
    languages: tuple[str, ...]
    models: tuple[str, ...]
    sources: tuple[str, ...]
    """Sources of everybody who came before the end of the period, most people first."""
    causes: tuple[str, ...]
    """Why turns were no whole answers."""
    fallback_causes: tuple[str, ...]


async def dimension_values(
    reader: Reader, *, snapshot: Snapshot, period: Period
) -> DimensionValues:
    """The values that occur in the period, to the quarter of an hour."""
    builds = {"builds": snapshot.versions(date.min, date.max)}
    parameters = {**tier_builds(snapshot, period.span), **builds}
    row = (await ask(reader, "dimension_values", parameters))[0]
    return DimensionValues(
        bots=tuple(int(bot) for bot in _most_first(row["bots"])),
        chat_types=tuple(_most_first(row["chat_types"])),
        languages=tuple(value for value in _most_first(row["languages"]) if value),
        models=tuple(value for value in _most_first(row["models"]) if value),
        sources=tuple(value for value in _most_first(row["sources"]) if value),
        causes=tuple(_most_first(row["causes"])),
        fallback_causes=tuple(_most_first(row["fallback_causes"])),
    )


def _most_first(turns: dict[Any, int]) -> list[Any]:
    return sorted(turns, key=lambda value: (-turns[value], value))[:MAX_VALUES]
