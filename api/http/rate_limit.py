"""Counts requests and failed logins in moving windows, through slowapi and limits.

A window that moves cannot be used to send twice the limit at its edge. One process counts in
memory, several share Redis. Both libraries are synchronous: calls of Redis run in threads, and
after a failure Redis is not called for a moment, so that it does not slow every request.
`api/accounts/auth_middleware.py` applies the limits.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from limits import RateLimitItem
from limits.storage import MovingWindowSupport
from slowapi import Limiter
from slowapi.errors import RateLimitExceeded
from starlette.requests import Request

from api.http.bounded_memory import SCHEME
from api.settings import RateLimitSettings, parse_limit
from common.errors import DialyticsError
from common.log import get_logger

SHARED_PAUSE_SECONDS = 2.0
MAX_REFUNDS = 10_000
"""Refunds that count within one window."""
SCOPE = "api"
T = TypeVar("T")

log = get_logger(__name__)
# slowapi logs the key of each refused request, which may be a client's address.
logging.getLogger("slowapi").setLevel(logging.ERROR)


class CountersUnavailableError(DialyticsError):
    """The shared storage does not answer."""


@dataclass(frozen=True, slots=True)
class WindowStatus:
    """The state of a key's window after a hit."""

    allowed: bool
    item: RateLimitItem
    remaining: int
    reset_at: float
    """Unix time at which the oldest counted hit leaves the window."""

    @property
    def seconds_until_free(self) -> int:
        """Whole seconds, at least 1."""
        return max(1, math.ceil(self.reset_at - time.time()))


def _key_of(request: Request) -> str:
    key: str = request.state.rate_limit_key
    return key


# slowapi reads the signature for every request: a stored one saves a third of its time.
_key_of.__signature__ = inspect.signature(_key_of)  # type: ignore[attr-defined]


