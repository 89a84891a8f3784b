"""Background tasks: update the gauges, and warn about a full connection pool."""

from __future__ import annotations

import asyncio
import time

from sqlalchemy.ext.asyncio import AsyncEngine

from api.metrics import ApiMetrics
from common.http.health import pool_usage
from common.log import get_logger

REFRESH_SECONDS = 5.0
LOOK_SECONDS = 1.0
WARN_AGAIN_SECONDS = 30.0

log = get_logger(__name__)


async def keep_gauges_fresh(metrics: ApiMetrics) -> None:
    """Update the gauges until cancelled, because other workers report them too."""
    while True:
        metrics.refresh()
        await asyncio.sleep(REFRESH_SECONDS)


async def watch_pool(engine: AsyncEngine) -> None:
    """Log a warning while the pool is nearly full: at once, then every 30 seconds."""
    warned_at: float | None = None
    while True:
        use = pool_usage(engine)
        now = time.monotonic()
        if not use.is_high:
            warned_at = None
        elif warned_at is None or now - warned_at >= WARN_AGAIN_SECONDS:
            log.warning("pool_nearly_exhausted", in_use=use.checked_out, most=use.max_connections)
            warned_at = now
        await asyncio.sleep(LOOK_SECONDS)
