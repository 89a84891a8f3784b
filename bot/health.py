"""What /health says, and the gauges that are read rather than counted."""

from __future__ import annotations

import asyncio
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from bot.db.statements import Statements
from bot.inbox.store import Inbox
from bot.llm.client import Model
from bot.metrics import Metrics
from bot.telegram.send_limits import Pace
from common.http.health import (
    PoolUse,
    Uptime,
    is_database_up,
    pool_use,
)
from common.log import get_logger
from common.postgres import DRIVER_ERRORS
from common.version import VERSION

LOOK_SECONDS = 5.0
MEASURE_SECONDS = 2.0
"""How long /metrics waits for PostgreSQL."""

log = get_logger(__name__)


class Monitor:
    """Looks at the bot from the side.

    Args:
        model: asked by /health when given.
    """

    def __init__(
        self,
        *,
        engine: AsyncEngine,
        statements: Statements,
        pace: Pace,
        metrics: Metrics,
        model: Model | None = None,
    ) -> None:
        self._engine = engine
        self._statements = statements
        self._pace = pace
        self._metrics = metrics
        self._model = model
        self._uptime = Uptime()
        self._measuring: asyncio.Task[None] | None = None
        self.inbox: Inbox | None = None
        """Set once the bot knows its own name."""
        self.waiting_for: str | None = "start"
        """What the bot cannot work without and has not got yet."""

    async def health(self) -> dict[str, Any]:
        """The body of /health."""
        is_up = await is_database_up(self._engine)
        use = self._pool_use()
        body: dict[str, Any] = {
            "status": "healthy" if is_up else "unhealthy",
            "version": VERSION,
            "uptime_seconds": round(self._uptime.seconds, 1),
            "database": "connected" if is_up else "disconnected",
            "database_pool": {"in_use": use.checked_out, "most": use.most},
            "rate_limiter": "paused" if self._pace.is_paused else "active",
        }
        if self._model:
            is_reachable = await self._model.is_reachable()
            body["llm"] = "reachable" if is_reachable else "unreachable"
        return body

    async def obstacle(self) -> str | None:
        """Why no updates can be taken (`start`, `telegram`, `database`, `stop`); None: they can."""
        return self.waiting_for or (None if await is_database_up(self._engine) else "database")

    async def refresh(self) -> None:
        """Bring the gauges up to date."""
        use = self._pool_use()
        self._metrics.pool_connections.labels("in_use").set(use.checked_out)
        self._metrics.pool_connections.labels("idle").set(use.checked_in)
        self._metrics.pool_connections.labels("most").set(use.most)
        if self.inbox is None:
            return
        if self._measuring is None or self._measuring.done():
            self._measuring = asyncio.create_task(self._measure(self.inbox), name="inbox depth")
        # While PostgreSQL hangs, the values of before are shown: Prometheus takes a late answer for
        # a dead process.
        await asyncio.wait({self._measuring}, timeout=MEASURE_SECONDS)

    async def _measure(self, inbox: Inbox) -> None:
        try:
            depth = await inbox.depth()
        except DRIVER_ERRORS as error:
            log.warning("inbox not measured", cause=type(error).__name__)
            return
        self._metrics.inbox_depth.set(depth.updates)
        self._metrics.inbox_oldest.set(depth.oldest_seconds)

    def _pool_use(self) -> PoolUse:
        """Both pools together: that of transactions and that of single statements."""
        use = pool_use(self._engine)
        return PoolUse(
            checked_out=use.checked_out + self._statements.in_use,
            checked_in=use.checked_in + self._statements.idle,
            most=use.most + self._statements.most,
        )

    async def watch(self) -> None:
        """Warn, until cancelled, while the connection pool is nearly used up."""
        while True:
            use = self._pool_use()
            if use.is_high:
                log.warning("database pool above 80 %", in_use=use.checked_out, most=use.most)
            await asyncio.sleep(LOOK_SECONDS)
