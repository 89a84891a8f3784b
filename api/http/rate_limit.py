"""Moving windows: how many requests a key has left. Knows no account and no HTTP.

One process counts in memory, through slowapi's limiter; several share Redis. A window moves, so
its edge cannot be used to pass twice the limit.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol, cast

from limits import RateLimitItem
from limits.aio.storage import RedisStorage
from limits.aio.storage.redis.coredis import CoredisBridge
from limits.aio.strategies import MovingWindowRateLimiter as SharedMovingWindow
from limits.storage import Storage
from limits.storage.base import MovingWindowSupport
from limits.util import WindowStats
from slowapi import Limiter

from api.settings import RateLimitSettings
from common.errors import DialyticsError
from common.log import get_logger

SHARED_PAUSE_SECONDS = 2.0

log = get_logger(__name__)


class CountersUnavailableError(DialyticsError):
    """The shared storage does not answer."""


@dataclass(frozen=True, slots=True)
class WindowStatus:
    """Where a key stands in its window."""

    allowed: bool
    limit: int
    window_seconds: int
    remaining: int
    reset_at: float
    """Unix time at which the oldest counted request leaves the window."""

    @property
    def seconds_until_free(self) -> int:
        """Whole seconds, at least 1."""
        return max(1, math.ceil(self.reset_at - time.time()))


class WindowCounters(Protocol):
    """Counts hits of keys in moving windows."""

    async def consume(self, item: RateLimitItem, key: str) -> WindowStatus:
        """Count one request, unless the window is full."""

    async def remaining(self, item: RateLimitItem, key: str) -> int:
        """How many hits the window still takes. Counts none."""

    async def refund(self, item: RateLimitItem, key: str) -> None:
        """Take the newest hit of a key out of its window: it was no failure after all."""

    async def close(self) -> None:
        """Let go of connections."""


class BoundedMemory(Storage, MovingWindowSupport):
    """Windows in this process: at most `most_keys`, the longest unused leaves first.

    limits' own memory storage keeps every key until a timer passes and starts a thread for it.
    """

    STORAGE_SCHEME = ["bounded-memory"]  # noqa: RUF012 # limits reads a plain class attribute

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
        self._max_keys = max_keys
        self._clock = clock
        self._windows: OrderedDict[str, deque[float]] = OrderedDict()

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
        self._windows.move_to_end(key)
        while len(self._windows) > self._max_keys:
            self._windows.popitem(last=False)
        return True

    def refund(self, key: str) -> None:
        """Forget the newest hit of a key."""
        window = self._windows.get(key)
        if window:
            window.pop()
        if window is not None and not window:
            del self._windows[key]

    def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:
        """The oldest counted hit and how many there are."""
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
        """Count without a limit; limits' fixed windows would ask this."""
        self.acquire_entry(key, 2**31, int(expiry), amount)
        return self.get(key)

    def get(self, key: str) -> int:
        """Hits counted for a key."""
        return len(self._windows.get(key, ()))

    def get_expiry(self, key: str) -> float:
        """The oldest hit of a key; windows are not fixed here."""
        window = self._windows.get(key)
        return window[0] if window else self._clock()

    def check(self) -> bool:
        """Memory always answers."""
        return True

    def reset(self) -> int | None:
        """Forget every key."""
        count = len(self._windows)
        self._windows.clear()
        return count

    def clear(self, key: str) -> None:
        """Forget one key."""
        self._windows.pop(key, None)


class MemoryCounters:
    """Counts in this process, through slowapi's limiter."""

    def __init__(self, *, max_keys: int) -> None:
        limiter = Limiter(
            key_func=_unused_key,
            strategy="moving-window",
            storage_uri="bounded-memory://",
            storage_options={"most_keys": max_keys},  # type: ignore[dict-item] # passed on as given
            headers_enabled=True,
        )
        self._windows = limiter.limiter
        self._storage = cast("BoundedMemory", limiter.limiter.storage)

    def __len__(self) -> int:
        return len(self._storage)

    async def consume(self, item: RateLimitItem, key: str) -> WindowStatus:
        allowed = self._windows.hit(item, key)
        return _window_status(item, self._windows.get_window_stats(item, key), allowed=allowed)

    async def remaining(self, item: RateLimitItem, key: str) -> int:
        return self._windows.get_window_stats(item, key).remaining

    async def refund(self, item: RateLimitItem, key: str) -> None:
        self._storage.refund(item.key_for(key))

    async def close(self) -> None:
        self._storage.reset()


class SharedCounters:
    """Counts in Redis, so that several processes share one window.

    slowapi knows only blocking storages, so this speaks to limits' asynchronous one directly.
    After a failure the storage is left alone for a moment: a dead one must not slow every request.
    """

    def __init__(
        self, url: str, *, timeout_seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._storage = RedisStorage(
            f"async+{url}",
            connect_timeout=timeout_seconds / 2,
            stream_timeout=timeout_seconds / 2,
        )
        self._timeout_seconds = timeout_seconds
        self._bridge = cast("CoredisBridge", self._storage.bridge)
        self._windows = SharedMovingWindow(self._storage)
        self._clock = clock
        self._asleep_until = 0.0

    async def consume(self, item: RateLimitItem, key: str) -> WindowStatus:
        async with self._watched():
            allowed = await self._windows.hit(item, key)
            stats = await self._windows.get_window_stats(item, key)
        return _window_status(item, stats, allowed=allowed)

    async def remaining(self, item: RateLimitItem, key: str) -> int:
        async with self._watched():
            return (await self._windows.get_window_stats(item, key)).remaining

    async def refund(self, item: RateLimitItem, key: str) -> None:
        # limits cannot take a hit back; its windows are lists with the newest hit in front.
        stored = self._bridge.prefixed_key(item.key_for(key))
        async with self._watched():
            await self._bridge.get_connection().lpop(stored)

    @asynccontextmanager
    async def _watched(self) -> AsyncIterator[None]:
        if self._clock() < self._asleep_until:
            raise CountersUnavailableError("the shared storage of limits is away")
        try:
            async with asyncio.timeout(self._timeout_seconds):
                yield
        except Exception as error:
            # Every driver, socket and protocol error means the same: nothing can be counted.
            self._asleep_until = self._clock() + SHARED_PAUSE_SECONDS
            log.warning("rate_limit_storage_down", error=type(error).__name__)
            raise CountersUnavailableError("the shared storage of limits is away") from error

    async def close(self) -> None:
        self._bridge.get_connection().connection_pool.disconnect()


def make_counters(settings: RateLimitSettings, *, timeout_seconds: float) -> WindowCounters:
    """The counters that the settings ask for."""
    if settings.is_shared:
        return SharedCounters(settings.storage_url, timeout_seconds=timeout_seconds)
    return MemoryCounters(max_keys=settings.rate_limit_keys)


def _unused_key() -> str:
    return ""  # keys are given with each hit


def _window_status(item: RateLimitItem, stats: WindowStats, *, allowed: bool) -> WindowStatus:
    window = item.get_expiry()
    return WindowStatus(
        allowed=allowed,
        limit=item.amount,
        window_seconds=window,
        remaining=max(0, stats.remaining),
        reset_at=stats.reset_time,
    )
