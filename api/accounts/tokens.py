"""Issues and verifies short-lived bearer tokens.

A token states when its owner logged in, so that renewals end some hours after that. The algorithm
is fixed and `kid` names the key. Two keys are accepted, so that the secret can be rotated without
ending sessions.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import jwt
from cachetools import LRUCache

from common.errors import DialyticsError

ALGORITHM = "HS256"
ISSUER = "dialytics"
AUDIENCE = "dialytics-api"
MAX_CHECKED = 10_000
MAX_ID = 2**63 - 1
REQUIRED = ("exp", "iat", "iss", "aud", "sub", "jti", "scope", "ver", "auth_time")


class TokenError(DialyticsError):
    """The token is invalid, or it was valid and has expired."""

    def __init__(self, message: str, *, is_expired: bool = False) -> None:
        super().__init__(message)
        self.is_expired = is_expired


@dataclass(frozen=True, slots=True)
class Claims:
    account_id: int
    credentials_version: int
    scopes: frozenset[str]
    client: str
    logged_in_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A new token and its lifetime."""

    token: str
    seconds: int


def now_utc() -> datetime:
    return datetime.now(UTC)


class Tokens:
    """Issues tokens with the current secret and accepts those of the previous one too.

    Args:
        secret: at least 32 bytes.
        previous: the secret before the last rotation, or None.
        lifetime: at most 15 minutes.
        session: how long after the login a token may be renewed.
        clock: the current time; tests move it.
    """

    def __init__(
        self,
        secret: str,
        *,
        previous: str | None,
        lifetime: timedelta,
        session: timedelta,
        clock: Callable[[], datetime] = now_utc,
    ) -> None:
        self._kid = _key_id(secret)
        self._keys = {_key_id(each): each for each in (previous, secret) if each}
        self._secret = secret
        self._clock = clock
        self._checked: LRUCache[bytes, Claims] = LRUCache(MAX_CHECKED)
        self._lifetime = lifetime
        self._session = session

    def issue(
        self,
        account_id: int,
        *,
        credentials_version: int,
        scopes: Collection[str],
        client: str,
        logged_in_at: datetime | None = None,
    ) -> IssuedToken:
        """A signed token. `logged_in_at` is that of the token it renews; default: now.

        Raises:
            TokenError: the session has ended.
        """
        now = self._clock().replace(microsecond=0)
        logged_in_at = logged_in_at or now
        lifetime = min(self._lifetime, logged_in_at + self._session - now)
        if lifetime <= timedelta():
            raise TokenError("the session has ended", is_expired=True)
        token = jwt.encode(
            {
                "iss": ISSUER,
                "aud": AUDIENCE,
                "sub": str(account_id),
                "iat": now,
                "exp": now + lifetime,
                "auth_time": int(logged_in_at.timestamp()),
                "jti": secrets.token_hex(8),
                "scope": " ".join(sorted(scopes)),
                "ver": credentials_version,
                "client": client,
            },
            self._secret,
            algorithm=ALGORITHM,
            headers={"kid": self._kid},
        )
        return IssuedToken(token, int(lifetime.total_seconds()))

    def read(self, token: str) -> Claims:
        """The claims of a valid token.

        Raises:
            TokenError: it is invalid or has expired.
        """
        # The signature is checked once, the time on every call.
        fingerprint = hashlib.sha256(token.encode()).digest()
        found = self._checked.get(fingerprint)
        if found is None:
            found = self._check(token)
            self._checked[fingerprint] = found
        if found.expires_at <= self._clock():
            raise TokenError("expired", is_expired=True)
        return found

    def _check(self, token: str) -> Claims:
        try:
            key = self._keys.get(str(jwt.get_unverified_header(token).get("kid")))
            if key is None:
                raise TokenError("signed by an unknown key")
            # Times are checked below, with the injected clock.
            claims = jwt.decode(
                token,
                key,
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                issuer=ISSUER,
                options={"require": list(REQUIRED), "verify_exp": False, "verify_iat": False},
            )
            issued, expires = int(claims["iat"]), int(claims["exp"])
            found = Claims(
                account_id=int(claims["sub"]),
                credentials_version=int(claims["ver"]),
                scopes=frozenset(str(claims["scope"]).split()),
                client=str(claims.get("client", "")),
                logged_in_at=datetime.fromtimestamp(int(claims["auth_time"]), UTC),
                expires_at=datetime.fromtimestamp(expires, UTC),
            )
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError) as error:
            raise TokenError("not a token of this API") from error
        if not 0 < found.account_id <= MAX_ID:
            raise TokenError("no valid account id")
        now = self._clock().timestamp()
        if expires - issued > self._lifetime.total_seconds() + 1 or issued > now + 60:
            raise TokenError("valid for longer than allowed")
        return found


def _key_id(secret: str) -> str:
    return hashlib.sha256(b"kid:" + secret.encode()).hexdigest()[:12]
