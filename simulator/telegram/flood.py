"""Flood limits: how long a bot must wait before it may send."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable

from simulator.telegram.faults import FloodLimits

NO_LIMITS = FloodLimits()


class FloodLimiter:
    """Sliding windows per chat and in total. Refused calls are not counted."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.limits = FloodLimits()
        self._clock = clock
        self._hits: dict[int, deque[float]] = {}
        self._all: deque[float] = deque()

    def wait_seconds(self, chat_id: int) -> int:
        """0 if the call is allowed (and counted), else seconds to wait."""
        limits = self.limits
        if limits == NO_LIMITS:
            return 0
        now = self._clock()
        hits = self._hits.setdefault(chat_id, deque())
        windows = [(hits, limits.per_chat_per_second, 1.0), (self._all, limits.per_second, 1.0)]
        if chat_id < 0:
            windows.append((hits, limits.per_group_per_minute, 60.0))
        wait = max(_wait(window, limit, seconds, now) for window, limit, seconds in windows)
        if wait > 0:
            return math.ceil(wait)
        hits.append(now)
        self._all.append(now)
        for window, seconds in ((hits, 60.0), (self._all, 1.0)):
            while window and window[0] <= now - seconds:
                window.popleft()
        return 0


def _wait(hits: deque[float], limit: int | None, seconds: float, now: float) -> float:
    if limit is None:
        return 0.0
    recent = [moment for moment in hits if moment > now - seconds]
    return recent[-limit] + seconds - now if len(recent) >= limit else 0.0
