"""Finds keys and sessions by a digest of their secret, cached until they change."""

from __future__ import annotations

import asyncio
from typing import Generic, Protocol, TypeVar

from cachetools import LRUCache, TTLCache

from api.accounts.account_cache import AccountCache
from common.encryption.digests import digest_of
from common.log import get_logger
from common.postgres import DRIVER_ERRORS

MAX_ENTRIES = 10_000
USE_SECONDS = 60.0
"""The time of the last use is written at most this often."""

log = get_logger(__name__)


class Credential(Protocol):
    """A key or a session."""

    @property
    def id(self) -> int: ...

    @property
    def account_id(self) -> int: ...


CredentialT = TypeVar("CredentialT", bound=Credential)
FoundT_co = TypeVar("FoundT_co", bound=Credential, covariant=True)


class SecretStore(Protocol[FoundT_co]):
    """Where the credentials are stored."""

    async def by_digest(self, digest: bytes) -> FoundT_co | None: ...

    async def touch(self, credential_id: int) -> None: ...


class SecretLookup(Generic[CredentialT]):
    """Credentials by digest. `account_cache` drops those of an account when it changes.

    Args:
        store: where they are stored.
        account_cache: hears of changes; without them nothing is cached.
    """

    def __init__(self, store: SecretStore[CredentialT], account_cache: AccountCache) -> None:
        self._store = store
        self._account_cache = account_cache
        self._known: LRUCache[bytes, CredentialT] = LRUCache(MAX_ENTRIES)
        self._used: TTLCache[int, bool] = TTLCache(MAX_ENTRIES, USE_SECONDS)
        self._writing: set[asyncio.Task[None]] = set()
        account_cache.attach(self)

    def cached(self, secret: str) -> CredentialT | None:
        """The credential, if it is known without asking the database."""
        return self._known.get(digest_of(secret))

    async def find(self, secret: str) -> CredentialT | None:
        """The credential of a secret; None if there is none."""
        digest = digest_of(secret)
        known = self._known.get(digest)
        if known is not None:
            return known
        generation = self._account_cache.generation
        found = await self._store.by_digest(digest)
        if (
            found is not None
            and self._account_cache.is_listening
            and generation == self._account_cache.generation
        ):
            self._known[digest] = found
        return found

    def note_use(self, credential: CredentialT) -> None:
        """Write the time of its last use in the background, at most once a minute."""
        if credential.id in self._used:
            return
        self._used[credential.id] = True
        task = asyncio.create_task(self._touch(credential.id))
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    async def _touch(self, credential_id: int) -> None:
        try:
            await self._store.touch(credential_id)
        except DRIVER_ERRORS as error:
            log.warning("last_use_unwritten", error=type(error).__name__)

    async def close(self) -> None:
        """Wait for what is being written."""
        await asyncio.gather(*self._writing)

    def drop(self, account_id: int) -> None:
        """Drop one account's credentials."""
        for digest in [key for key, one in self._known.items() if one.account_id == account_id]:
            del self._known[digest]

    def clear(self) -> None:
        """Drop all."""
        self._known.clear()
