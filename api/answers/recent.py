"""Remembers the requests of the last minute, without the accounts that sent them."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator

from api.answers.report_query import ReportRequest

REMEMBERED_SECONDS = 60.0
MAX_REQUESTS = 64
MAX_KEY_LENGTH = 4096
"""Longer requests are not remembered, to bound memory."""


class RecentRequests:
    """At most `MAX_REQUESTS`; the oldest is dropped first."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._requests: OrderedDict[Hashable, tuple[float, ReportRequest]] = OrderedDict()

    def find(self, key: Hashable) -> ReportRequest | None:
        """The remembered request with this key, so that it need not be parsed again."""
        found = self._requests.get(key)
        return found[1] if found else None

    def remember(self, request: ReportRequest) -> None:
        """Record that the request was made now."""
        if request.key not in self._requests and len(repr(request.key)) > MAX_KEY_LENGTH:
            return
        self._requests[request.key] = (self._clock(), request)
        self._requests.move_to_end(request.key)
        if len(self._requests) > MAX_REQUESTS:
            self._requests.popitem(last=False)

    def forget(self, request: ReportRequest) -> None:
        """Drop the request until it is made again."""
        self._requests.pop(request.key, None)

    def newest_first(self) -> Iterator[ReportRequest]:
        """The requests of the last minute; drops older ones."""
        oldest = self._clock() - REMEMBERED_SECONDS
        for made_at, request in reversed(tuple(self._requests.values())):
            if made_at < oldest:
                self.forget(request)
            else:
                yield request
