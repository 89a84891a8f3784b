"""Counts failed logins before anything is hashed: of an address with an account, of each alone.

An attempt counts as a failure from its beginning and is taken back when it succeeds, so a burst
passes the limit no more than a trickle, in one process or over several. The limit of an account
over all addresses is a slow one, and an address from which its password was given before is exempt
of it: strangers who guess do not lock its owner out.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from limits import RateLimitItem, RateLimitItemPerDay

from api.errors import TooManyAttemptsError
from api.http.rate_limit import Counters, CountersUnavailableError

_KNOWN = RateLimitItemPerDay(1, 30)
"""How long an address stays known after a login."""


class LoginThrottle:
    """Refuses further attempts after too many failures.

    Args:
        counters: where failures are counted.
        per_account: failures that one address may have with one username.
        per_address: failures that one address may have, whatever the username.
        ceiling: failures that one username may have, from all unknown addresses together.
    """

    def __init__(
        self,
        counters: Counters,
        *,
        per_account: RateLimitItem,
        per_address: RateLimitItem,
        ceiling: RateLimitItem,
    ) -> None:
        self._counters = counters
        self._per_account = per_account
        self._per_address = per_address
        self._ceiling = ceiling

    @asynccontextmanager
    async def attempt(
        self, *, username: str, address: str, has_token: bool = False
    ) -> AsyncIterator[list[bool]]:
        """One attempt. Put something into the list it yields when the attempt succeeded.

        With a token the account's owner asks, who is exempt of the ceiling.

        Raises:
            TooManyAttemptsError: too many failures before this one.
            UnavailableError: failures cannot be counted, so nobody may try.
        """
        known = f"login-known:{username}:{address}"
        keys = [
            (self._per_account, f"login-account:{username}:{address}"),
            (self._per_address, f"login-address:{address}"),
        ]
        if not has_token and await self._counters.remaining(_KNOWN, known):
            keys.append((self._ceiling, f"login-ceiling:{username}"))
        taken: list[tuple[RateLimitItem, str]] = []
        for item, key in keys:
            standing = await self._counters.hit(item, key)
            if not standing.allowed:
                await self._give_back(taken)
                raise TooManyAttemptsError(
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
                with suppress(CountersUnavailableError):
                    await self._counters.hit(_KNOWN, known)

    async def _give_back(self, taken: list[tuple[RateLimitItem, str]]) -> None:
        for item, key in taken:
            # Not given back, a slot frees itself when its window has passed.
            with suppress(CountersUnavailableError):
                await self._counters.give_back(item, key)
