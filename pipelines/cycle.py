"""One cycle: replicate what is new, rebuild and publish what it changed, collect what is old.

Everything that moves data runs inside `exclusive_run`: batch, backfill, reconcile, collection.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from common.tracing import span, trace
from pipelines.replication.batch import (
    Batch,
    Replication,
    Step,
    no_step,
    resync_reason,
)
from pipelines.replication.watermark import Watermark, Watermarks
from pipelines.rollups.build import Publication, Rollups
from pipelines.rollups.checks import record_lag
from pipelines.settings import PipelineSettings
from pipelines.source.postgres import Source
from warehouse.clickhouse.client import Writer


@dataclass(frozen=True, slots=True)
class PipelineRun:
    """Open connections under the lock."""

    source: Source
    writer: Writer
    replication: Replication
    rollups: Rollups
    alert_seconds: float

    def replicate(self) -> Batch:
        """Move one batch; a late one is recorded as a failed check."""
        with span("replicate") as moved:
            batch = self.replication.run()
            moved.set(
                batch_id=str(batch.batch_id),
                kind=batch.kind,
                since_version=batch.since_version,
                until_version=batch.until_version,
                turns=batch.turns,
                people=batch.people,
                feedback=batch.feedback,
                user_events=batch.user_events,
                tombstones=batch.tombstones,
            )
            record_lag(
                self.writer,
                lag_seconds=batch.replication_lag_seconds,
                blocked_by=batch.blocked_by,
                alert_seconds=self.alert_seconds,
            )
        return batch

    def is_behind(self) -> bool:
        """Whether a cycle has anything to do. If not, records that the data are current.

        Without this an hour without messages would look like an hour of lag.
        """
        status = self.source.status()
        last = Watermarks(self.writer).last()
        current = self.rollups.current_publication()
        if (
            last is None
            or current is None
            or resync_reason(last, status)
            or not last.is_finished
            or (current.epoch, current.watermark) != (last.epoch, last.watermark)
            or not self.rollups.is_of_this_tzdata(current)
            or self.source.has_rows(last.watermark, status.horizon)
        ):
            return True
        self.writer.insert(
            "freshness",
            [
                {
                    "publication": current.publication,
                    "data_through": status.data_through,
                    "lag_seconds": status.lag_seconds,
                    "held_by": status.blocked_by if status.lag_seconds >= 1 else "",
                    "checked_at": status.clock,
                }
            ],
        )
        record_lag(
            self.writer,
            lag_seconds=status.lag_seconds,
            blocked_by=status.blocked_by,
            alert_seconds=self.alert_seconds,
        )
        return False

    def state(self) -> Watermark:
        """The finished watermark. An interrupted batch is finished first."""
        state = Watermarks(self.writer).last()
        if state is None or not state.is_finished:
            self.replicate()
            state = Watermarks(self.writer).last()
        assert state is not None  # noqa: S101 # a batch that returned has written its watermark
        return state

    def publish(self) -> Publication | None:
        """Publish what the last batch changed, then collect old builds."""
        with span("publish") as published:
            publication = self.rollups.follow(self.state())
            if publication is not None:
                published.set(days=len(publication.days), watermark=publication.watermark)
        with span("collect"):
            self.rollups.collect()
        return publication

    def compact(self) -> int:
        """Publish what is new, then put scattered days together. Returns the days that moved."""
        self.publish()
        return len(self.rollups.compact(self.state()))

    def cycle(self) -> tuple[Batch, Publication | None]:
        """One batch and its publication, one trace."""
        with trace("batch"):
            return self.replicate(), self.publish()


@contextmanager
def exclusive_run(settings: PipelineSettings, *, step: Step = no_step) -> Iterator[PipelineRun]:
    """Connections to both stores, holding the lock until the end.

    Raises:
        BusyError: another process held the lock for too long.
    """
    section = settings.pipelines
    with (
        Source(settings.database.libpq_url) as source,
        Writer(settings.warehouse) as writer,
    ):
        source.lock(wait_seconds=section.lock_wait_seconds)
        yield PipelineRun(
            source=source,
            writer=writer,
            alert_seconds=section.replication_alert_seconds,
            replication=Replication(
                source, writer, page_rows=section.replication_page_rows, step=step
            ),
            rollups=Rollups(
                writer,
                zone=settings.report.report_timezone,
                grace_seconds=section.snapshot_grace_seconds,
                confirm_lock=source.confirm_lock,
                step=step,
            ),
        )


def run_cycle(
    settings: PipelineSettings, *, step: Step = no_step
) -> tuple[Batch, Publication | None]:
    """One whole cycle."""
    with exclusive_run(settings, step=step) as pipeline_run:
        return pipeline_run.cycle()
