"""Authenticates requests by the cookie of a session."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from starlette.types import Scope

from api.accounts.account_cache import AccountCache
from api.accounts.lookup import SecretLookup
from api.accounts.scopes import DASHBOARD, Principal
from api.accounts.sessions.cookie import find_cookies, is_https
from api.accounts.sessions.store import PREFIX, StoredSession
from api.accounts.throttle import LoginThrottle
from api.errors import ForbiddenError, NotAuthenticatedError
from common.http.origins import SAFE_METHODS


class SessionAuthenticator:
    """Turns a cookie into a principal.

    Args:
        sessions: finds sessions.
        account_cache: finds their accounts.
        throttle: limits wrong cookies per address.
        clock: the current time.
        trusted_hops: proxies in front, which state whether the browser uses HTTPS.
    """

    def __init__(
        self,
        sessions: SecretLookup[StoredSession],
        account_cache: AccountCache,
        *,
        throttle: LoginThrottle,
        clock: Callable[[], datetime],
        trusted_hops: int,
    ) -> None:
        self._sessions = sessions
        self._account_cache = account_cache
        self._throttle = throttle
        self._clock = clock
        self._trusted_hops = trusted_hops

    def is_secure(self, scope: Scope) -> bool:
        """Whether the browser uses HTTPS."""
        return is_https(scope, trusted_hops=self._trusted_hops)

    async def identify(self, scope: Scope, *, address: str) -> Principal | None:
        """The principal of the request's session; None if it has no cookie.

        Raises:
            NotAuthenticatedError: the session ended, or there never was one.
            ForbiddenError: it changes something and states no origin.
            TooManyAttemptsError: too many wrong cookies before.
        """
        given = find_cookies(scope["headers"], secure=self.is_secure(scope))
        if not given:
            return None
        found = account = None
        # With two cookies, the API cannot know which one it has set.
        if len(given) == 1:
            found = await self._find(given.pop(), address=address)
        if found is not None and self._clock() < found.expires_at:
            account = await self._account_cache.account(found.account_id)
        if (
            found is None
            or account is None
            or account.is_disabled
            or account.credentials_version != found.credentials_version
        ):
            raise NotAuthenticatedError("The session has ended. Log in again.", code="session_over")
        # Whose origin is wrong was refused before; without one it is no page of a browser.
        is_stated = any(name == b"origin" for name, _ in scope["headers"])
        if scope["method"] not in SAFE_METHODS and not is_stated:
            raise ForbiddenError(
                "A request with a session's cookie that changes something needs an Origin.",
                code="origin_missing",
            )
        self._sessions.note_use(found)
        return Principal(
            account_id=account.id,
            username=account.username,
            scopes=account.held_scopes,
            method="session",
            client=DASHBOARD,
            session_id=found.id,
        )

    async def _find(self, secret: str, *, address: str) -> StoredSession | None:
        if not secret.startswith(PREFIX):
            return None
        if known := self._sessions.cached(secret):
            return known
        async with self._throttle.guess(address=address) as guessed:
            found = await self._sessions.find(secret)
            guessed.append(found is not None)
        return found
