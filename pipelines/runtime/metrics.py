"""Prometheus metrics of the pipelines: freshness, checks, reconciliation, Dagster's runs.

Nothing is counted here: every scrape reads what batches, checks and runs have recorded.
`docs/metrics/pipelines.md` lists all.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, wait
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Protocol

import dagster as dg
from dagster import DagsterError, DagsterInstance
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from common.log import get_logger
from pipelines.settings import LAST_BACKUP
from warehouse.clickhouse.client import Writer
from warehouse.errors import WarehouseError
from warehouse.settings import WarehouseSettings

JOBS = (
    *("alerts", "digest", "follow", "month_report", "nightly"),
    *("notices", "prune", "quality", "rebuild", "week_report"),
)
STATES = {
    "queued": [dg.DagsterRunStatus.QUEUED],
    "running": [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED],
    "succeeded": [dg.DagsterRunStatus.SUCCESS],
    "failed": [dg.DagsterRunStatus.FAILURE],
}
ANSWER_SECONDS = 2
"""How long a scrape waits for the stores: Prometheus takes a late answer for a dead process."""
AGES = frozenset({"pipeline_data_age_seconds"})
"""Values that grow while nothing is read."""
CHECKS_SINCE = timedelta(days=2)
RECONCILED_SINCE = timedelta(days=400)
WITHHELD = "SELECT countIf(withheld) FROM builds"

log = get_logger(__name__)


class MetricSource(Protocol):
    """A source of metrics."""

    name: str

    def read(self) -> Iterator[GaugeMetricFamily]:
        """The numbers now."""


class PipelineCollector(Collector):
    """Reads every part when it is scraped, for a bounded time; then shows what was read last."""

    def __init__(self, parts: Iterable[MetricSource]) -> None:
        self._readers = [MetricSourceReader(part) for part in parts]

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Nothing: registration must not ask the stores."""
        return ()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        up = GaugeMetricFamily(
            "pipeline_store_up",
            f"1 while the store answers within {ANSWER_SECONDS:g} s.",
            labels=["store"],
        )
        age = GaugeMetricFamily(
            "pipeline_values_age_seconds",
            "How long ago the store was asked for the values that are shown.",
            labels=["store"],
        )
        deadline = time.monotonic() + ANSWER_SECONDS
        attempts = [reader.begin() for reader in self._readers]
        for reader, attempt in zip(self._readers, attempts, strict=True):
            store = reader.part.name
            wait([attempt], timeout=max(0.0, deadline - time.monotonic()))
            is_up = attempt.done() and attempt.result()
            up.add_metric([store], int(is_up))
            if reader.last is not None:
                seconds = time.monotonic() - reader.last.asked_at
                age.add_metric([store], seconds)
                yield from (
                    family if is_up or family.name not in AGES else _aged(family, seconds)
                    for family in reader.last.families
                )
        yield up
        yield age


@dataclass(frozen=True, slots=True)
class SourceReading:
    """The metrics of a source, and the monotonic second at which it was asked."""

    asked_at: float
    families: list[GaugeMetricFamily]


class MetricSourceReader:
    """Reads one part in a thread of its own, which a store that hangs may hold, and remembers it.

    One read at a time, for all scrapes that wait: the connection behind a part is not shared.
    """

    def __init__(self, part: MetricSource) -> None:
        self.part = part
        self.last: SourceReading | None = None
        self._beginning = threading.Lock()
        self._attempt: Future[bool] | None = None

    def begin(self) -> Future[bool]:
        """A read that is under way, with whether it succeeded; it has set `last` then."""
        with self._beginning:
            if self._attempt is None or self._attempt.done():
                self._attempt = Future()
                threading.Thread(
                    target=self._read,
                    args=(self._attempt,),
                    name=f"metrics of {self.part.name}",
                    # A store that hangs must not hold the process up when it ends.
                    daemon=True,
                ).start()
            return self._attempt

    def _read(self, attempt: Future[bool]) -> None:
        asked_at = time.monotonic()
        try:
            self.last = SourceReading(asked_at, list(self.part.read()))
        except (WarehouseError, DagsterError, SQLAlchemyError, OSError) as error:
            log.warning("not measured", store=self.part.name, cause=type(error).__name__)
            attempt.set_result(False)
        except Exception:
            log.exception("not measured", store=self.part.name)
            attempt.set_result(False)
        else:
            attempt.set_result(True)


def _aged(family: GaugeMetricFamily, seconds: float) -> GaugeMetricFamily:
    """An age as it is now, so many seconds after it was read."""
    aged = GaugeMetricFamily(family.name, family.documentation)
    aged.samples = [sample._replace(value=sample.value + seconds) for sample in family.samples]
    return aged


