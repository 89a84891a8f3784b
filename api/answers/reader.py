"""Measures and logs the warehouse's queries; on request logs their plans."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from api.metrics import ApiMetrics
from api.query_log import log_query
from common.log import get_logger
from warehouse.clickhouse.reader import Reader
from warehouse.errors import WarehouseError

SLOW_ANSWER_SECONDS = 1.0


log = get_logger(__name__)


class InstrumentedReader:
    """A reader that logs its queries and measures them for Prometheus.

    Args:
        explains: log the plan of each query at DEBUG.
    """

    def __init__(self, reader: Reader, metrics: ApiMetrics, *, explains: bool) -> None:
        self._reader = reader
        self._metrics = metrics
        self._explains = explains

    async def rows(
        self, name: str, sql: str, parameters: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        """As the reader's own."""
        if self._explains:
            await self._log_plan(name, sql, parameters)
        started = time.perf_counter()
        rows = await self._reader.rows(name, sql, parameters)
        elapsed = time.perf_counter() - started
        self._metrics.query_seconds.labels(name).observe(elapsed)
        log_query(log, name, seconds=elapsed, rows=len(rows))
        return rows

    async def explain(self, name: str, sql: str, parameters: Mapping[str, Any]) -> str:
        """As the reader's own."""
        return await self._reader.explain(name, sql, parameters)

    async def _log_plan(self, name: str, sql: str, parameters: Mapping[str, Any]) -> None:
        try:
            plan = await self._reader.explain(name, sql, parameters)
        except WarehouseError as error:
            # The query runs without a plan too.
            plan = f"no plan: {error}"
        log.debug("query_plan", query_name=name, plan=plan)
