"""Days of the report zone in memory: a build never changes, so it is read once. Knows no report."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from pyroaring import BitMap

from warehouse.reading import Reader, Versions
from warehouse.statements import statement
from warehouse.states import Sketch, people

MOST_BYTES = 64 << 20
MOST_DAYS = 100
"""Of a question about more days the engine adds up faster than it hands them over."""
_BYTES_OF_A_PLACE = 200
_BYTES_OF_A_DAY = 2_000


@dataclass(frozen=True, slots=True)
class BotDay:
    """One day of one bot, in one build. Shared by all who ask: nobody changes its sets."""

    day: date
    bot_id: int
    sums: tuple[int, ...]
    """In the order of `traffic.SUMMED`."""
    cost_usd: Decimal
    latency: Sketch
    """Milliseconds."""
    ttft: Sketch
    """Milliseconds."""
    active: BitMap
    reached: BitMap
    new: BitMap
    busiest: tuple[tuple[int, int], ...]
    """(messages, person), most first."""
    newest: tuple[tuple[int, UUID], ...]
    """(newest turn in microseconds since 1970, dialog), newest first."""
    size: int
    """About how many bytes it holds."""


class KeptDays:
    """The days that were asked for, those that nobody asks for any more going first.

    Args:
        most_bytes: about how much is kept.
        most_days: a question about more is not one for this memory.
    """

    def __init__(self, *, most_bytes: int = MOST_BYTES, most_days: int = MOST_DAYS) -> None:
        self.most_days = most_days
        self._most_bytes = most_bytes
        self._kept: OrderedDict[tuple[date, int], tuple[BotDay, ...]] = OrderedDict()
        # Reports of one answer want the same days at once: the first one reads them.
        self._reading = asyncio.Lock()
        self.size = 0

    def __len__(self) -> int:
        return len(self._kept)

    async def of(self, reader: Reader, builds: Mapping[date, int]) -> list[BotDay]:
        """The bots' days of these builds (version by day), in the order of the builds.

        Raises:
            WarehouseError: days that are not kept cannot be read.
        """
        async with self._reading:
            # Taken before anything is awaited: another snapshot may drop what this one still needs.
            found = {build: self._kept[build] for build in builds.items() if build in self._kept}
            missing = [build for build in builds.items() if build not in found]
            if missing:
                found |= await self._read(reader, missing)
            for build in builds.items():
                if build in self._kept:
                    self._kept.move_to_end(build)
            self._make_room()
        return [bot_day for build in builds.items() for bot_day in found[build]]

    def keep_only(self, builds: Mapping[date, int]) -> tuple[date, ...]:
        """Forget what serves no day any more; returns the days that another build serves now."""
        gone = [(day, version) for day, version in self._kept if builds.get(day) != version]
        for build in gone:
            self._drop(build)
        return tuple(day for day, _ in gone if day in builds)

    async def _read(
        self, reader: Reader, missing: list[tuple[date, int]]
    ) -> dict[tuple[date, int], tuple[BotDay, ...]]:
        rows = await reader.rows(
            "bot_days", statement("reports/bot_days"), {"builds": Versions(missing)}
        )
        days: dict[tuple[date, int], list[BotDay]] = {build: [] for build in missing}
        for row in rows:
            days[row["day"], row["version"]].append(_bot_day(row))
        found = {build: tuple(bots) for build, bots in days.items()}
        for build, bots in found.items():
            self._kept[build] = bots
            self.size += _size(bots)
        return found

    def _make_room(self) -> None:
        while self.size > self._most_bytes:
            self._drop(next(iter(self._kept)))

    def _drop(self, build: tuple[date, int]) -> None:
        self.size -= _size(self._kept.pop(build))


def _size(bots: Iterable[BotDay]) -> int:
    return _BYTES_OF_A_DAY + sum(bot.size for bot in bots)


def _bot_day(row: Mapping[str, Any]) -> BotDay:
    states = {
        name: bytes.fromhex(row[name]) for name in ("latency", "ttft", "active", "reached", "new")
    }
    busiest, newest = tuple(row["busiest"]), tuple(row["newest"])
    places = len(busiest) + len(newest)
    return BotDay(
        day=row["day"],
        bot_id=row["bot_id"],
        sums=tuple(row["sums"]),
        cost_usd=row["cost_usd"],
        latency=Sketch.of_state(states["latency"]),
        ttft=Sketch.of_state(states["ttft"]),
        active=people(states["active"]),
        reached=people(states["reached"]),
        new=people(states["new"]),
        busiest=busiest,
        newest=newest,
        size=sum(map(len, states.values())) + places * _BYTES_OF_A_PLACE + _BYTES_OF_A_DAY,
    )
