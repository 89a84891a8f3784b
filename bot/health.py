"""The body of /health and /ready, and gauges that are measured on request."""

from __future__ import annotations

import asyncio
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from bot.db.statements import Statements
from bot.inbox.store import Inbox
from bot.llm.client import ModelClient
from bot.metrics import BotMetrics
from bot.telegram.send_limits import SendRateLimiter
from common.http.health import (
    PoolUsage,
    Uptime,
    is_database_up,
    pool_usage,
)
from common.log import get_logger
from common.postgres import DRIVER_ERRORS
from common.version import VERSION

CHECK_SECONDS = 5.0
MEASURE_SECONDS = 2.0
"""How long /metrics waits for PostgreSQL."""

log = get_logger(__name__)


class HealthMonitor:
    """Reports the bot's health.

    Args:
        model: /health checks it if given.
    """

    def __init__(
        self,
        *,
        engine: AsyncEngine,
        statements: Statements,
        rate_limiter: SendRateLimiter,
        metrics: BotMetrics,
        model: ModelClient | None = None,
    ) -> None:
        self._engine = engine
        self._statements = statements
        self._rate_limiter = rate_limiter
        self._metrics = metrics
        self._model = model
        self._uptime = Uptime()
        self._measuring: asyncio.Task[None] | None = None
        self.inbox: Inbox | None = None
        """Set once the bot's username is known."""
        self.startup_step: str | None = "start"
        """The step that start-up is waiting for; None once the bot is running."""

    async def health(self) -> dict[str, Any]:
        """The body of /health."""
        is_up = await is_database_up(self._engine)
        use = self._pool_usage()
        body: dict[str, Any] = {
            "status": "healthy" if is_up else "unhealthy",
            "version": VERSION,
            "uptime_seconds": round(self._uptime.seconds, 1),
            "database": "connected" if is_up else "disconnected",
            "database_pool": {"in_use": use.checked_out, "most": use.max_connections},
            "rate_limiter": "paused" if self._rate_limiter.is_paused else "active",
        }
        if self._model:
            is_reachable = await self._model.is_reachable()
            body["llm"] = "reachable" if is_reachable else "unreachable"
        return body

    async def overview(self) -> dict[str, Any]:
        """The same for an operator, with the number of updates that wait beside the own one."""
        depth = await self.inbox.depth() if self.inbox else None
        waiting = max(depth.updates - 1, 0) if depth else 0
        return {**await self.health(), "waiting_updates": waiting}

    async def not_ready_reason(self) -> str | None:
        """Why updates cannot be processed (`start`, `telegram`, `database`, `stop`), or None."""
        return self.startup_step or (None if await is_database_up(self._engine) else "database")

    async def refresh(self) -> None:
        """Update the gauges."""
        use = self._pool_usage()
        self._metrics.pool_connections.labels("in_use").set(use.checked_out)
        self._metrics.pool_connections.labels("idle").set(use.checked_in)
        self._metrics.pool_connections.labels("most").set(use.max_connections)
        if self.inbox is None:
            return
        if self._measuring is None or self._measuring.done():
            self._measuring = asyncio.create_task(self._measure(self.inbox), name="inbox depth")
        # If PostgreSQL hangs, keep the previous values: Prometheus would take a late response for
        # a dead process.
        await asyncio.wait({self._measuring}, timeout=MEASURE_SECONDS)

    async def _measure(self, inbox: Inbox) -> None:
        try:
            depth = await inbox.depth()
        except DRIVER_ERRORS as error:
            log.warning("inbox could not be measured", cause=type(error).__name__)
            return
        self._metrics.inbox_depth.set(depth.updates)
        self._metrics.inbox_oldest.set(depth.oldest_seconds)

    def _pool_usage(self) -> PoolUsage:
        """Both pools together: for transactions and for single statements."""
        use = pool_usage(self._engine)
        return PoolUsage(
            checked_out=use.checked_out + self._statements.in_use,
            checked_in=use.checked_in + self._statements.idle,
            max_connections=use.max_connections + self._statements.max_connections,
        )

    async def watch(self) -> None:
        """Log a warning while the connection pool is nearly exhausted, until cancelled."""
        while True:
            use = self._pool_usage()
            if use.is_high:
                log.warning(
                    "database pool above 80 %",
                    in_use=use.checked_out,
                    max_connections=use.max_connections,
                )
            await asyncio.sleep(CHECK_SECONDS)
