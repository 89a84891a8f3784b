"""Remembers the last notice sent to each user, to avoid repeating it."""

from __future__ import annotations

import time

from cachetools import FIFOCache

QUIET_SECONDS = 60.0
"""How long the same notice is not repeated to the same user in the same chat."""
MAX_REMEMBERED = 10_000

Recipient = tuple[bytes, int]
"""Chat key and user key."""


class RecentNotices:
    """The last notice to each user in each chat, in this process."""

    def __init__(self) -> None:
        self._last: FIFOCache[Recipient, tuple[str, float]] = FIFOCache(MAX_REMEMBERED)

    def is_new_notice(self, recipient: Recipient, notice: str) -> bool:
        """Whether to send this notice now; if so, it is recorded as sent."""
        now = time.monotonic()
        said, at = self._last.get(recipient, ("", 0.0))
        if said == notice and now - at < QUIET_SECONDS:
            return False
        self._last[recipient] = (notice, now)
        return True

    def forget(self, recipient: Recipient) -> None:
        """Forget the last notice: an answer was sent in between."""
        self._last.pop(recipient, None)
