"""Connections of readers that wait for the next query of their kind. Knows no statements.

A new connection and its settings cost a tenth of a report, and its first query is slower than
the next. Nothing that a reader may ask changes a connection, so it can be used again.
"""

from __future__ import annotations

from threading import Lock
from typing import Any, NamedTuple

MOST_IDLE = 64
"""Each holds up to 0.4 MiB."""


class Kind(NamedTuple):
    """Connections of one kind can stand in for each other."""

    database: str
    settings: tuple[tuple[str, str], ...]


class Idle:
    """The connections, those used last at the end. Shared by threads."""

    def __init__(self, *, most: int = MOST_IDLE) -> None:
        self._most = most
        self._connections: list[tuple[Kind, Any]] = []
        self._lock = Lock()
        self._is_closed = False

    def take(self, kind: Kind) -> Any | None:
        """A connection of this kind, for the caller alone."""
        with self._lock:
            for place in range(len(self._connections) - 1, -1, -1):
                if self._connections[place][0] == kind:
                    return self._connections.pop(place)[1]
        return None

    def give(self, kind: Kind, connection: Any) -> None:
        """Keep a connection that nobody uses; the one that waited longest may be closed for it."""
        with self._lock:
            self._connections.append((kind, connection))
            surplus = 0 if self._is_closed else self._most
            leaving = self._connections[: max(0, len(self._connections) - surplus)]
            del self._connections[: len(leaving)]
        _close(leaving)

    def close(self) -> None:
        """Close all that wait, and keep none from now on."""
        with self._lock:
            self._is_closed = True
            leaving, self._connections = self._connections, []
        _close(leaving)


def _close(connections: list[tuple[Kind, Any]]) -> None:
    for _, connection in connections:
        connection.close()
