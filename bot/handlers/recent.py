"""Remembers what people were told last, so that one cause is one notice."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

QUIET_SECONDS = 60.0
"""So long the same notice is not said again to the same person in the same chat."""
MAX_REMEMBERED = 10_000

Hearer = tuple[bytes, int]
"""A lane and a person's key."""


class RecentNotices:
    """The last notice of each person in each chat; of this process alone."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last: OrderedDict[Hearer, tuple[str, float]] = OrderedDict()

    def is_news(self, hearer: Hearer, notice: str) -> bool:
        """Whether this notice is to be said now; it counts as said then."""
        now = self._clock()
        said, at = self._last.get(hearer, ("", 0.0))
        if said == notice and now - at < QUIET_SECONDS:
            return False
        self._last[hearer] = (notice, now)
        self._last.move_to_end(hearer)
        while len(self._last) > MAX_REMEMBERED:
            self._last.popitem(last=False)
        return True

    def forget(self, hearer: Hearer) -> None:
        """An answer came in between: the next notice is news."""
        self._last.pop(hearer, None)
