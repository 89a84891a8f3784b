"""A storage of limits that keeps a bounded number of moving windows in memory."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from cachetools import LRUCache
from limits.storage import Storage
from limits.storage.base import MovingWindowSupport

SCHEME = "bounded-memory"


class BoundedMemory(Storage, MovingWindowSupport):
    """Windows in this process: at most `max_keys`, the least recently used is dropped first.

    limits' own memory storage is not bounded, and a thread scans all its keys after each hit.
    """

    STORAGE_SCHEME = [SCHEME]  # noqa: RUF012 # limits reads a plain class attribute

    def __init__(
        self,
        uri: str | None = None,
        *,
        max_keys: int = 100_000,
        clock: Callable[[], float] = time.time,
        wrap_exceptions: bool = False,
        **_options: str,
    ) -> None:
        super().__init__(uri, wrap_exceptions=wrap_exceptions)
        self._clock = clock
        self._windows: LRUCache[str, deque[float]] = LRUCache(max_keys)

    def __len__(self) -> int:
        return len(self._windows)

    @property
    def base_exceptions(self) -> type[Exception]:
        return ValueError

    def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Count `amount` hits of a key, unless that exceeds the limit."""
        now = self._clock()
        window = self._window(key, now - expiry)
        if len(window) + amount > limit:
            return False
        window.extend([now] * amount)
        self._windows[key] = window
        return True

    def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:
        """The time of the oldest hit in the window, and the number of hits."""
        del limit
        now = self._clock()
        window = self._window(key, now - expiry)
        return (window[0] if window else now, len(window))

    def _window(self, key: str, since: float) -> deque[float]:
        window = self._windows.get(key)
        if window is None:
            return deque()
        while window and window[0] <= since:
            window.popleft()
        if not window:
            del self._windows[key]
        return window

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Count without a limit, as limits' fixed windows do."""
        self.acquire_entry(key, 2**31, int(expiry), amount)
        return self.get(key)

    def get(self, key: str) -> int:
        """The number of hits of a key."""
        return len(self._windows.get(key, ()))

    def get_expiry(self, key: str) -> float:
        """The time of the oldest hit of a key."""
        window = self._windows.get(key)
        return window[0] if window else self._clock()

    def check(self) -> bool:
        """Memory is always available."""
        return True

    def reset(self) -> int | None:
        """Drop all keys."""
        count = len(self._windows)
        self._windows.clear()
        return count

    def clear(self, key: str) -> None:
        """Drop one key."""
        self._windows.pop(key, None)
