"""Prepared answers in this process, each valid exactly as long as its snapshot. Knows no report."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, Protocol, TypeVar

MOST_BYTES = 64 << 20
MOST_ENTRIES = 2_000


class Sized(Protocol):
    @property
    def size(self) -> int:
        """Bytes that the entry holds."""


Entry = TypeVar("Entry", bound=Sized)


class AnswerCache(Generic[Entry]):
    """Least recently used out first; equal questions asked at once are answered once.

    Keys name the snapshot, so a new snapshot finds nothing here; entries of older ones are dropped
    as soon as it is seen.
    """

    def __init__(self, *, most_bytes: int = MOST_BYTES, most_entries: int = MOST_ENTRIES) -> None:
        self._most_bytes = most_bytes
        self._most_entries = most_entries
        self._entries: OrderedDict[Hashable, Entry] = OrderedDict()
        self._under_way: dict[Hashable, asyncio.Task[Entry]] = {}
        self._snapshot: Hashable = None
        self.size = 0

    def __len__(self) -> int:
        return len(self._entries)

    async def get(
        self, snapshot: Hashable, key: Hashable, prepare: Callable[[], Awaitable[Entry]]
    ) -> tuple[Entry, bool]:
        """The entry of a key at a snapshot, and whether it was there."""
        if snapshot != self._snapshot:
            self.clear()
            self._snapshot = snapshot
        entry = self._entries.get(key)
        if entry is not None:
            self._entries.move_to_end(key)
            return entry, True
        place = (snapshot, key)
        task = self._under_way.get(place)
        if task is None:
            task = asyncio.ensure_future(prepare())
            self._under_way[place] = task
            task.add_done_callback(lambda _: self._under_way.pop(place, None))
        # One caller that hangs up must not cancel the answer of the others.
        entry = await asyncio.shield(task)
        if snapshot == self._snapshot and key not in self._entries:
            self._put(key, entry)
        return entry, False

    def _put(self, key: Hashable, entry: Entry) -> None:
        if entry.size > self._most_bytes // 4:
            return
        self._entries[key] = entry
        self.size += entry.size
        while self.size > self._most_bytes or len(self._entries) > self._most_entries:
            _, oldest = self._entries.popitem(last=False)
            self.size -= oldest.size

    def clear(self) -> None:
        """Drop every entry."""
        self._entries.clear()
        self.size = 0
