"""The snapshot that answers rest on now, asked for at most once a second. Knows no report."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

from warehouse.reading import Reader
from warehouse.snapshot import Snapshot, resolve

FRESH_SECONDS = 1.0


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

    async def current(self) -> Snapshot:
        """The snapshot, at most a second old.

        Raises:
            WarehouseError: it cannot be read.
        """
        if self._latest is not None and self._clock() - self._resolved_at < self._fresh_seconds:
            return self._latest
        if self._under_way is None or self._under_way.done():
            self._under_way = asyncio.create_task(self._ask())
        return await asyncio.shield(self._under_way)

    async def _ask(self) -> Snapshot:
        # The age counts from before the question: an answer is never older than it claims.
        asked_at = self._clock()
        self._latest = await self._resolve(self._reader, known=self._latest)
        self._resolved_at = asked_at
        return self._latest
