"""LRU cache of answers, each kept while its snapshot is served."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Hashable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

MAX_BYTES = 64 << 20
MAX_ENTRIES = 2_000


class Sized(Protocol):
    @property
    def size(self) -> int:
        """Size of the entry in bytes."""


Entry = TypeVar("Entry", bound=Sized)


@dataclass(slots=True)
class _Computation(Generic[Entry]):
    task: asyncio.Task[Entry]
    waiting: int = 0


class AnswerCache(Generic[Entry]):
    """LRU cache; concurrent requests for the same answer share one computation.

    Each answer belongs to a generation: the version of the data that it was computed from.
    """

    def __init__(self, *, max_bytes: int = MAX_BYTES, max_entries: int = MAX_ENTRIES) -> None:
        self._max_bytes = max_bytes
        self._max_entries = max_entries
        self._entries: OrderedDict[tuple[Hashable, Hashable], Entry] = OrderedDict()
        self._in_flight: dict[tuple[Hashable, Hashable], _Computation[Entry]] = {}
        self._generations: Collection[Hashable] = ()
        self.size = 0

    def __len__(self) -> int:
        return len(self._entries)

    def keep_only(self, generations: Collection[Hashable]) -> None:
        """Drop the answers of all other generations and add none of them from now on."""
        self._generations = generations
        for cache_key in [key for key in self._entries if key[0] not in generations]:
            self.size -= self._entries.pop(cache_key).size

    async def get(
        self, generation: Hashable, key: Hashable, prepare: Callable[[], Awaitable[Entry]]
    ) -> tuple[Entry, bool]:
        """The entry of a key in a generation, and whether it was cached."""
        cache_key = (generation, key)
        entry = self._entries.get(cache_key)
        if entry is not None:
            self._entries.move_to_end(cache_key)
            return entry, True
        computation = self._in_flight.get(cache_key)
        if computation is None:
            computation = _Computation(asyncio.ensure_future(prepare()))
            self._in_flight[cache_key] = computation
        computation.waiting += 1
        try:
            # A cancelled caller must not cancel the computation of the others.
            entry = await asyncio.shield(computation.task)
        finally:
            computation.waiting -= 1
            if not computation.waiting:
                del self._in_flight[cache_key]
                computation.task.cancel()
        if generation in self._generations and cache_key not in self._entries:
            self._put(cache_key, entry)
        return entry, False

    def _put(self, cache_key: tuple[Hashable, Hashable], entry: Entry) -> None:
        if entry.size > self._max_bytes // 4:
            return
        self._entries[cache_key] = entry
        self.size += entry.size
        while self.size > self._max_bytes or len(self._entries) > self._max_entries:
            _, oldest = self._entries.popitem(last=False)
            self.size -= oldest.size