class WarehouseMetrics:
    """Freshness, checks and reconciliation, as the warehouse has recorded them."""

    name = "clickhouse"

    def __init__(
        self, settings: WarehouseSettings, *, clock: Callable[[], datetime] | None = None
    ) -> None:
        self._settings = settings
        self._clock = clock or (lambda: datetime.now(UTC))
        self._writer: Writer | None = None

    def read(self) -> Iterator[GaugeMetricFamily]:
        if self._writer is None:
            self._writer = Writer(self._settings, answer_seconds=ANSWER_SECONDS)
        now = self._clock()
        yield from self._freshness(self._writer, now)
        yield _gauge(
            "pipeline_days_withheld",
            "Days that keep older numbers because a blocking check failed.",
            self._writer.value("days withheld", sql=WITHHELD),
        )
        yield from self._quality(self._writer, now)

    def _freshness(self, writer: Writer, now: datetime) -> Iterator[GaugeMetricFamily]:
        heads = writer.rows("reports/head")
        if not heads:
            return
        row = writer.rows("reports/freshness", {"publication": heads[0]["publication"]})[0]
        confirmed = row["checked_at"] >= row["replicated_at"]
        yield _gauge(
            "pipeline_replication_lag_seconds",
            "Age of the oldest commit that the last look at PostgreSQL could not replicate.",
            row["lag_seconds"] if confirmed else row["replication_lag_seconds"],
        )
        yield _gauge(
            "pipeline_data_age_seconds",
            "Age of the moment through which every report is complete.",
            max(0.0, (now - heads[0]["data_through"]).total_seconds()),
        )
        yield _gauge(
            "pipeline_last_batch_timestamp_seconds",
            "When the last batch of replication ended.",
            row["replicated_at"].timestamp(),
        )
        yield _gauge("pipeline_published_turns", "Turns of the current publication.", row["turns"])

    def _quality(self, writer: Writer, now: datetime) -> Iterator[GaugeMetricFamily]:
        failing = GaugeMetricFamily(
            "pipeline_failing_checks",
            "Results of the latest run of each check that did not pass.",
            labels=["suite", "blocking"],
        )
        rows = writer.rows("reports/quality_checks", {"since": now - CHECKS_SINCE})
        for suite in sorted({"batch", *(row["suite"] for row in rows)}):
            for blocking in (True, False):
                failing.add_metric(
                    [suite, str(blocking).lower()],
                    sum(
                        not row["passed"] and (row["suite"], row["blocking"]) == (suite, blocking)
                        for row in rows
                    ),
                )
        yield failing
        since: date = (now - RECONCILED_SINCE).date()
        days = writer.rows("reports/quality_days", {"since_day": since})
        yield _gauge(
            "pipeline_days_different",
            "Days whose latest comparison with PostgreSQL found a difference.",
            sum(not row["ok"] for row in days),
        )
        yield _gauge(
            "pipeline_last_reconciliation_timestamp_seconds",
            "When days were last compared with PostgreSQL; 0 before the first time.",
            max((row["ran_at"].timestamp() for row in days), default=0),
        )


class DagsterMetrics:
    """Runs, sensors and schedules, as Dagster's own storage has them."""

    name = "dagster"

    def __init__(self, instance: Callable[[], DagsterInstance] = DagsterInstance.get) -> None:
        self._instance = instance

    def read(self) -> Iterator[GaugeMetricFamily]:
        instance = self._instance()
        runs = GaugeMetricFamily(
            "dagster_runs", "Runs kept in Dagster's storage.", labels=["job_name", "status"]
        )
        succeeded = GaugeMetricFamily(
            "dagster_last_success_timestamp_seconds",
            "When a run of the job last succeeded.",
            labels=["job_name"],
        )
        for job in JOBS:
            for state, statuses in STATES.items():
                wanted = dg.RunsFilter(job_name=job, statuses=statuses)
                runs.add_metric([job, state], instance.get_runs_count(wanted))
            last = instance.get_run_records(
                dg.RunsFilter(job_name=job, statuses=STATES["succeeded"]), limit=1
            )
            if last and last[0].end_time:
                succeeded.add_metric([job], last[0].end_time)
        yield runs
        yield succeeded
        yield from self._ticks(instance)

    def _ticks(self, instance: DagsterInstance) -> Iterator[GaugeMetricFamily]:
        last = GaugeMetricFamily(
            "dagster_last_tick_timestamp_seconds",
            "When a sensor or schedule was last evaluated.",
            labels=["name"],
        )
        failing = GaugeMetricFamily(
            "dagster_last_tick_failed",
            "1 when the last evaluation of a sensor or schedule failed.",
            labels=["name"],
        )
        for state in instance.all_instigator_state():
            ticks = instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=1)
            if ticks:
                last.add_metric([state.instigator_name], ticks[0].timestamp)
                failing.add_metric(
                    [state.instigator_name],
                    int(ticks[0].status.value == "FAILURE"),
                )
        yield last
        yield failing


class DiskMetrics:
    """The disk that holds the data directory, and the note of the last backup in it."""

    name = "disk"

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def read(self) -> Iterator[GaugeMetricFamily]:
        usage = shutil.disk_usage(self._directory if self._directory.exists() else Path.cwd())
        yield _gauge(
            "pipeline_disk_free_ratio",
            "Part of the disk of DATA_DIR that is free.",
            usage.free / usage.total,
        )
        backup = self._directory / LAST_BACKUP
        yield _gauge(
            "pipeline_last_backup_timestamp_seconds",
            "When the stores were last backed up; 0 before the first time.",
            backup.stat().st_mtime if backup.exists() else 0,
        )


def _gauge(name: str, documentation: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, documentation, value=float(value))
