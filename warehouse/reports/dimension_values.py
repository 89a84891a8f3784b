"""The values that reports can be filtered by."""

from __future__ import annotations

from dataclasses import dataclass
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


async def dimension_values(
    reader: Reader, *, snapshot: Snapshot, period: Period
) -> DimensionValues:
    """Bots, chat types, languages and models seen in the period, to the quarter of an hour."""
    row = (await ask(reader, "dimension_values", tier_builds(snapshot, period.span)))[0]
    return DimensionValues(
        bots=tuple(int(bot) for bot in _most_first(row["bots"])),
        chat_types=tuple(_most_first(row["chat_types"])),
        languages=tuple(value for value in _most_first(row["languages"]) if value),
        models=tuple(value for value in _most_first(row["models"]) if value),
    )


def _most_first(turns: dict[Any, int]) -> list[Any]:
    return sorted(turns, key=lambda value: (-turns[value], value))[:MAX_VALUES]
