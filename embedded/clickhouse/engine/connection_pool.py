"""Connections of readers that wait for the next query of their kind.

A new connection and its settings cost a tenth of a report, and its first query is slower than
the next. Nothing that a reader may ask changes a connection, so it can be used again.
"""

from __future__ import annotations

from threading import Lock
from typing import Any, NamedTuple

MAX_IDLE = 64
"""Each holds up to 0.4 MiB."""


class ConnectionKind(NamedTuple):
    """Connections of one kind can replace each other."""

    database: str
    settings: tuple[tuple[str, str], ...]


class ConnectionPool:
    """Idle connections, the last used at the end. Shared by threads."""

    def __init__(self) -> None:
        self._max_idle = MAX_IDLE
        self._idle: list[tuple[ConnectionKind, Any]] = []
        self._lock = Lock()

    def take(self, kind: ConnectionKind) -> Any | None:
        """A connection of this kind, for the caller alone."""
        with self._lock:
            for place in range(len(self._idle) - 1, -1, -1):
                if self._idle[place][0] == kind:
                    return self._idle.pop(place)[1]
        return None

    def give_back(self, kind: ConnectionKind, connection: Any) -> None:
        """Keep an idle connection. Above the maximum, the one idle longest is closed."""
        with self._lock:
            self._idle.append((kind, connection))
            surplus = self._idle[: max(0, len(self._idle) - self._max_idle)]
            del self._idle[: len(surplus)]
        for _, idle in surplus:
            idle.close()

    def close(self) -> None:
        """Close all idle connections, and keep none from now on."""
        self._max_idle = 0
        with self._lock:
            idle, self._idle = self._idle, []
        for _, connection in idle:
            connection.close()
