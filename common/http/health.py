"""What /health and /ready report in every service: the database, its pool, the uptime.

Knows no web framework: services render these values themselves.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import QueuePool

CHECK_TIMEOUT_SECONDS = 3.0
POOL_WARNING_SHARE = 0.8


@dataclass(frozen=True)
class PoolUse:
    """Connections of one engine, against the most it may open."""

    checked_out: int
    checked_in: int
    most: int

    @property
    def share(self) -> float:
        return self.checked_out / self.most if self.most else 0.0

    @property
    def is_high(self) -> bool:
        """Above 80 %: the next burst will wait for connections."""
        return self.share > POOL_WARNING_SHARE


def pool_use(engine: AsyncEngine) -> PoolUse:
    """How much of the connection pool is in use now."""
    pool = engine.sync_engine.pool
    if not isinstance(pool, QueuePool):
        return PoolUse(checked_out=0, checked_in=0, most=0)
    return PoolUse(
        checked_out=pool.checkedout(),
        checked_in=pool.checkedin(),
        most=pool.size() + pool._max_overflow,  # noqa: SLF001 # QueuePool has no public reader for it
    )


async def is_database_up(engine: AsyncEngine, *, seconds: float = CHECK_TIMEOUT_SECONDS) -> bool:
    """Whether a query succeeds within so many seconds."""
    try:
        async with asyncio.timeout(seconds), engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
    except (SQLAlchemyError, OSError, TimeoutError):
        return False
    return True


class Uptime:
    """Seconds since the process said it was up."""

    def __init__(self) -> None:
        self._since = time.monotonic()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._since
