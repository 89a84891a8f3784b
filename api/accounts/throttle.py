"""Counts failed logins per account and per address, before anything is hashed.

An attempt counts as a failure from its beginning and is taken back when it succeeds, so a burst
passes the limit no more than a trickle, in one process or over several. Knows no password.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from limits import RateLimitItem

from api.errors import TooManyRequests
from api.limits import Counters, CountersUnavailableError


class LoginThrottle:
    """Refuses further attempts after too many failures.

    Args:
        counters: where failures are counted.
        per_account: failures that one username may have.
        per_address: failures that one address may have, whatever the username.
    """

    def __init__(
        self, counters: Counters, *, per_account: RateLimitItem, per_address: RateLimitItem
    ) -> None:
        self._counters = counters
        self._per_account = per_account
        self._per_address = per_address

    @asynccontextmanager
    async def attempt(self, *, username: str, address: str) -> AsyncIterator[list[bool]]:
        """One attempt. Put something into the list it yields when the attempt succeeded.

        Raises:
            TooManyRequests: too many failures before this one.
            Unavailable: failures cannot be counted, so nobody may try.
        """
        keys = (
            (self._per_account, f"login-account:{username}"),
            (self._per_address, f"login-address:{address}"),
        )
        taken: list[tuple[RateLimitItem, str]] = []
        for item, key in keys:
            standing = await self._counters.hit(item, key)
            if not standing.allowed:
                await self._give_back(taken)
                raise TooManyRequests(
                    "Too many failed logins. Wait, then try again.",
                    code="too_many_failures",
                    retry_after=standing.seconds_until_free,
                )
            taken.append((item, key))
        succeeded: list[bool] = []
        try:
            yield succeeded
        finally:
            if succeeded:
                await self._give_back(taken)

    async def _give_back(self, taken: list[tuple[RateLimitItem, str]]) -> None:
        for item, key in taken:
            # Not given back, a slot frees itself when its window has passed.
            with suppress(CountersUnavailableError):
                await self._counters.give_back(item, key)
