"""A sliding-window rate limit per key, in this process."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from cachetools import LRUCache

WINDOW_SECONDS = 60.0
MAX_REMEMBERED = 10_000


class WindowLimiter:
    """Limits events per key (a user, for example) in a sliding window.

    Args:
        max_events: in one window; None: no limit.
    """

    def __init__(
        self,
        max_events: int | None,
        *,
        window_seconds: float = WINDOW_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._max_events = max_events
        self._window_seconds = window_seconds
        self._clock = clock
        self._events: LRUCache[int, deque[float]] = LRUCache(MAX_REMEMBERED)

    def seconds_to_wait(self, key: int) -> float:
        """0: allowed, and counted. Otherwise the time to wait; nothing is counted."""
        if self._max_events is None:
            return 0
        now = self._clock()
        events = self._events.setdefault(key, deque(maxlen=self._max_events))
        if len(events) == self._max_events and now - events[0] < self._window_seconds:
            return self._window_seconds - (now - events[0])
        events.append(now)
        return 0

    def refund(self, key: int) -> None:
        """Uncount the latest event."""
        if self._events.get(key):
            self._events[key].pop()
