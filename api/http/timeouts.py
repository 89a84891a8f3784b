"""How long a request waits for what it can be answered without. Knows no client."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds; of a busy machine more may be asked."""

    names_seconds: float = 2.0
    """For people's names: after that an answer shows their keys alone."""
    ready_seconds: float = 2.0
    """For each check of `/ready`."""
    health_seconds: float = 3.0
    """For PostgreSQL in `/health`."""
    ping_seconds: float = 3.0
    """For ClickHouse to answer a ping while a query waits."""
    limits_seconds: float = 0.5
    """For the shared storage of limits to count one request."""
    warm_seconds: float = 0.5
    """For answers to be prepared before a new snapshot is served."""


USUAL = Patience()
