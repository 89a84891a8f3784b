"""Reports batches and publications to Dagster: assets, partitions, metadata."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date

import dagster as dg

from pipelines.replication.batch import Batch
from pipelines.rollups.build import Publication
from pipelines.rollups.publish import ROLLUPS

DAYS_AT_ONCE = 2
REPORT_EVERY_SECONDS = 30.0
LEDGER = ("people", "turns", "feedback", "user_events")

Report = Callable[[dg.AssetMaterialization], None]


def batch_metadata(batch: Batch) -> dict[str, dg.MetadataValue]:
    """Rows, bytes, seconds, watermark, lag."""
    return {
        "dagster/row_count": dg.MetadataValue.int(batch.rows),
        "turns": dg.MetadataValue.int(batch.turns),
        "people": dg.MetadataValue.int(batch.people),
        "feedback": dg.MetadataValue.int(batch.feedback),
        "user_events": dg.MetadataValue.int(batch.user_events),
        "tombstones": dg.MetadataValue.int(batch.tombstones),
        "bytes": dg.MetadataValue.int(batch.bytes),
        "seconds": dg.MetadataValue.float(batch.seconds),
        "watermark": dg.MetadataValue.int(batch.until_version),
        "epoch": dg.MetadataValue.int(batch.epoch),
        "kind": dg.MetadataValue.text(batch.kind),
        "data_through": dg.MetadataValue.timestamp(batch.data_through),
        "replication_lag_seconds": dg.MetadataValue.float(batch.replication_lag_seconds),
        "held_by": dg.MetadataValue.text(batch.blocked_by or "nothing"),
    }


def publication_metadata(publication: Publication) -> dict[str, dg.MetadataValue]:
    """Days, turns, rows that differ from the builds before, seconds, watermark."""
    return {
        "dagster/row_count": dg.MetadataValue.int(publication.turns),
        "days": dg.MetadataValue.int(len(publication.days)),
        "withheld": dg.MetadataValue.text(", ".join(map(str, publication.withheld)) or "none"),
        "rows_differ": dg.MetadataValue.int(publication.rows_differ),
        "seconds": dg.MetadataValue.float(publication.seconds),
        "watermark": dg.MetadataValue.int(publication.watermark),
        "publication": dg.MetadataValue.int(publication.publication),
    }


class Reporter:
    """Reports cycles of a follower: each asset at most once per interval, a few at a time.

    A cycle every few seconds would fill Dagster's event log, and a first build of years would
    keep the follower from following; days wait in a queue, newest first.

    Args:
        report: takes a materialization.
        first_day: the first daily partition. Earlier days are published all the same.
    """

    def __init__(self, report: Report, *, first_day: date = date.min) -> None:
        self._report = report
        self._first_day = first_day
        self._batch: Batch | None = None
        self._batch_reported_at: float | None = None
        self._days: dict[date, Publication] = {}
        self._day_reported_at: dict[date, float] = {}

    def cycle(self, batch: Batch, publication: Publication | None) -> None:
        """Take note of a cycle."""
        self._batch = batch
        if publication is not None:
            days = {*publication.days} - {*publication.withheld}
            self._days |= {day: publication for day in days if day >= self._first_day}

    def report(self) -> None:
        """Report what is due, at most `DAYS_AT_ONCE` days of it."""
        now = time.monotonic()
        if self._batch is not None and self._is_due(self._batch_reported_at, now):
            self._report_batch(self._batch)
            self._batch, self._batch_reported_at = None, now
        due = [
            day
            for day in sorted(self._days, reverse=True)
            if self._is_due(self._day_reported_at.get(day), now)
        ]
        for day in due[:DAYS_AT_ONCE]:
            self._report_day(day, self._days.pop(day))
            self._day_reported_at[day] = now

    def finish(self) -> None:
        """Report the last batch and the newest days, due or not. Quick: a stop may wait for it."""
        if self._batch is not None:
            self._report_batch(self._batch)
        for day in sorted(self._days, reverse=True)[:DAYS_AT_ONCE]:
            self._report_day(day, self._days[day])

    def _is_due(self, last: float | None, now: float) -> bool:
        return last is None or now - last >= REPORT_EVERY_SECONDS

    def _report_batch(self, batch: Batch) -> None:
        for table in LEDGER:
            self._report(dg.AssetMaterialization(asset_key=table, metadata=batch_metadata(batch)))

    def _report_day(self, day: date, publication: Publication) -> None:
        for table in ROLLUPS:
            self._report(
                dg.AssetMaterialization(
                    asset_key=table,
                    partition=day.isoformat(),
                    metadata=publication_metadata(publication),
                )
            )
