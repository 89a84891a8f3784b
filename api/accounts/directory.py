"""The accounts in use, kept in memory and dropped the moment PostgreSQL announces a change.

Several processes and the command line change accounts, so a change is announced by a trigger on
channel `api_users` and heard by every process. While nobody listens, nothing is kept.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from typing import Any

import asyncpg

from api.accounts.credentials import CredentialCache
from api.accounts.store import Account, Accounts
from common.log import get_logger
from common.postgres import DRIVER_ERRORS

CHANNEL = "api_users"
MOST_ACCOUNTS = 10_000
RETRY_SECONDS = 1.0
PROBE_SECONDS = 5.0

log = get_logger(__name__)


class Directory:
    """Accounts by id, and the listener that keeps them true."""

    def __init__(self, accounts: Accounts, credentials: CredentialCache, *, url: str) -> None:
        self._accounts = accounts
        self._credentials = credentials
        self._url = url
        self._known: OrderedDict[int, Account] = OrderedDict()
        self._is_listening = False
        self._task: asyncio.Task[None] | None = None
        self.generation = 0
        """Grows with every change heard; what was read before one may be outdated."""

    @property
    def is_listening(self) -> bool:
        return self._is_listening

    async def account(self, account_id: int) -> Account | None:
        """The account as it is now."""
        known = self._known.get(account_id)
        if known is not None:
            return known
        generation = self.generation
        account = await self._accounts.by_id(account_id)
        if account is not None and self._is_listening and generation == self.generation:
            self._known[account_id] = account
            while len(self._known) > MOST_ACCOUNTS:
                self._known.popitem(last=False)
        return account

    def forget(self, account_id: int) -> None:
        """Drop what is known about one account."""
        self.generation += 1
        self._known.pop(account_id, None)
        self._credentials.drop(account_id)

    def _forget_all(self) -> None:
        self.generation += 1
        self._known.clear()
        self._credentials.clear()

    def start(self) -> None:
        """Begin to listen, in the background."""
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
                # A connection that died without a word would hide changes for ever.
                await asyncio.sleep(PROBE_SECONDS)
                await connection.execute("SELECT 1", timeout=PROBE_SECONDS)
        finally:
            connection.terminate()

    def _on_change(self, _connection: Any, _pid: int, _channel: str, payload: object) -> None:
        self.forget(int(str(payload)))
