"""How often one key may do something in a moving window, in this process."""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Callable

WINDOW_SECONDS = 60.0
MAX_REMEMBERED = 10_000


class CommandLimiter:
    """A moving window for each key, a person's for example.

    Args:
        most: in one window; None: no limit.
    """

    def __init__(
        self,
        most: int | None,
        *,
        window_seconds: float = WINDOW_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most = most
        self._window_seconds = window_seconds
        self._clock = clock
        self._sent: OrderedDict[int, deque[float]] = OrderedDict()

    def seconds_to_wait(self, key: int) -> float:
        """0: it may be done, and counts. Otherwise it does not count."""
        if self._most is None:
            return 0
        now = self._clock()
        sent = self._sent.setdefault(key, deque(maxlen=self._most))
        self._sent.move_to_end(key)
        while len(self._sent) > MAX_REMEMBERED:
            self._sent.popitem(last=False)
        if len(sent) == self._most and now - sent[0] < self._window_seconds:
            return self._window_seconds - (now - sent[0])
        sent.append(now)
        return 0

    def take_back(self, key: int) -> None:
        """The newest one does not count after all."""
        if self._sent.get(key):
            self._sent[key].pop()