class RateLimiter:
    """The rate limits of one API process.

    Args:
        settings: limits, storage and number of keys.
        timeout_seconds: how long the shared storage may take.
    """

    def __init__(
        self,
        settings: RateLimitSettings,
        *,
        timeout_seconds: float,
    ) -> None:
        self._is_shared = settings.is_shared
        self._timeout_seconds = timeout_seconds
        self._paused_until = 0.0
        options: dict[str, Any] = {"max_keys": settings.rate_limit_keys}
        if settings.is_shared:
            # Importing redis imports the whole SDK of OpenTelemetry.
            from redis.backoff import NoBackoff  # noqa: PLC0415
            from redis.retry import Retry  # noqa: PLC0415

            options = {
                "socket_connect_timeout": timeout_seconds / 2,
                "socket_timeout": timeout_seconds / 2,
                # A connection that Redis has closed meanwhile is replaced at once.
                "retry": Retry(NoBackoff(), 1),
            }
        limiter = Limiter(
            key_func=_key_of,
            strategy="moving-window",
            storage_uri=settings.storage_url if settings.is_shared else f"{SCHEME}://",
            storage_options=options,
        )
        limiter.enabled = True  # whatever RATELIMIT_ENABLED says, which slowapi reads
        self._windows = limiter.limiter
        self._storage = cast("MovingWindowSupport", limiter.limiter.storage)
        self._account_limit = parse_limit(settings.stats_api_rate_limit)
        self._dashboard_limit = parse_limit(settings.stats_dashboard_rate_limit)

        # Decorated once: all routes below /api share the window of an account.
        @limiter.shared_limit(settings.stats_api_rate_limit, scope=SCOPE)
        def count_account(request: Request) -> None:
            del request

        @limiter.shared_limit(settings.stats_dashboard_rate_limit, scope=SCOPE)
        def count_dashboard(request: Request) -> None:
            del request

        self._count_account, self._count_dashboard = count_account, count_dashboard

    def limit_of(self, *, is_dashboard: bool) -> RateLimitItem:
        """The limit of an account or address, or of the dashboard's tokens."""
        return self._dashboard_limit if is_dashboard else self._account_limit

    async def count(self, request: Request, key: str, *, is_dashboard: bool) -> WindowStatus:
        """Count one request.

        Raises:
            CountersUnavailableError: the shared storage does not answer.
        """
        request.state.rate_limit_key = key
        count = self._count_dashboard if is_dashboard else self._count_account

        def count_and_read() -> WindowStatus:
            try:
                count(request)
            except RateLimitExceeded:
                is_allowed = False
            else:
                is_allowed = True
            item, identifiers = request.state.view_rate_limit
            stats = self._windows.get_window_stats(item, *identifiers)
            return WindowStatus(is_allowed, item, max(0, stats.remaining), stats.reset_time)

        return await self._run(count_and_read)

    def is_above_default(self, item: RateLimitItem) -> bool:
        """Whether a limit permits more requests than that of an account, over a long time."""
        default = self._account_limit
        return bool(item.amount * default.get_expiry() > default.amount * item.get_expiry())

    async def hit(self, item: RateLimitItem, key: str) -> WindowStatus:
        """Count one request in a window with a limit of its own.

        Raises:
            CountersUnavailableError: the shared storage does not answer.
        """

        def hit_and_read() -> WindowStatus:
            is_allowed = self._windows.hit(item, SCOPE, key)
            stats = self._windows.get_window_stats(item, SCOPE, key)
            return WindowStatus(is_allowed, item, max(0, stats.remaining), stats.reset_time)

        return await self._run(hit_and_read)

    async def consume(self, item: RateLimitItem, key: str) -> WindowStatus:
        """Count one hit of a window whose hits may be refunded.

        Raises:
            CountersUnavailableError: the shared storage does not answer.
        """
        hits, refunds, seconds = _keys(item, key)

        def consume() -> WindowStatus:
            _, refunded = self._storage.get_moving_window(refunds, MAX_REFUNDS, seconds)
            limit = item.amount + refunded
            is_allowed = self._storage.acquire_entry(hits, limit, seconds)
            oldest, count = self._storage.get_moving_window(hits, limit, seconds)
            return WindowStatus(is_allowed, item, max(0, limit - count), oldest + seconds)

        return await self._run(consume)

    async def refund(self, item: RateLimitItem, key: str) -> None:
        """Do not count one hit of `consume` any more.

        limits cannot remove a hit, so refunds are counted in a window of their own.

        Raises:
            CountersUnavailableError: the shared storage does not answer.
        """
        _, refunds, seconds = _keys(item, key)
        await self._run(lambda: self._storage.acquire_entry(refunds, MAX_REFUNDS, seconds))

    async def is_free(self, item: RateLimitItem, key: str) -> bool:
        """Whether the window has room for a hit. Counts none.

        Raises:
            CountersUnavailableError: the shared storage does not answer.
        """
        return await self._run(lambda: self._windows.test(item, key))

    async def fill(self, item: RateLimitItem, key: str) -> None:
        """Count one hit if there is room for it.

        Raises:
            CountersUnavailableError: the shared storage does not answer.
        """
        await self._run(lambda: self._windows.hit(item, key))

    async def _run(self, work: Callable[[], T]) -> T:
        if not self._is_shared:
            return work()
        if time.monotonic() < self._paused_until:
            raise CountersUnavailableError("the shared storage of rate limits is unavailable")
        try:
            async with asyncio.timeout(self._timeout_seconds):
                return await asyncio.to_thread(work)
        except Exception as error:
            # All errors of driver, socket and protocol mean the same: nothing can be counted.
            self._paused_until = time.monotonic() + SHARED_PAUSE_SECONDS
            log.warning("rate_limit_storage_down", error=type(error).__name__)
            raise CountersUnavailableError(
                "the shared storage of rate limits is unavailable"
            ) from error


def _keys(item: RateLimitItem, key: str) -> tuple[str, str, int]:
    """The keys of hits and refunds, and the seconds of the window."""
    return item.key_for(key), item.key_for(key, "refunds"), item.get_expiry()
