"""Caches accounts in memory until PostgreSQL announces a change.

Several processes and the command line change accounts. A trigger announces each change on the
channel `api_users`, to which every process listens. Without that connection nothing is cached.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any, Protocol

import asyncpg
from cachetools import LRUCache

from api.accounts.credentials import CredentialCache
from api.accounts.store import AccountRepository, ApiAccount
from common.log import get_logger
from common.postgres import DRIVER_ERRORS

CHANNEL = "api_users"
MAX_ACCOUNTS = 10_000
RETRY_SECONDS = 1.0
PROBE_SECONDS = 5.0

log = get_logger(__name__)


class AccountPart(Protocol):
    """Something cached that is valid as long as its account does not change."""

    def drop(self, account_id: int) -> None: ...

    def clear(self) -> None: ...


class AccountCache:
    """Accounts by id, and the listener that drops changed ones."""

    def __init__(
        self, accounts: AccountRepository, credentials: CredentialCache, *, url: str
    ) -> None:
        self._accounts = accounts
        self._parts: list[AccountPart] = [credentials]
        self._url = url
        self._known: LRUCache[int, ApiAccount] = LRUCache(MAX_ACCOUNTS)
        self._is_listening = False
        self._task: asyncio.Task[None] | None = None
        self.generation = 0
        """Grows with every announced change: an account that was read before it may be outdated."""

    def attach(self, part: AccountPart) -> None:
        """Drop from this cache too what belongs to a changed account."""
        self._parts.append(part)

    @property
    def is_listening(self) -> bool:
        return self._is_listening

    async def account(self, account_id: int) -> ApiAccount | None:
        """The account, from memory or the database; None if there is none."""
        known = self._known.get(account_id)
        if known is not None:
            return known
        generation = self.generation
        account = await self._accounts.by_id(account_id)
        if account is not None and self._is_listening and generation == self.generation:
            self._known[account_id] = account
        return account

    def forget(self, account_id: int) -> None:
        """Drop one account with its credentials, keys and sessions."""
        self.generation += 1
        self._known.pop(account_id, None)
        for part in self._parts:
            part.drop(account_id)

    def _forget_all(self) -> None:
        self.generation += 1
        self._known.clear()
        for part in self._parts:
            part.clear()

    def start(self) -> None:
        """Start to listen in the background."""
        self._task = asyncio.create_task(self._listen(), name="account-changes")

    async def stop(self) -> None:
        """Stop listening."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _listen(self) -> None:
        while True:
            try:
                await self._listen_once()
            except DRIVER_ERRORS as error:
                log.warning("account_changes_unheard", error=type(error).__name__)
            finally:
                self._is_listening = False
                self._forget_all()
            await asyncio.sleep(RETRY_SECONDS)

    async def _listen_once(self) -> None:
        connection = await asyncpg.connect(
            self._url, timeout=5, server_settings={"application_name": "api-account-changes"}
        )
        try:
            await connection.add_listener(CHANNEL, self._on_change)
            self._forget_all()
            self._is_listening = True
            while True:
                # Detects a dead connection, which would otherwise hide all changes.
                await asyncio.sleep(PROBE_SECONDS)
                await connection.execute("SELECT 1", timeout=PROBE_SECONDS)
        finally:
            connection.terminate()

    def _on_change(self, _connection: Any, _pid: int, _channel: str, payload: object) -> None:
        self.forget(int(str(payload)))
