"""Follows the published snapshot, about once a second.

While requests arrive, the next snapshot is looked up before they need it. If its figures are new,
the answers to the requests of the last minute are prepared first; then it is served.
"""

from __future__ import annotations

import asyncio
import contextvars
import time
from collections.abc import Callable
from typing import Protocol

from api.errors import ServiceUnavailableError
from api.http.timeouts import DEFAULT_TIMEOUTS
from common.log import get_logger
from warehouse.clickhouse.reader import Reader
from warehouse.errors import WarehouseError
from warehouse.snapshot import Snapshot, resolve

FRESH_SECONDS = 1.0
AHEAD_SHARE = 0.8
"""Share of `fresh_seconds` after which the next snapshot is looked up."""
AHEAD_SECONDS = 60.0
"""How long after the last request snapshots are looked up ahead."""

log = get_logger(__name__)


class Resolve(Protocol):
    """Finds the published snapshot; may reuse parts of `known`, an earlier one."""

    async def __call__(self, reader: Reader, *, known: Snapshot | None = None) -> Snapshot:
        """The published snapshot."""


class WarmableAnswers(Protocol):
    """WarmableAnswers that are kept for a snapshot."""

    async def warm(self, snapshot: Snapshot) -> None:
        """Prepare answers before the snapshot is served."""

    def serve_from(self, snapshot: Snapshot) -> None:
        """Compute answers from this snapshot from now on."""


class Snapshots:
    """Follows the published snapshot; concurrent callers share one query.

    Args:
        reader: runs statements in ClickHouse.
        answers: prepared before a snapshot is served.
        fresh_seconds: how long a snapshot is served before the next one is looked up.
        warm_seconds: maximum time for preparing answers.
    """

    def __init__(
        self,
        reader: Reader,
        answers: WarmableAnswers,
        *,
        fresh_seconds: float = FRESH_SECONDS,
        warm_seconds: float = DEFAULT_TIMEOUTS.warm_seconds,
        clock: Callable[[], float] = time.monotonic,
        resolve: Resolve = resolve,
    ) -> None:
        self._reader = reader
        self._answers = answers
        self._fresh_seconds = fresh_seconds
        self._warm_seconds = warm_seconds
        # Maximum age of the served snapshot while the next one is prepared.
        self._max_age = fresh_seconds + 2 * warm_seconds
        self._clock = clock
        self._resolve = resolve
        self._served: Snapshot | None = None
        self._newest_at = 0.0
        """When the served snapshot was last known to be the newest."""
        self._lookup: asyncio.Task[None] | None = None
        self._warming: asyncio.Task[None] | None = None
        self._is_cold = False
        self._wanted = asyncio.Event()
        self._wanted_at = 0.0
        self._asked_at = 0.0

    async def current(self, *, is_wanted_again: bool = True) -> Snapshot:
        """The snapshot that is served: the newest of the last second, or the one before it.

        Args:
            is_wanted_again: look up the next snapshot ahead.

        Raises:
            WarehouseError: it cannot be read.
        """
        if is_wanted_again:
            self._wanted_at = self._clock()
            self._wanted.set()
        if self._age() >= self._fresh_seconds and self._warming is None:
            await self._look()
        if self._warming is not None and self._age() >= self._max_age:
            await asyncio.shield(self._warming)
        assert self._served is not None  # noqa: S101 # a lookup that returned has set it
        return self._served

    async def published(self) -> Snapshot:
        """The snapshot to compute an answer from.

        Raises:
            ServiceUnavailableError: nothing has been published yet.
            WarehouseError: it cannot be read.
        """
        snapshot = await self.current()
        if snapshot.is_empty:
            raise ServiceUnavailableError(
                "No statistics have been published yet.", code="not_published_yet"
            )
        return snapshot

    async def look_ahead(self) -> None:
        """Look up snapshots ahead while requests arrive. Runs until cancelled."""
        while True:
            await self._wanted.wait()
            due = self._asked_at + self._fresh_seconds * AHEAD_SHARE
            await asyncio.sleep(max(due - self._clock(), 0))
            # Requests from here on cause another attempt, even if this one fails.
            self._wanted.clear()
            if self._clock() - self._wanted_at > AHEAD_SECONDS:
                continue
            try:
                await self._look()
            except WarehouseError as error:
                # The next request gets the error. Until then there are no further attempts.
                log.info("next_snapshot_not_read", cause=str(error))
            except Exception:
                log.exception("next_snapshot_not_read")
            else:
                self._wanted.set()
            if self._warming is not None:
                await asyncio.shield(self._warming)

    async def close(self) -> None:
        """Stop the running tasks."""
        tasks = [task for task in (self._lookup, self._warming) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _age(self) -> float:
        return float("inf") if self._served is None else self._clock() - self._newest_at

    async def _look(self) -> None:
        if self._warming is not None:
            return
        if self._lookup is None or self._lookup.done():
            self._lookup = asyncio.create_task(self._find())
        await asyncio.shield(self._lookup)

    async def _find(self) -> None:
        # The age counts from before the lookup: an answer is never older than it states.
        asked_at = self._asked_at = self._clock()
        found = await self._resolve(self._reader, known=self._served)
        if self._served is None or found.figures == self._served.figures:
            self._serve(found, asked_at)
        else:
            # An empty context, so that log lines do not name the request that found the snapshot.
            empty = contextvars.Context()
            self._warming = asyncio.create_task(self._warm(found, asked_at), context=empty)

    async def _warm(self, found: Snapshot, asked_at: float) -> None:
        failure: Exception | None = None
        try:
            async with asyncio.timeout(self._warm_seconds):
                await self._answers.warm(found)
        except Exception as error:  # noqa: BLE001 # a failed warming is logged below; the snapshot is served anyway
            failure = error
        # Logged once, not for each publication while the cause lasts.
        if failure is not None and not self._is_cold:
            is_expected = isinstance(failure, (TimeoutError, WarehouseError))
            log.warning(
                "snapshot_served_cold",
                cause=type(failure).__name__,
                exc_info=None if is_expected else failure,
            )
        self._is_cold = failure is not None
        self._warming = None
        self._serve(found, asked_at)

    def _serve(self, snapshot: Snapshot, asked_at: float) -> None:
        if self._served is None or self._served.id != snapshot.id:
            self._answers.serve_from(snapshot)
        self._served, self._newest_at = snapshot, asked_at
