"""Time zones by their IANA names, from the pinned `tzdata` (see `common`)."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from importlib.metadata import version
from importlib.resources import files
from zoneinfo import ZoneInfo

RELEASE = version("tzdata")
"""Version of the database, such as 2026.6."""
NO_PLACES = frozenset({"Factory"})
"""Listed, but not a place's time zone."""
NAMES = frozenset(files("tzdata").joinpath("zones").read_text("utf-8").split()) - NO_PLACES

LEDGER_YEARS = (2000, 2050)
_DAY = 86_400


class UnknownZoneError(ValueError):
    """There is no time zone with this name."""


def zone_named(name: str) -> ZoneInfo:
    """The zone with exactly this IANA name.

    Raises:
        UnknownZoneError: there is none. `ZoneInfo` would also open other files of its database,
            such as `Factory` and `right/Europe/Berlin`.
    """
    if name not in NAMES:
        raise UnknownZoneError(f"{name[:64]!r} is not an IANA time zone")
    return ZoneInfo(name)


@dataclass(frozen=True, slots=True)
class Clock:
    """A zone's UTC offsets, for databases, whose own time zone data may differ.

    The day of a timestamp is `floor((seconds + offset) / 86400)`, in days since 1970.
    """

    changes: tuple[int, ...]
    """Unix seconds from which the offset at the same index applies; the first is 0."""
    offsets: tuple[int, ...]
    """Seconds east of UTC."""

    def parameters(self) -> dict[str, list[int]]:
        """As statement parameters."""
        return {"changes": list(self.changes), "offsets": list(self.offsets)}

    def between(self, since: int, until: int) -> Clock:
        """Only the part for [since, until), to send less."""
        first = bisect_right(self.changes, since) - 1
        end = bisect_left(self.changes, until)
        return Clock((0, *self.changes[first + 1 : end]), self.offsets[first:end])

    def days(self, first: date, last: date) -> Clock:
        """Only the part for the days from `first` to `last`, inclusive."""
        return self.between(self.day_start(first), self.day_start(last + timedelta(days=1)))

    def day_start(self, day: date) -> int:
        """The start of a calendar day, in Unix seconds."""
        wall = (day - date(1970, 1, 1)).days * _DAY
        ends = (*self.changes[1:], math.inf)
        return min(
            first
            for change, offset, end in zip(self.changes, self.offsets, ends, strict=True)
            if (first := max(change, wall - offset)) < end
        )


@lru_cache
def ledger_clock(zone: str) -> Clock:
    """The zone's offsets for the whole period of a ledger."""
    since, until = (datetime(year, 1, 1, tzinfo=UTC) for year in LEDGER_YEARS)
    return clock_of(zone_named(zone), int(since.timestamp()), int(until.timestamp()))


def clock_of(zone: ZoneInfo, since: int, until: int) -> Clock:
    """The zone's offsets in [since, until), Unix seconds; constant before and after."""
    changes, offsets = [0], [_offset(zone, since)]
    for moment in range(since, until, _DAY):
        earlier, later = moment, min(moment + _DAY, until)
        after = _offset(zone, later)
        if after == offsets[-1]:
            continue
        while later - earlier > 1:
            middle = (earlier + later) // 2
            if _offset(zone, middle) == offsets[-1]:
                earlier = middle
            else:
                later = middle
        changes.append(later)
        offsets.append(after)
    return Clock(tuple(changes), tuple(offsets))


def _offset(zone: ZoneInfo, moment: int) -> int:
    ahead = datetime.fromtimestamp(moment, zone).utcoffset()
    return 0 if ahead is None else int(ahead.total_seconds())
