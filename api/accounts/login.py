"""Who is asking: turns an Authorization header into a principal. Knows no route.

One answer for everything that does not hold: a caller cannot tell an unknown name, a wrong
password and a disabled account apart, neither by the body nor by the time it takes.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from api.accounts.credentials import CredentialCache
from api.accounts.directory import Directory
from api.accounts.passwords import Passwords
from api.accounts.scopes import Scope
from api.accounts.store import Account, Accounts, normalise_username
from api.accounts.throttle import LoginThrottle
from api.accounts.tokens import TokenError, Tokens
from api.errors import NotAuthenticatedError

LONGEST_HEADER = 8192
DASHBOARD = "dashboard"


@dataclass(frozen=True, slots=True)
class Principal:
    """An account and what this request of it may do."""

    account_id: int
    username: str
    scopes: frozenset[str]
    method: Literal["basic", "bearer"]
    client: str = ""
    """Who asked for the token."""
    logged_in_at: datetime | None = None
    """When the password was given for the token, or for the one that it renewed."""
    credentials_version: int | None = None
    """Of the token: another password makes it another one."""

    @property
    def is_dashboard(self) -> bool:
        return self.client == DASHBOARD

    def may(self, scope: Scope) -> bool:
        return scope.value in self.scopes


class Login:
    """Checks credentials and tokens, as cheaply as is safe."""

    def __init__(
        self,
        *,
        accounts: Accounts,
        directory: Directory,
        passwords: Passwords,
        credentials: CredentialCache,
        throttle: LoginThrottle,
        tokens: Tokens,
    ) -> None:
        self._accounts = accounts
        self._directory = directory
        self._passwords = passwords
        self._credentials = credentials
        self._throttle = throttle
        self._tokens = tokens
        self._under_way: dict[bytes, asyncio.Task[Account | None]] = {}

    async def identify(self, header: bytes, *, address: str) -> Principal:
        """The principal of an Authorization header.

        Raises:
            NotAuthenticatedError: the credentials do not hold.
            TooManyAttemptsError: too many did not hold before.
            UnavailableError: they cannot be checked now.
        """
        scheme, _, rest = header.partition(b" ")
        if len(header) > LONGEST_HEADER:
            raise _refused(asks_for_password=True)
        match scheme.lower():
            case b"bearer":
                return await self._by_token(rest.strip())
            case b"basic":
                return await self._by_basic(rest.strip(), address=address)
        raise _refused(asks_for_password=True)

    async def check_password(
        self,
        username: str,
        password: str,
        *,
        address: str,
        has_token: bool = False,
        asks_for_password: bool = False,
    ) -> Account:
        """The account that these credentials open. `has_token`: they come with one of its tokens.

        Raises:
            NotAuthenticatedError: none.
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
        account = await self._directory.account(known) if known is not None else None
        if account is None:
            account = await asyncio.shield(
                self._checking(
                    fingerprint, username, password, address=address, has_token=has_token
                )
            )
        elif self._credentials.is_aging(fingerprint):
            # Checked anew behind this answer, so that no request waits for a hash while in use.
            self._checking(fingerprint, username, password, address=address, has_token=True)
        if account is None or account.is_disabled:
            raise _refused(asks_for_password=asks_for_password)
        return account

    def _checking(
        self, fingerprint: bytes, username: str, password: str, *, address: str, has_token: bool
    ) -> asyncio.Task[Account | None]:
        """The check of credentials that is under way; sent many times at once, hashed once."""
        task = self._under_way.get(fingerprint)
        if task is None:
            task = asyncio.create_task(
                self._check(fingerprint, username, password, address=address, has_token=has_token)
            )
            self._under_way[fingerprint] = task
            task.add_done_callback(lambda done: self._checked(fingerprint, done))
        return task

    def _checked(self, fingerprint: bytes, task: asyncio.Task[Account | None]) -> None:
        self._under_way.pop(fingerprint, None)
        if not task.cancelled():
            task.exception()  # whoever waits for it raises it; behind an answer nobody does

    async def _check(
        self, fingerprint: bytes, username: str, password: str, *, address: str, has_token: bool
    ) -> Account | None:
        generation = self._directory.generation
        account = await self._verify(username, password, address=address, has_token=has_token)
        if account is None:
            self._credentials.forget(fingerprint)
        elif self._directory.is_listening and generation == self._directory.generation:
            # Only who hears of a change can forget what it ends.
            self._credentials.put(fingerprint, account.id)
        return account

    async def _verify(
        self, username: str, password: str, *, address: str, has_token: bool
    ) -> Account | None:
        name = normalise_username(username)
        async with self._throttle.attempt(
            username=name, address=address, has_token=has_token
        ) as succeeded:
            account = await self._accounts.by_username(name)
            stored = account.password_hash if account else None
            holds = await self._passwords.verify(password, stored)
            if account is None or not holds or account.is_disabled:
                return None
            succeeded.append(True)
        if self._passwords.is_outdated(account.password_hash):
            renewed = await self._passwords.hash(password)
            await self._accounts.renew_hash(account.id, old=account.password_hash, new=renewed)
        return account

    async def _by_basic(self, encoded: bytes, *, address: str) -> Principal:
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
        return Principal(
            account_id=account.id,
            username=account.username,
            scopes=account.scopes,
            method="basic",
        )

    async def _by_token(self, token: bytes) -> Principal:
        try:
            claims = self._tokens.read(token.decode("ascii"))
        except UnicodeDecodeError:
            raise _refused() from None
        except TokenError as error:
            code = "token_expired" if error.is_expired else None
            raise _refused(code=code) from None
        account = _open(
            await self._directory.account(claims.account_id), claims.credentials_version
        )
        return Principal(
            account_id=account.id,
            username=account.username,
            scopes=claims.scopes & account.scopes,
            method="bearer",
            client=claims.client,
            logged_in_at=claims.logged_in_at,
            credentials_version=claims.credentials_version,
        )

    async def renewable(self, principal: Principal) -> Account:
        """The account of a token, read from the database: what is issued now outlives this moment.

        What is kept in memory may be older than a change whose announcement is still on its way.

        Raises:
            NotAuthenticatedError: it was closed, or its password was changed.
        """
        return _open(
            await self._accounts.by_id(principal.account_id), principal.credentials_version
        )


def _open(account: Account | None, credentials_version: int | None) -> Account:
    """The account, if a token of this version still opens it."""
    if account is None or account.is_disabled or account.credentials_version != credentials_version:
        raise _refused()
    return account


def _refused(*, asks_for_password: bool = False, code: str | None = None) -> NotAuthenticatedError:
    if code == "token_expired":
        return NotAuthenticatedError("The token has expired.", code=code)
    return NotAuthenticatedError(
        "The credentials do not hold.",
        code="invalid_credentials",
        asks_for_password=asks_for_password,
    )
