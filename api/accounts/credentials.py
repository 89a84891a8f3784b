"""Caches verified Basic credentials for a short time.

Only successes are cached, under an HMAC of the credentials with a random key per process: neither
memory nor a core dump reveals a password.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import time
from collections.abc import Callable

from cachetools import TTLCache

MAX_ENTRIES = 10_000


class CredentialCache:
    """HMAC of (username, password) → account id.

    Args:
        seconds: lifetime of an entry. 0 disables the cache.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        *,
        seconds: float,
        max_entries: int = MAX_ENTRIES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._key = os.urandom(32)
        self._seconds = seconds
        self._clock = clock
        self._entries: TTLCache[bytes, tuple[int, float]] = TTLCache(
            max_entries, seconds, timer=clock
        )

    def __len__(self) -> int:
        return len(self._entries)

    def fingerprint(self, credentials: bytes) -> bytes:
        """A key for the credentials, useless outside this process."""
        return hmac.digest(self._key, credentials, hashlib.sha256)

    def get(self, fingerprint: bytes) -> int | None:
        """The id of the account, if the credentials were verified a short time ago."""
        entry = self._entries.get(fingerprint)
        return entry[0] if entry else None

    def is_aging(self, fingerprint: bytes) -> bool:
        """Whether an entry has less than half of its lifetime left."""
        entry = self._entries.get(fingerprint)
        return entry is not None and entry[1] - self._clock() < self._seconds / 2

    def put(self, fingerprint: bytes, account_id: int) -> None:
        """Cache verified credentials."""
        self._entries[fingerprint] = (account_id, self._clock() + self._seconds)

    def forget(self, fingerprint: bytes) -> None:
        """Drop these credentials."""
        self._entries.pop(fingerprint, None)

    def drop(self, account_id: int) -> None:
        """Drop one account's credentials."""
        for fingerprint in [key for key, entry in self._entries.items() if entry[0] == account_id]:
            self._entries.pop(fingerprint, None)  # it may just have expired

    def clear(self) -> None:
        """Drop all entries."""
        self._entries.clear()
