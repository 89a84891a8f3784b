"""The snapshot that answers rest on now, asked for about once a second. Knows no report.

While answers are asked for, the next snapshot is looked up before they need it, and the days that
it replaced are read: the first answer after a publication waits for neither (decision 0018).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

from api.errors import UnavailableError
from common.log import get_logger
from warehouse.errors import WarehouseError
from warehouse.reading import Reader
from warehouse.snapshot import Snapshot, resolve

FRESH_SECONDS = 1.0
AHEAD_SHARE = 0.8
"""Of the time that a snapshot may be used, after which the next one is looked up."""
AHEAD_SECONDS = 60.0
"""How long after an answer the next one is still prepared for."""

log = get_logger(__name__)


class Resolve(Protocol):
    """Finds the published snapshot; `known` is an earlier one, whose parts may be used again."""

    async def __call__(self, reader: Reader, *, known: Snapshot | None = None) -> Snapshot:
        """The snapshot that is published now."""


class Snapshots:
    """Resolves the published snapshot; concurrent callers share one query."""

    def __init__(
        self,
        reader: Reader,
        *,
        fresh_seconds: float = FRESH_SECONDS,
        clock: Callable[[], float] = time.monotonic,
        resolve: Resolve = resolve,
    ) -> None:
        self._reader = reader
        self._fresh_seconds = fresh_seconds
        self._clock = clock
        self._resolve = resolve
        self._latest: Snapshot | None = None
        self._resolved_at = 0.0
        self._under_way: asyncio.Task[Snapshot] | None = None
        self._wanted = asyncio.Event()
        self._wanted_at = 0.0
        self._asked_at = 0.0

    async def current(self, *, is_wanted_again: bool = True) -> Snapshot:
        """The snapshot, at most a second old.

        Args:
            is_wanted_again: whoever asks is a reason to look ahead.

        Raises:
            WarehouseError: it cannot be read.
        """
        if is_wanted_again:
            self._wanted_at = self._clock()
            self._wanted.set()
        if self._latest is not None and self._clock() - self._resolved_at < self._fresh_seconds:
            return self._latest
        return await self._asked()

    async def published(self) -> Snapshot:
        """The snapshot that an answer may rest on.

        Raises:
            UnavailableError: nothing was published yet.
            WarehouseError: it cannot be read.
        """
        snapshot = await self.current()
        if snapshot.is_empty:
            raise UnavailableError("The first figures are being counted.", code="not_published_yet")
        return snapshot

    async def look_ahead(self) -> None:
        """Keep the snapshot fresh for as long as answers are asked for. Runs until cancelled."""
        while True:
            await self._wanted.wait()
            due = self._asked_at + self._fresh_seconds * AHEAD_SHARE
            await asyncio.sleep(max(due - self._clock(), 0))
            # Whoever asks from here on is a new reason, whatever becomes of this attempt.
            self._wanted.clear()
            if self._clock() - self._wanted_at > AHEAD_SECONDS:
                continue
            try:
                await (await self._asked()).read_replaced(self._reader)
            except WarehouseError as error:
                # The next answer meets it and tells; until one is asked for, nothing is prepared.
                log.info("next snapshot not prepared", cause=str(error))
            except Exception:
                log.exception("next snapshot not prepared")
            else:
                self._wanted.set()

    async def _asked(self) -> Snapshot:
        if self._under_way is None or self._under_way.done():
            self._under_way = asyncio.create_task(self._ask())
        return await asyncio.shield(self._under_way)

    async def _ask(self) -> Snapshot:
        # The age counts from before the question: an answer is never older than it claims.
        asked_at = self._asked_at = self._clock()
        self._latest = await self._resolve(self._reader, known=self._latest)
        self._resolved_at = asked_at
        return self._latest
