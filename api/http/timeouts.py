"""Timeouts of the parts that a request can be answered without."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timeouts:
    """All in seconds."""

    names_seconds: float = 2.0
    """Reading user names. Later an answer shows keys only."""
    ready_seconds: float = 2.0
    """Each check of `/ready`."""
    health_seconds: float = 3.0
    """PostgreSQL in `/health`."""
    ping_seconds: float = 3.0
    """A ping of ClickHouse while a query is running."""
    limits_seconds: float = 0.5
    """Counting a request in the shared storage of rate limits."""
    warm_seconds: float = 2.0
    """Preparing answers before a new snapshot is served. With 0.5 s a build beside it left too many
    unprepared (docs/decisions/0021)."""


DEFAULT_TIMEOUTS = Timeouts()
