"""Time zones by their IANA names, from the pinned `tzdata` (see `common`)."""

from __future__ import annotations

from importlib.metadata import version
from importlib.resources import files
from zoneinfo import ZoneInfo

RELEASE = version("tzdata")
"""Of the database, as 2026.6."""
NO_PLACES = frozenset({"Factory"})
"""Listed, but the time of no place."""
NAMES = frozenset(files("tzdata").joinpath("zones").read_text("utf-8").split()) - NO_PLACES


class UnknownZoneError(ValueError):
    """There is no zone of this name."""


def zone_named(name: str) -> ZoneInfo:
    """The zone of an IANA name, in the letters that IANA writes it with.

    Raises:
        UnknownZoneError: there is none. `ZoneInfo` opens any file of its database, also those
            that are no zone, as `Factory` and `right/Europe/Berlin`.
    """
    if name not in NAMES:
        raise UnknownZoneError(f"{name[:64]!r} is not an IANA time zone")
    return ZoneInfo(name)
