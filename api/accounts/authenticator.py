"""Authenticates requests: turns an Authorization header into a principal.

All failures look the same: a caller cannot tell an unknown name, a wrong password and a disabled
account apart, neither by the response nor by its time.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from dataclasses import replace

from api.accounts.account_cache import AccountCache
from api.accounts.credentials import CredentialCache
from api.accounts.keys.authentication import KeyAuthenticator
from api.accounts.passwords import PasswordHasher
from api.accounts.scopes import Principal, held_scopes
from api.accounts.store import AccountRepository, ApiAccount, normalise_username
from api.accounts.throttle import LoginThrottle
from api.accounts.tokens import TokenError, Tokens
from api.audit.events import AuditKind, current_origin
from api.audit.trail import AuditTrail
from api.errors import NotAuthenticatedError, TooManyAttemptsError
from common.settings import API_KEY_PREFIX

MAX_HEADER_BYTES = 8192


class Authenticator:
    """Checks passwords and tokens."""

    def __init__(
        self,
        *,
        accounts: AccountRepository,
        account_cache: AccountCache,
        passwords: PasswordHasher,
        credentials: CredentialCache,
        throttle: LoginThrottle,
        tokens: Tokens,
        trail: AuditTrail,
        keys: KeyAuthenticator,
    ) -> None:
        self._accounts = accounts
        self._account_cache = account_cache
        self._passwords = passwords
        self._credentials = credentials
        self._throttle = throttle
        self._tokens = tokens
        self._trail = trail
        self._keys = keys
        self._in_flight: dict[bytes, asyncio.Task[ApiAccount | None]] = {}

    async def identify(self, header: bytes, *, address: str) -> Principal:
        """The principal of an Authorization header.

        Raises:
            NotAuthenticatedError: the credentials are invalid.
            TooManyAttemptsError: too many failures before.
            ServiceUnavailableError: they cannot be checked now.
        """
        scheme, _, rest = header.partition(b" ")
        if len(header) > MAX_HEADER_BYTES:
            raise _refused(asks_for_password=True)
        match scheme.lower():
            case b"bearer":
                credential = rest.strip()
                if credential.startswith(API_KEY_PREFIX.encode()):
                    return await self._keys.identify(credential, address=address)
                return await self._authenticate_bearer(credential)
            case b"basic":
                return await self._authenticate_basic(rest.strip(), address=address)
        raise _refused(asks_for_password=True)

    async def check_password(
        self,
        username: str,
        password: str,
        *,
        address: str,
        has_token: bool = False,
        asks_for_password: bool = False,
    ) -> ApiAccount:
        """The account of a username and password.

        Args:
            username: in any spelling.
            password: as the client sent it.
            address: the client's network, by which failures are counted.
            has_token: the request also carries a token of this account.
            asks_for_password: on failure a browser may show its own login dialog.

        Raises:
            NotAuthenticatedError: they are invalid.
            TooManyAttemptsError: too many failures before.
        """
        fingerprint = self._credentials.fingerprint(
            b"%b:%b"
            % (
                username.encode("utf-8", "surrogatepass"),
                password.encode("utf-8", "surrogatepass"),
            )
        )
        known = self._credentials.get(fingerprint)
        account = await self._account_cache.account(known) if known is not None else None
        if account is None:
            try:
                account = await asyncio.shield(
                    self._shared_check(
                        fingerprint, username, password, address=address, has_token=has_token
                    )
                )
            except TooManyAttemptsError as error:
                self._count_failure(username, error.code)
                raise
        elif self._credentials.is_aging(fingerprint):
            # Checked again in the background, so that no request waits for a hash while in use.
            self._shared_check(fingerprint, username, password, address=address, has_token=True)
        if account is None or account.is_disabled:
            failure = _refused(asks_for_password=asks_for_password)
            self._count_failure(username, failure.code)
            raise failure
        return account

    def _count_failure(self, username: str, reason: str) -> None:
        # Whether the name exists is not recorded: the trail is as silent as the answer.
        origin = replace(current_origin.get(), actor_id=None, actor=username)
        self._trail.count(AuditKind.LOGIN_FAILED, origin=origin, reason=reason)

    def _shared_check(
        self, fingerprint: bytes, username: str, password: str, *, address: str, has_token: bool
    ) -> asyncio.Task[ApiAccount | None]:
        """The check of these credentials: concurrent requests share one."""
        task = self._in_flight.get(fingerprint)
        if task is None:
            task = asyncio.create_task(
                self._check(fingerprint, username, password, address=address, has_token=has_token)
            )
            self._in_flight[fingerprint] = task
            task.add_done_callback(lambda done: self._finish_check(fingerprint, done))
        return task

    def _finish_check(self, fingerprint: bytes, task: asyncio.Task[ApiAccount | None]) -> None:
        self._in_flight.pop(fingerprint, None)
        if not task.cancelled():
            task.exception()  # marks it as retrieved: a background check has no caller

    async def _check(
        self, fingerprint: bytes, username: str, password: str, *, address: str, has_token: bool
    ) -> ApiAccount | None:
        generation = self._account_cache.generation
        account = await self._verify(username, password, address=address, has_token=has_token)
        if account is None:
            self._credentials.forget(fingerprint)
        elif self._account_cache.is_listening and generation == self._account_cache.generation:
            # Remembered only while changes are heard, which end it.
            self._credentials.put(fingerprint, account.id)
        return account

    async def _verify(
        self, username: str, password: str, *, address: str, has_token: bool
    ) -> ApiAccount | None:
        name = normalise_username(username)
        async with self._throttle.attempt(
            username=name, address=address, has_token=has_token
        ) as succeeded:
            account = await self._accounts.by_username(name)
            stored = account.password_hash if account else None
            is_correct = await self._passwords.verify(password, stored)
            if account is None or not is_correct or account.is_disabled:
                return None
            succeeded.append(True)
        if self._passwords.is_outdated(account.password_hash):
            renewed = await self._passwords.hash(password)
            await self._accounts.renew_hash(account.id, old=account.password_hash, new=renewed)
        return account

    async def _authenticate_basic(self, encoded: bytes, *, address: str) -> Principal:
        try:
            decoded = base64.b64decode(encoded, validate=True).decode()
        except (binascii.Error, ValueError):
            raise _refused(asks_for_password=True) from None
        username, separator, password = decoded.partition(":")
        if not separator:
            raise _refused(asks_for_password=True)
        account = await self.check_password(
            username, password, address=address, asks_for_password=True
        )
        self._trail.count(
            AuditKind.LOGIN,
            origin=replace(current_origin.get(), actor_id=account.id, actor=account.username),
            method="basic",
        )
        return Principal(
            account_id=account.id,
            username=account.username,
            scopes=account.held_scopes,
            method="basic",
        )

    async def _authenticate_bearer(self, token: bytes) -> Principal:
        try:
            claims = self._tokens.read(token.decode("ascii"))
        except UnicodeDecodeError:
            raise _invalid_token() from None
        except TokenError as error:
            raise _invalid_token(is_expired=error.is_expired) from None
        account = _require_valid(
            await self._account_cache.account(claims.account_id), claims.credentials_version
        )
        return Principal(
            account_id=account.id,
            username=account.username,
            scopes=held_scopes(claims.scopes) & account.held_scopes,
            method="bearer",
            client=claims.client,
            logged_in_at=claims.logged_in_at,
            credentials_version=claims.credentials_version,
        )

    async def get_renewable(self, principal: Principal) -> ApiAccount:
        """The account whose token may be renewed.

        Read from the database: the cached account may be older than a change that is not announced
        yet, and the new token outlives it.

        Raises:
            NotAuthenticatedError: the account was disabled, or its password was changed.
        """
        return _require_valid(
            await self._accounts.by_id(principal.account_id), principal.credentials_version
        )


def _require_valid(account: ApiAccount | None, credentials_version: int | None) -> ApiAccount:
    """The account, if tokens of this version are still valid."""
    if account is None or account.is_disabled or account.credentials_version != credentials_version:
        raise _invalid_token()
    return account


def _refused(*, asks_for_password: bool = False) -> NotAuthenticatedError:
    return NotAuthenticatedError(
        "Invalid username or password.",
        code="invalid_credentials",
        asks_for_password=asks_for_password,
    )


def _invalid_token(*, is_expired: bool = False) -> NotAuthenticatedError:
    if is_expired:
        return NotAuthenticatedError("The token has expired.", code="token_expired")
    return NotAuthenticatedError("Invalid token. Log in again.", code="invalid_credentials")
