"""What Prometheus reads about the API. Labels have few values; docs/metrics/api.md lists all.

Several workers keep their counts in files of one directory, so that whichever is asked answers for
all of them.
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


class Metrics:
    """The API's own instruments, in a registry of their own.

    Args:
        engine: whose pool is shown.
        shared: the directory in which workers keep their counts; None in a single process.
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
            "Requests refused at the gate.",
            ["code"],
            registry=self.registry,
        )
        self.limits_unavailable = Counter(
            "rate_limit_storage_unavailable",
            "Requests that could not be counted because the shared storage was away.",
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
        """Count one request that the gate refused."""
        self.refusals.labels(code=code).inc()

    def watch_cache(self, size: Callable[[], int]) -> None:
        """From now on show this size."""
        self._cache_size = size

    def refresh(self) -> None:
        """Bring the gauges of this process up to date; the other workers read them."""
        use = pool_usage(self._engine)
        self._pool_size.set(use.max_connections)
        self._pool_available.set(use.max_connections - use.checked_out)
        self._cache_bytes.set(self._cache_size())

    def render(self) -> bytes:
        """Everything in Prometheus's text format; of all workers when there are several."""
        self.refresh()
        if self._shared is None:
            return generate_latest(self.registry)
        everybody = CollectorRegistry()
        everybody.register(Processes(_living(self._shared)))
        MultiProcessCollector(everybody, path=str(self._shared))  # type: ignore[no-untyped-call] # published without types
        return generate_latest(everybody)


class Processes(Collector):
    """What the system knows about several processes, added up; the oldest start, one limit."""

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


def _living(shared: Path) -> list[int]:
    """The workers that are there; the gauges of those that ended are dropped."""
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
