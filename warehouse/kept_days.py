"""Days in memory, of the report zone and of others: a build never changes, so it is read once.

Knows no report.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from pyroaring import BitMap

from warehouse.reading import Reader, Versions
from warehouse.statements import statement
from warehouse.states import Sketch, people
from warehouse.tiers import runs

MOST_BYTES = 64 << 20
MOST_DAYS = 100
"""Of a question about more days the engine adds up faster than it hands them over."""
_BYTES_OF_A_LINE = 200
_BYTES_OF_A_DAY = 2_000

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class DayCut:
    """A calendar day of some zone, and what it is counted from."""

    day: date
    builds: tuple[tuple[date, int | None], ...]
    """(day, version) of each day of the report zone that it touches; None: nothing was built."""
    moments: tuple[int, int] | None = None
    """[since, until) in Unix seconds of another zone's day; None: it is one of the report zone."""

    @property
    def is_built(self) -> bool:
        return any(version is not None for _, version in self.builds)

    def serves(self, builds: Mapping[date, int]) -> bool:
        """Whether these builds (version by day) still count it."""
        return all(builds.get(day) == version for day, version in self.builds)


@dataclass(frozen=True, slots=True)
class BotDay:
    """One day of one bot. Shared by all who ask: nobody changes its sets."""

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
    served: BitMap
    new: BitMap
    busiest: tuple[tuple[int, int], ...]
    """(messages, person), most first; none of another zone."""
    newest: tuple[tuple[int, UUID], ...]
    """(newest turn in microseconds since 1970, dialog), newest first; none of another zone."""
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
        self._kept: OrderedDict[DayCut, tuple[BotDay, ...]] = OrderedDict()
        # Reports of one answer want the same days at once: the first one reads them. Whoever waits
        # for days of the report zone does not wait for those of another.
        self._reading = {is_elsewhere: asyncio.Lock() for is_elsewhere in (False, True)}
        self.size = 0

    def __len__(self) -> int:
        return len(self._kept)

    async def of(self, reader: Reader, cuts: Sequence[DayCut]) -> list[BotDay]:
        """The bots' days, in the order of the cuts, which are of one zone and ascending.

        Raises:
            WarehouseError: days that are not kept cannot be read.
        """
        found = self._found(cuts)
        if len(found) < len(cuts):
            # Whoever finds all days here waits for nobody.
            async with self._reading[cuts[0].moments is not None]:
                # Taken before anything is awaited: another snapshot may drop what is needed here.
                found = self._found(cuts)
                missing = [cut for cut in cuts if cut not in found]
                if missing:
                    found |= await self._read(reader, missing)
                self._make_room()
        return [bot_day for cut in cuts for bot_day in found[cut]]

    def _found(self, cuts: Sequence[DayCut]) -> dict[DayCut, tuple[BotDay, ...]]:
        found = {}
        for cut in cuts:
            if cut in self._kept:
                self._kept.move_to_end(cut)
                found[cut] = self._kept[cut]
        return found

    def keep_only(self, builds: Mapping[date, int]) -> tuple[date, ...]:
        """Forget what serves no day any more.

        Returns:
            The days of the report zone that another build serves now.
        """
        gone = [cut for cut in self._kept if not cut.serves(builds)]
        for cut in gone:
            self._drop(cut)
        return tuple(cut.day for cut in gone if not cut.moments and cut.day in builds)

    async def _read(
        self, reader: Reader, missing: Sequence[DayCut]
    ) -> dict[DayCut, tuple[BotDay, ...]]:
        days: dict[DayCut, list[BotDay]] = {cut: [] for cut in missing}
        for cut, row in await _rows(reader, missing):
            days[cut].append(_bot_day(cut.day, row))
        found = {cut: tuple(bots) for cut, bots in days.items()}
        for cut, bots in found.items():
            self._kept[cut] = bots
            self.size += _size(bots)
        return found

    def _make_room(self) -> None:
        while self.size > self._most_bytes:
            self._drop(next(iter(self._kept)))

    def _drop(self, cut: DayCut) -> None:
        self.size -= _size(self._kept.pop(cut))


async def _rows(reader: Reader, missing: Sequence[DayCut]) -> list[tuple[DayCut, Row]]:
    """A row for each of the days and bots that has turns."""
    touched = {day: version for cut in missing for day, version in cut.builds if version}
    builds = {"builds": Versions(touched.items())}
    if not missing[0].moments:
        by_day = {cut.day: cut for cut in missing}
        rows = await reader.rows("bot_days", statement("reports/bot_days"), builds)
        return [(by_day[row["day"]], row) for row in rows]
    # Also where a missing day ends: what lies between two is told apart, and left out.
    edges = sorted({edge for cut in missing for edge in cut.moments or ()})
    by_start = {cut.moments[0]: cut for cut in missing if cut.moments}
    rows = await reader.rows(
        "zone_days",
        statement("reports/zone_days"),
        {"edges": runs(edges), "since": edges[0], "until": edges[-1], **builds},
    )
    return [(by_start[row["start"]], row) for row in rows if row["start"] in by_start]


def _size(bots: Iterable[BotDay]) -> int:
    return _BYTES_OF_A_DAY + sum(bot.size for bot in bots)


def _bot_day(day: date, row: Row) -> BotDay:
    states = {
        name: bytes.fromhex(row[name])
        for name in ("latency", "ttft", "active", "reached", "served", "new")
    }
    # Only a build lists them.
    busiest, newest = tuple(row.get("busiest", ())), tuple(row.get("newest", ()))
    lines = len(busiest) + len(newest)
    latency, ttft = (Sketch.of_state(states[name]) for name in ("latency", "ttft"))
    return BotDay(
        day=day,
        bot_id=row["bot_id"],
        sums=tuple(row["sums"]),
        cost_usd=row["cost_usd"],
        latency=latency,
        ttft=ttft,
        active=people(states["active"]),
        reached=people(states["reached"]),
        served=people(states["served"]),
        new=people(states["new"]),
        busiest=busiest,
        newest=newest,
        size=_BYTES_OF_A_DAY
        + lines * _BYTES_OF_A_LINE
        + latency.size
        + ttft.size
        + sum(len(states[name]) for name in ("active", "reached", "served", "new")),
    )
