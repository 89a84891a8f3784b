"""Prometheus metrics of the API; docs/metrics/api.md describes them.

Several workers keep their values in files of one directory, so that each can report all of them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Metric,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from sqlalchemy.ext.asyncio import AsyncEngine

from common.http.health import pool_usage

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
SHARED_DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"
"""Read by prometheus_client when it is imported: only the parent of workers sets it."""


class ApiMetrics:
    """The API's metrics in their own registry.

    Args:
        engine: the engine whose pool is measured.
        shared: directory of the metrics of several workers; None in a single process.
    """

    def __init__(self, engine: AsyncEngine, *, shared: Path | None = None) -> None:
        self._engine = engine
        self._shared = shared
        self._cache_size: Callable[[], int] = lambda: 0
        self.registry = CollectorRegistry()
        if shared is None:
            ProcessCollector(registry=self.registry)
        self.query_seconds = Histogram(
            "database_query_duration_seconds",
            "Time of one named query, PostgreSQL and ClickHouse.",
            ["query_name"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self.stats_requests = Counter(
            "stats_api_requests",
            "Answers of the stats routes.",
            ["report", "format", "outcome"],
            registry=self.registry,
        )
        self.refusals = Counter(
            "api_refusals",
            "Requests refused by authentication, rate limits or the origin check.",
            ["code"],
            registry=self.registry,
        )
        self.limits_unavailable = Counter(
            "rate_limit_storage_unavailable",
            "Requests that were not counted because the shared storage was unavailable.",
            registry=self.registry,
        )
        self._cache_bytes = self._gauge("stats_cache_bytes", "Size of the cached answers.")
        self._pool_size = self._gauge(
            "database_connection_pool_size", "Connections that the PostgreSQL pool may open."
        )
        self._pool_available = self._gauge(
            "database_connection_pool_available",
            "Connections of the pool that are free or may still be opened.",
        )
        self.refresh()

    def _gauge(self, name: str, description: str) -> Gauge:
        return Gauge(name, description, registry=self.registry, multiprocess_mode="livesum")

    def count_refusal(self, code: str) -> None:
        """Count one refused request."""
        self.refusals.labels(code=code).inc()

    def watch_cache(self, size: Callable[[], int]) -> None:
        """Report this size in `stats_cache_bytes`."""
        self._cache_size = size

    def refresh(self) -> None:
        """Update the gauges of this process, which the other workers read."""
        use = pool_usage(self._engine)
        self._pool_size.set(use.max_connections)
        self._pool_available.set(use.max_connections - use.checked_out)
        self._cache_bytes.set(self._cache_size())

    def render(self) -> bytes:
        """All metrics in Prometheus's text format, over all workers."""
        self.refresh()
        if self._shared is None:
            return generate_latest(self.registry)
        merged = CollectorRegistry()
        merged.register(WorkerMetrics(_live_workers(self._shared)))
        MultiProcessCollector(merged, path=str(self._shared))  # type: ignore[no-untyped-call] # published without types
        return generate_latest(merged)


class WorkerMetrics(Collector):
    """The process metrics of several workers, summed; the earliest start, the lowest limit."""

    def __init__(self, pids: Iterable[int]) -> None:
        self._pids = list(pids)

    def collect(self) -> Iterable[Metric]:
        added: dict[str, Metric] = {}
        for pid in self._pids:
            for metric in ProcessCollector(pid=partial(int, pid), registry=None).collect():
                known = added.setdefault(metric.name, metric)
                if known is metric:
                    continue
                combine = min if metric.name.endswith(("start_time_seconds", "max_fds")) else _sum
                ours, theirs = known.samples[0], metric.samples[0]
                known.samples[0] = ours._replace(value=combine(ours.value, theirs.value))
        return added.values()


def _sum(first: float, second: float) -> float:
    return first + second


def _live_workers(shared: Path) -> list[int]:
    """Process ids of the running workers. Deletes the gauges of workers that have ended."""
    found = []
    for pid in sorted(
        int(path.stem.rpartition("_")[2]) for path in shared.glob("gauge_livesum_*.db")
    ):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            (shared / f"gauge_livesum_{pid}.db").unlink(missing_ok=True)
        else:
            found.append(pid)
    return found
