"""Reads the bot's tables: read-only, under a role that can do nothing else, timed and logged.

Knows no table by name.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVarTuple

from sqlalchemy import Result, Select, text
from sqlalchemy.ext.asyncio import AsyncSession

from api.metrics import Metrics
from api.query_log import log_query
from common.log import get_logger
from common.postgres import Sessions
from common.sealing import ACCEPTS_UNBOUND, OpeningPolicy

Columns = TypeVarTuple("Columns")

log = get_logger(__name__)


class BotTables:
    """The API's door to the bot's tables.

    Args:
        policy: of the vault that opens what is read here.
        explains: log the measured plan of each query at DEBUG.
    """

    def __init__(
        self,
        sessions: Sessions,
        metrics: Metrics,
        *,
        policy: OpeningPolicy | None = None,
        explains: bool = False,
    ) -> None:
        self._sessions = sessions
        self._metrics = metrics
        self._policy = policy
        self._explains = explains

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """A transaction that can only read, and only what the role may see."""
        async with self._sessions() as session, session.begin():
            await session.execute(text("SET LOCAL TRANSACTION READ ONLY"))
            await session.execute(text("SET LOCAL ROLE dialytics_reader"))
            if self._policy and self._policy.accepts_unbound:
                # Until the marker is set; then it is not looked at again.
                self._policy.accepts_unbound = bool(await session.scalar(text(ACCEPTS_UNBOUND)))
            yield session

    async def ask(
        self, session: AsyncSession, name: str, statement: Select[*Columns]
    ) -> Result[*Columns]:
        """Run a SELECT inside `reading`; `name` is for the log and the metric."""
        if self._explains:
            await self._log_plan(session, name, statement)
        started = time.perf_counter()
        result = await session.execute(statement)
        elapsed = time.perf_counter() - started
        self._metrics.query_seconds.labels(name).observe(elapsed)
        log_query(log, name, seconds=elapsed)
        return result

    async def _log_plan(
        self, session: AsyncSession, name: str, statement: Select[*Columns]
    ) -> None:
        # Literals are keys and ids: no statement of the API holds a text or a name.
        sql = statement.compile(
            dialect=session.get_bind().dialect, compile_kwargs={"literal_binds": True}
        )
        connection = await session.connection()
        plan = await connection.exec_driver_sql(f"EXPLAIN (ANALYZE, BUFFERS) {sql}")
        log.debug("query_plan", query_name=name, plan="\n".join(row[0] for row in plan))
