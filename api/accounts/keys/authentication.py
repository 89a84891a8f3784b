"""Authenticates requests by an API key."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from api.accounts.account_cache import AccountCache
from api.accounts.keys.store import StoredKey
from api.accounts.lookup import SecretLookup
from api.accounts.scopes import Principal, held_scopes
from api.accounts.throttle import LoginThrottle
from api.audit.events import AuditKind, current_origin
from api.audit.trail import AuditTrail
from api.errors import NotAuthenticatedError, TooManyAttemptsError


class KeyAuthenticator:
    """Turns an API key into a principal.

    Args:
        keys: finds keys.
        account_cache: finds their accounts.
        throttle: limits wrong keys per address.
        trail: counts wrong keys.
        clock: the current time.
    """

    def __init__(
        self,
        keys: SecretLookup[StoredKey],
        account_cache: AccountCache,
        *,
        throttle: LoginThrottle,
        trail: AuditTrail,
        clock: Callable[[], datetime],
    ) -> None:
        self._keys = keys
        self._account_cache = account_cache
        self._throttle = throttle
        self._trail = trail
        self._clock = clock

    async def identify(self, given: bytes, *, address: str) -> Principal:
        """The principal of a key. Its scopes are those of the key that the account still has.

        Raises:
            NotAuthenticatedError: there is no such key, or it or its account is not valid.
            TooManyAttemptsError: too many wrong keys before.
        """
        secret = given.decode("latin-1")
        key = self._keys.cached(secret) or await self._look_up(secret, address=address)
        account = None
        if key is not None and key.is_valid(self._clock()):
            account = await self._account_cache.account(key.account_id)
        if key is None or account is None or account.is_disabled:
            self._count_failure(key, "invalid_key")
            raise NotAuthenticatedError("Invalid API key.", code="invalid_credentials")
        self._keys.note_use(key)
        return Principal(
            account_id=account.id,
            username=account.username,
            scopes=held_scopes(key.scopes) & account.held_scopes,
            method="key",
            key_id=key.id,
            rate_limit=key.rate_limit,
        )

    async def _look_up(self, secret: str, *, address: str) -> StoredKey | None:
        try:
            async with self._throttle.guess(address=address) as found:
                key = await self._keys.find(secret)
                found.append(key is not None)
        except TooManyAttemptsError as error:
            self._count_failure(None, error.code)
            raise
        return key

    def _count_failure(self, key: StoredKey | None, reason: str) -> None:
        origin = current_origin.get()
        if key is not None:
            origin = replace(origin, actor=key.username, actor_id=key.account_id, key_id=key.id)
        self._trail.count(AuditKind.LOGIN_FAILED, origin=origin, reason=reason)
