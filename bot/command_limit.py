"""How many commands one person may send in a minute, in this process."""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Callable

WINDOW_SECONDS = 60.0
MAX_REMEMBERED = 10_000


class CommandLimiter:
    """A moving window for each person.

    Args:
        per_minute: None: no limit.
    """

    def __init__(
        self, per_minute: int | None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._per_minute = per_minute
        self._clock = clock
        self._sent: OrderedDict[int, deque[float]] = OrderedDict()

    def seconds_to_wait(self, user_key: int) -> float:
        """0: the command may run, and counts. Otherwise it does not count."""
        if self._per_minute is None:
            return 0
        now = self._clock()
        sent = self._sent.setdefault(user_key, deque(maxlen=self._per_minute))
        self._sent.move_to_end(user_key)
        while len(self._sent) > MAX_REMEMBERED:
            self._sent.popitem(last=False)
        if len(sent) == self._per_minute and now - sent[0] < WINDOW_SECONDS:
            return WINDOW_SECONDS - (now - sent[0])
        sent.append(now)
        return 0
