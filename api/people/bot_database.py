"""Reads the bot's tables: with a read-only role, measured and logged."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVarTuple

from sqlalchemy import Result, Select, text
from sqlalchemy.ext.asyncio import AsyncSession

from api.metrics import ApiMetrics
from api.query_log import log_query
from common.encryption.sealing import ACCEPTS_UNBOUND, OpeningPolicy
from common.log import get_logger
from common.postgres import Sessions

Columns = TypeVarTuple("Columns")

log = get_logger(__name__)


class BotTables:
    """Runs the API's queries of the bot's tables.

    Args:
        policy: policy of the vault that opens the sealed columns.
        explains: log the measured plan of each query at DEBUG.
    """

    def __init__(
        self,
        sessions: Sessions,
        metrics: ApiMetrics,
        *,
        policy: OpeningPolicy | None = None,
        explains: bool = False,
    ) -> None:
        self._sessions = sessions
        self._metrics = metrics
        self._policy = policy
        self._explains = explains

    @asynccontextmanager
    async def read_only(self) -> AsyncIterator[AsyncSession]:
        """A read-only transaction under the reader's role."""
        async with self._sessions() as session, session.begin():
            await session.execute(text("SET LOCAL TRANSACTION READ ONLY"))
            await session.execute(text("SET LOCAL ROLE dialytics_reader"))
            if self._policy and self._policy.accepts_unbound:
                # Read until the marker is set, then never again.
                self._policy.accepts_unbound = bool(await session.scalar(text(ACCEPTS_UNBOUND)))
            yield session

    async def run(
        self, session: AsyncSession, name: str, statement: Select[*Columns]
    ) -> Result[*Columns]:
        """Run a SELECT inside `read_only`; `name` is for the log and the metric."""
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
        # Literals are keys and ids: no statement of the API contains a text or a name.
        sql = statement.compile(
            dialect=session.get_bind().dialect, compile_kwargs={"literal_binds": True}
        )
        connection = await session.connection()
        plan = await connection.exec_driver_sql(f"EXPLAIN (ANALYZE, BUFFERS) {sql}")
        log.debug("query_plan", query_name=name, plan="\n".join(row[0] for row in plan))
