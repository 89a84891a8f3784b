"""Limits failed logins per account and address, before a password is hashed.

Each attempt counts as a failure when it starts and is refunded when it succeeds, so concurrent
attempts cannot exceed the limit, also over several processes. Addresses from which an account has
logged in before are exempt from its limit over all addresses: guessing strangers cannot lock its
owner out.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from limits import RateLimitItem, RateLimitItemPerDay

from api.errors import TooManyAttemptsError
from api.http.rate_limit import CountersUnavailableError, RateLimiter, WindowStatus

_KNOWN = RateLimitItemPerDay(1, 30)
"""An address counts as known for 30 days after a login."""


class LoginThrottle:
    """Refuses further attempts after too many failures.

    Args:
        limiter: counts the failures.
        per_account: failures per address and username.
        per_address: failures per address, over all usernames.
        ceiling: failures per username, over all unknown addresses.
    """

    def __init__(
        self,
        limiter: RateLimiter,
        *,
        per_account: RateLimitItem,
        per_address: RateLimitItem,
        ceiling: RateLimitItem,
    ) -> None:
        self._limiter = limiter
        self._per_account = per_account
        self._per_address = per_address
        self._ceiling = ceiling

    @asynccontextmanager
    async def attempt(
        self, *, username: str, address: str, has_token: bool = False
    ) -> AsyncIterator[list[bool]]:
        """One attempt. Append to the list that it yields if the attempt succeeded.

        A request with a token of the account is exempt from the ceiling.

        Raises:
            TooManyAttemptsError: too many failures before this one.
            CountersUnavailableError: failures cannot be counted.
        """
        known = f"login-known:{username}:{address}"
        keys = [
            (self._per_account, f"login-account:{username}:{address}"),
            (self._per_address, f"login-address:{address}"),
        ]
        if not has_token and await self._limiter.is_free(_KNOWN, known):
            keys.append((self._ceiling, f"login-ceiling:{username}"))
        taken: list[tuple[RateLimitItem, str]] = []
        for item, key in keys:
            status = await self._limiter.consume(item, key)
            if not status.allowed:
                await self._refund(taken)
                raise _too_many(status)
            taken.append((item, key))
        succeeded: list[bool] = []
        try:
            yield succeeded
        finally:
            if succeeded:
                await self._refund(taken)
                with suppress(CountersUnavailableError):
                    await self._limiter.fill(_KNOWN, known)

    @asynccontextmanager
    async def guess(self, *, address: str) -> AsyncIterator[list[bool]]:
        """One look-up of a key or token. Append whether it was found to the list that it yields.

        It spares the database from floods; guessing would take for ever. So look-ups go on when
        failures cannot be counted.

        Raises:
            TooManyAttemptsError: too many failures of this address.
        """
        key = f"login-address:{address}"
        is_counted = False
        with suppress(CountersUnavailableError):
            status = await self._limiter.consume(self._per_address, key)
            if not status.allowed:
                raise _too_many(status)
            is_counted = True
        found: list[bool] = []
        yield found
        if is_counted and any(found):
            await self._refund([(self._per_address, key)])

    async def _refund(self, taken: list[tuple[RateLimitItem, str]]) -> None:
        for item, key in taken:
            # Without the refund the hit leaves with its window.
            with suppress(CountersUnavailableError):
                await self._limiter.refund(item, key)


def _too_many(status: WindowStatus) -> TooManyAttemptsError:
    return TooManyAttemptsError(
        "Too many failed logins. Try again later.",
        code="too_many_failures",
        retry_after=status.seconds_until_free,
    )
