"""Values for /health and /ready: database, connection pool, uptime."""

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
class PoolUsage:
    """Connections of an engine, and their maximum number."""

    checked_out: int
    checked_in: int
    max_connections: int

    @property
    def share(self) -> float:
        return self.checked_out / self.max_connections if self.max_connections else 0.0

    @property
    def is_high(self) -> bool:
        """Whether more than 80 % are in use."""
        return self.share > POOL_WARNING_SHARE


def pool_usage(engine: AsyncEngine) -> PoolUsage:
    """The current use of the connection pool."""
    pool = engine.sync_engine.pool
    if not isinstance(pool, QueuePool):
        return PoolUsage(checked_out=0, checked_in=0, max_connections=0)
    return PoolUsage(
        checked_out=pool.checkedout(),
        checked_in=pool.checkedin(),
        max_connections=pool.size() + pool._max_overflow,  # noqa: SLF001 # QueuePool has no public reader for it
    )


async def is_database_up(engine: AsyncEngine, *, seconds: float = CHECK_TIMEOUT_SECONDS) -> bool:
    """Whether a query succeeds within `seconds`."""
    try:
        async with asyncio.timeout(seconds), engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
    except (SQLAlchemyError, OSError, TimeoutError):
        return False
    return True


class Uptime:
    """Seconds since this object was created."""

    def __init__(self) -> None:
        self._since = time.monotonic()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._since
