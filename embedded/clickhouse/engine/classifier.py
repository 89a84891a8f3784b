"""What the engine's parser says about statements, remembered.

Clients send the same few hundred statements with other parameters, and the parser takes half a
millisecond for one of a report's length.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

MOST_REMEMBERED = 512
LONGEST_REMEMBERED_BYTES = 16 * 1024


@dataclass(frozen=True)
class Classification:
    """What the parser sees in a text."""

    statements: int
    reads_only: bool
    """It leaves no trace."""


class Classifier:
    """Shared by all connections. Asking twice at once is harmless."""

    def __init__(self) -> None:
        self._known: dict[bytes, Classification] = {}

    def classify(self, connection: Any, text: bytes) -> Classification:
        """Ask the connection's parser, unless the text is known."""
        known = self._known.get(text)
        if known is None:
            found = connection.classify_query(text)
            known = Classification(
                statements=found["statement_count"],
                reads_only=found["query_class"].name == "READ_ONLY",
            )
            if len(text) <= LONGEST_REMEMBERED_BYTES:
                if len(self._known) >= MOST_REMEMBERED:
                    self._known.clear()
                self._known[text] = known
        return known
