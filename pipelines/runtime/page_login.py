"""Asks the API who a request to Dagster's page is from, and remembers the answer for a minute."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import time
from collections.abc import Callable
from http import HTTPStatus

import aiohttp

from common.log import get_logger
from pipelines.errors import PipelineError

WHO_AM_I = "/api/v1/auth/me"
REMEMBER_SECONDS = 60.0
ASK_SECONDS = 10.0
MAX_CREDENTIALS_BYTES = 8192
RETRY_SECONDS = 5

log = get_logger(__name__)


class LoginRefusedError(PipelineError):
    """The API does not know these credentials."""


class LoginUnavailableError(PipelineError):
    """The API cannot say now whose credentials these are."""

    def __init__(self, message: str, *, retry_after: str = str(RETRY_SECONDS)) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class ApiLogin:
    """Accounts of the API, asked over HTTP.

    Args:
        url: of the API, without a path.
    """

    def __init__(self, url: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._url = url.rstrip("/") + WHO_AM_I
        self._clock = clock
        # Credentials are kept as digests under a key of this process.
        self._key = secrets.token_bytes(32)
        self._remembered: dict[bytes, tuple[float, frozenset[str]]] = {}
        self._asking: dict[bytes, asyncio.Task[frozenset[str]]] = {}

    async def scopes(self, authorization: bytes, *, address: str) -> frozenset[str]:
        """The permissions of the account behind an Authorization header.

        Args:
            authorization: its value.
            address: the client's, by which the API slows wrong passwords down.

        Raises:
            LoginRefusedError: there is no such account.
            LoginUnavailableError: the API does not answer, or limits this account.
        """
        if len(authorization) > MAX_CREDENTIALS_BYTES:
            raise LoginRefusedError("The credentials are too long.")
        digest = hashlib.blake2b(authorization, key=self._key).digest()
        until, known = self._remembered.get(digest, (0.0, frozenset()))
        if self._clock() < until:
            return known
        task = self._asking.get(digest)
        if task is None:
            # A page asks for many things at once: the API is asked once.
            task = asyncio.create_task(self._ask(authorization, address=address))
            self._asking[digest] = task
            task.add_done_callback(lambda done: self._answered(digest, done))
        return await asyncio.shield(task)

    def _answered(self, digest: bytes, task: asyncio.Task[frozenset[str]]) -> None:
        del self._asking[digest]
        now = self._clock()
        self._remembered = {
            other: kept for other, kept in self._remembered.items() if now < kept[0]
        }
        if not task.cancelled() and task.exception() is None:
            self._remembered[digest] = (now + REMEMBER_SECONDS, task.result())

    async def _ask(self, authorization: bytes, *, address: str) -> frozenset[str]:
        headers = {
            "Authorization": authorization.decode("latin-1"),
            "X-Forwarded-For": address,
        }
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ASK_SECONDS)) as session,
                session.get(self._url, headers=headers, allow_redirects=False) as answer,
            ):
                if answer.status == HTTPStatus.OK:
                    return frozenset((await answer.json())["granted_scopes"])
                status, wait = answer.status, answer.headers.get("Retry-After", str(RETRY_SECONDS))
        except (aiohttp.ClientError, TimeoutError, ValueError, KeyError, TypeError) as error:
            log.warning("login_not_checked", url=self._url, cause=type(error).__name__)
            raise LoginUnavailableError(
                "The API does not answer, so logging in is not possible."
            ) from error
        if status == HTTPStatus.UNAUTHORIZED:
            raise LoginRefusedError("The API does not know these credentials.")
        log.warning("login_not_checked", url=self._url, status=status)
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            raise LoginUnavailableError("Too many requests of this account.", retry_after=wait)
        raise LoginUnavailableError(f"The API answers {status}, so logging in is not possible.")
