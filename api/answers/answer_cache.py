"""Prepared answers in this process, each kept for as long as its snapshot is served."""

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
        """Bytes that the entry holds."""


Entry = TypeVar("Entry", bound=Sized)


@dataclass(slots=True)
class _Computation(Generic[Entry]):
    task: asyncio.Task[Entry]
    waiting: int = 0


class AnswerCache(Generic[Entry]):
    """LRU cache of answers; equal questions asked at once are answered once.

    Each answer belongs to a generation: what its figures rest on.
    """

    def __init__(self, *, most_bytes: int = MAX_BYTES, most_entries: int = MAX_ENTRIES) -> None:
        self._most_bytes = most_bytes
        self._most_entries = most_entries
        self._entries: OrderedDict[tuple[Hashable, Hashable], Entry] = OrderedDict()
        self._under_way: dict[tuple[Hashable, Hashable], _Computation[Entry]] = {}
        self._generations: Collection[Hashable] = ()
        self.size = 0

    def __len__(self) -> int:
        return len(self._entries)

    def keep_only(self, generations: Collection[Hashable]) -> None:
        """Drop the answers of all other generations, and keep none of them from now on."""
        self._generations = generations
        for place in [place for place in self._entries if place[0] not in generations]:
            self.size -= self._entries.pop(place).size

    async def get(
        self, generation: Hashable, key: Hashable, prepare: Callable[[], Awaitable[Entry]]
    ) -> tuple[Entry, bool]:
        """The entry of a key in a generation, and whether it was there."""
        place = (generation, key)
        entry = self._entries.get(place)
        if entry is not None:
            self._entries.move_to_end(place)
            return entry, True
        computation = self._under_way.get(place)
        if computation is None:
            computation = _Computation(asyncio.ensure_future(prepare()))
            self._under_way[place] = computation
        computation.waiting += 1
        try:
            # One caller that leaves must not cancel the answer of the others.
            entry = await asyncio.shield(computation.task)
        finally:
            computation.waiting -= 1
            if not computation.waiting:
                del self._under_way[place]
                computation.task.cancel()
        if generation in self._generations and place not in self._entries:
            self._put(place, entry)
        return entry, False

    def _put(self, place: tuple[Hashable, Hashable], entry: Entry) -> None:
        if entry.size > self._most_bytes // 4:
            return
        self._entries[place] = entry
        self.size += entry.size
        while self.size > self._most_bytes or len(self._entries) > self._most_entries:
            _, oldest = self._entries.popitem(last=False)
            self.size -= oldest.size
