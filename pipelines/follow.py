"""Follows new data: a cycle whenever something committed, until it is quiet or time is up.

One follower runs at a time. Failed cycles are retried with growing pauses; after the last attempt
the error is raised, so that the run fails visibly.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from common.log import get_logger
from pipelines.cycle import exclusive_run
from pipelines.errors import BusyError, LockLostError, SchemaDriftError, SourceError
from pipelines.replication.batch import Batch
from pipelines.rollups.build import Publication
from pipelines.settings import PipelineSettings
from pipelines.source.postgres import FOLLOWER, Source
from warehouse.errors import WarehouseUnavailableError

TRANSIENT_ERRORS = (BusyError, LockLostError, SourceError, WarehouseUnavailableError)
"""Errors that a retry may mend."""
ATTEMPTS = 5
FIRST_PAUSE_SECONDS = 1.0

log = get_logger(__name__)

OnCycle = Callable[[Batch, Publication | None], None]


def no_op() -> None:
    """Do nothing."""


@dataclass(frozen=True, slots=True)
class FollowSummary:
    """Totals of one follower's run."""

    cycles: int
    rows: int


class Follower:
    """Runs cycles; calls `on_cycle` after each and `on_pause` before each pause."""

    def __init__(
        self,
        settings: PipelineSettings,
        *,
        on_cycle: OnCycle,
        on_pause: Callable[[], None] = no_op,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._settings = settings
        self._on_cycle = on_cycle
        self._on_pause = on_pause
        self._sleep = sleep

    def run(self) -> FollowSummary:
        """Follow until nothing was new for the idle time, or the run's time is up.

        Raises:
            BusyError: another follower lives.
            SchemaDriftError: at once; repeating would not help.
            PipelineError, WarehouseError: after the last attempt.
        """
        section = self._settings.pipelines
        cycles = rows = failures = 0
        started = quiet_since = time.monotonic()
        with Source(self._settings.database.libpq_url) as source:
            source.become_follower()
            while time.monotonic() - started < section.follow_run_seconds:
                source.confirm_lock(FOLLOWER)
                try:
                    batch = self._cycle()
                except SchemaDriftError:
                    raise
                except TRANSIENT_ERRORS as error:
                    failures += 1
                    if failures >= ATTEMPTS:
                        raise
                    pause = FIRST_PAUSE_SECONDS * 2 ** (failures - 1)
                    log.warning("cycle failed", cause=str(error), pause_seconds=pause)
                    self._sleep(pause)
                    continue
                failures = 0
                if batch is not None:
                    cycles, rows = cycles + 1, rows + batch.rows
                    quiet_since = time.monotonic()
                elif time.monotonic() - quiet_since >= section.follow_idle_seconds:
                    break
                self._on_pause()
                self._sleep(section.cycle_seconds)
        return FollowSummary(cycles=cycles, rows=rows)

    def _cycle(self) -> Batch | None:
        with exclusive_run(self._settings) as pipeline_run:
            if not pipeline_run.is_behind():
                return None
            batch, publication = pipeline_run.cycle()
        self._on_cycle(batch, publication)
        return batch


def reason_to_follow(settings: PipelineSettings) -> str:
    """Why a follower should be started; empty when there is one, or nothing is new.

    Raises:
        DialyticsError: a store does not answer.
    """
    try:
        with exclusive_run(settings) as pipeline_run:
            if pipeline_run.source.has_follower() or not pipeline_run.is_behind():
                return ""
            return "new data"
    except BusyError:
        # A backfill or reconcile holds the lock; whatever is new waits for it anyway.
        return ""
