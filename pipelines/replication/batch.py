"""One batch of replication: everything that committed since the last one, exactly once.

The window is [watermark, horizon): versions below the horizon belong to transactions that have
ended, so nothing can appear in it later. Data is stored first, then a checkpoint in PostgreSQL,
then the watermark; a crash anywhere in between moves the same rows again into a table that keeps
the greatest version of each.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from common.log import get_logger
from pipelines.errors import SchemaDriftError
from pipelines.replication.corrections import Corrections
from pipelines.replication.prefetch import prefetch
from pipelines.replication.watermark import Watermark, Watermarks
from pipelines.source.columns import PEOPLE, REPLICATED, ReplicatedTable
from pipelines.source.postgres import Source
from pipelines.source.status import SourceStatus
from warehouse.clickhouse.client import Writer

if TYPE_CHECKING:
    import pyarrow as pa

TOMBSTONES_PER_PAGE = 5_000
TARGET_COLUMNS = """
SELECT name FROM system.columns WHERE database = currentDatabase() AND table = {table:String}
"""

log = get_logger(__name__)

Step = Callable[[str], None]
"""Called after each step with its name."""


def no_step(_name: str) -> None:
    """Do nothing between steps."""


@dataclass(frozen=True, slots=True)
class Batch:
    """The record of one batch."""

    batch_id: UUID
    epoch: int
    kind: str
    """`incremental` or `resync`."""
    reason: str
    """Why a resync was needed; empty otherwise."""
    since_version: int
    until_version: int
    turns: int
    people: int
    feedback: int
    user_events: int
    tombstones: int
    bytes: int
    seconds: float
    replication_lag_seconds: float
    blocked_by: str
    data_through: datetime
    started_at: datetime
    finished_at: datetime

    @property
    def rows(self) -> int:
        return self.turns + self.people + self.feedback + self.user_events + self.tombstones


def resync_reason(last: Watermark | None, now: SourceStatus) -> str:
    """Why replication cannot go on from `last`; empty when it can."""
    if last is None:
        return "the warehouse is empty"
    remembered = (
        {now.checkpoint.batch_id, now.checkpoint.previous_batch_id} if now.checkpoint else set()
    )
    reasons = {
        "another PostgreSQL cluster: its system identifier changed": (
            last.system_identifier != now.system_identifier
        ),
        "PostgreSQL was failed over or restored: its timeline changed": (
            last.timeline != now.timeline
        ),
        "PostgreSQL went back: the stored horizon lies ahead of its own": (
            max(last.watermark, last.target) > now.horizon
        ),
        "PostgreSQL and the warehouse remember different batches: one was restored": (
            last.batch_id not in remembered
        ),
    }
    return next((reason for reason, holds in reasons.items() if holds), "")


class Replication:
    """Moves batches from one source into one warehouse. The caller holds the source's lock."""

    def __init__(
        self, source: Source, writer: Writer, *, page_rows: int, step: Step = no_step
    ) -> None:
        self._source = source
        self._writer = writer
        self._watermarks = Watermarks(writer)
        self.corrections = Corrections(source, writer)
        self._page_rows = page_rows
        self._step = step

    def run(self) -> Batch:
        """Move one batch, or finish an interrupted one.

        Raises:
            SchemaDriftError: columns differ; nothing was moved.
            SourceError: also when a dump was restored and its versions not lifted.
            LockLostError, SourceError, WarehouseError: nothing is claimed that is not stored.
        """
        started, clock = datetime.now(UTC), time.monotonic()
        status = self._source.status()
        last = self._watermarks.last()
        reason = resync_reason(last, status)
        self._refuse_drift()
        if reason:
            self._source.refuse_rows_from_the_future()
        state = last if last is not None and not reason else self._open_epoch(last, status, reason)
        if state.is_finished:
            state = replace(
                state, target=status.horizon, page_table="", data_through=status.data_through
            )
        counts = self._move(state)
        self._step("data stored")
        self._source.confirm_lock()
        finished = self._finish(state, status)
        batch = Batch(
            batch_id=finished.batch_id,
            epoch=finished.epoch,
            kind="resync" if state.watermark == 0 else "incremental",
            reason=reason,
            since_version=state.watermark,
            until_version=finished.watermark,
            seconds=time.monotonic() - clock,
            replication_lag_seconds=max(
                0.0, (datetime.now(UTC) - finished.data_through).total_seconds()
            ),
            blocked_by=status.blocked_by if status.lag_seconds >= 1 else "",
            data_through=finished.data_through,
            started_at=started,
            finished_at=datetime.now(UTC),
            **counts,
        )
        columns = {name: getattr(batch, name) for name in Batch.__slots__}
        columns["held_by"] = columns.pop("blocked_by")
        self._writer.insert("batches", [columns])
        self._step("batch recorded")
        log.info(
            "replicated",
            batch_id=str(batch.batch_id),
            since_version=batch.since_version,
            until_version=batch.until_version,
            rows=batch.rows,
            lag_seconds=round(batch.replication_lag_seconds, 3),
        )
        return batch

    def _refuse_drift(self) -> None:
        problems = self._source.column_problems()
        for table in REPLICATED:
            rows = self._writer.rows("target columns", {"table": table.target}, sql=TARGET_COLUMNS)
            missing = table.target_columns - {row["name"] for row in rows}
            problems += [f"warehouse: {table.target}.{name} is missing" for name in sorted(missing)]
        if problems:
            raise SchemaDriftError("schema drift: " + "; ".join(problems))

    def _open_epoch(self, last: Watermark | None, status: SourceStatus, reason: str) -> Watermark:
        """Begin a full copy under a new epoch. Readers keep the old one until it is published."""
        epoch = 1 + max(
            last.epoch if last else 0, status.checkpoint.epoch if status.checkpoint else 0
        )
        log.warning("full resync", epoch=epoch, reason=reason)
        opening = Watermark(
            sequence=last.sequence if last else 0,
            epoch=epoch,
            watermark=0,
            target=status.horizon,
            page_table="",
            page_version=0,
            page_id="",
            batch_id=uuid4(),
            system_identifier=status.system_identifier,
            timeline=status.timeline,
            data_through=status.data_through,
            written_at=status.clock,
        )
        self._source.checkpoint(batch_id=opening.batch_id, previous=None, epoch=epoch)
        self._step("epoch checkpoint written")
        stored = self._watermarks.write(opening)
        self._step("epoch opened")
        return stored

    def _move(self, state: Watermark) -> dict[str, int]:
        counts = dict.fromkeys((*(table.target for table in REPLICATED), "tombstones", "bytes"), 0)
        # A new epoch starts without rows, so nothing in it can have been deleted yet. Tombstones
        # come first: a key deleted and written again by one transaction has one version for both.
        if state.watermark > 0:
            counts["tombstones"] = self._apply_tombstones(state)
            self._step("tombstones stored")
        order = [table.target for table in REPLICATED]
        for table in REPLICATED:
            if state.page_table and order.index(table.target) < order.index(state.page_table):
                continue
            resumed = state.page_table == table.target
            after = (
                (state.page_version, state.page_id)
                if resumed
                # Below every row of the window.
                else (max(state.watermark - 1, 0), table.first_key)
            )
            pages = self._source.pages(
                table,
                since=state.watermark,
                until=state.target,
                after=after,
                rows=self._page_rows,
                epoch=state.epoch,
            )
            # Closed by name: a connection that is closed under its reading thread ends the process.
            with closing(prefetch(pages)) as prefetched:
                for page in prefetched:
                    self._writer.insert_arrow(table.target, page)
                    counts[table.target] += page.num_rows
                    counts["bytes"] += page.nbytes
                    self._step(f"{table.target} page stored")
                    if page.num_rows == self._page_rows:
                        self._source.confirm_lock()
                        self._record(state, table, page)
                        self._step("page recorded")
        return counts

    def _record(self, state: Watermark, table: ReplicatedTable, page: pa.Table) -> None:
        """Everything up to the end of the page is stored."""
        self._watermarks.write(
            replace(
                state,
                page_table=table.target,
                page_version=page["version"][-1].as_py(),
                page_id=str(page[table.renamed.get(table.key, table.key)][-1].as_py()),
            )
        )

    def _apply_tombstones(self, state: Watermark) -> int:
        applied = 0
        for page in self._source.tombstones(
            since=state.watermark, until=state.target, rows=TOMBSTONES_PER_PAGE
        ):
            for table in REPLICATED:
                deleted = {key: version for name, key, version in page if name == table.source}
                if deleted:
                    self._writer.run(
                        f"replication/bury_{table.target}",
                        {
                            "epoch": state.epoch,
                            "keys": list(deleted),
                            "versions": list(deleted.values()),
                        },
                    )
                if deleted and table is PEOPLE:
                    self.corrections.forget(deleted, epoch=state.epoch)
            applied += len(page)
        return applied

    def _finish(self, state: Watermark, status: SourceStatus) -> Watermark:
        batch_id = uuid4()
        self._source.checkpoint(batch_id=batch_id, previous=state.batch_id, epoch=state.epoch)
        self._step("checkpoint written")
        finished = self._watermarks.write(
            replace(
                state,
                watermark=state.target,
                page_table="",
                page_version=0,
                page_id="",
                batch_id=batch_id,
                timeline=status.timeline,
            )
        )
        self._step("watermark stored")
        return finished
