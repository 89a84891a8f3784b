"""How far live traffic has come: kept in a file, so that nothing is sent twice. Knows no HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from itertools import count
from pathlib import Path

import orjson

from common.errors import SettingError
from simulator.demo.datafile import Dialogs, Line, Tally
from simulator.demo.traffic import MadeUpDialogs

# Live messages arrive now, whatever day they were made up for: a fixed one makes the same ones.
LAST_DAY = date(2026, 1, 1)


class Position:
    """The number of messages of a source that were sent, in a file.

    Args:
        source: whose messages are counted; the count of another source says nothing.
    """

    def __init__(self, path: Path, *, source: str) -> None:
        self._path = path
        self._source = source

    @property
    def sent(self) -> int:
        """Messages passed already; 0 for a new file or another source."""
        try:
            kept = orjson.loads(self._path.read_bytes())
        except (OSError, orjson.JSONDecodeError):
            return 0
        if not isinstance(kept, dict) or kept.get("source") != self._source:
            return 0
        sent = kept.get("sent")
        return sent if isinstance(sent, int) and sent >= 0 else 0

    def keep(self, sent: int) -> None:
        """Remember a new count, whole or not at all.

        Raises:
            SettingError: the file cannot be written, naming DATA_DIR.
        """
        partial = self._path.with_suffix(".partial")
        try:
            partial.write_bytes(orjson.dumps({"source": self._source, "sent": sent}))
            partial.replace(self._path)
        except OSError as error:
            raise SettingError("DATA_DIR", f"cannot write {self._path}: {error}") from error


class Endless:
    """Dialogs that never end: after those of a file come made up ones, always new.

    Args:
        first: what is said before; None: nothing.
    """

    def __init__(self, first: Dialogs | None, *, people: int, days: int) -> None:
        self._first = first
        self._people = people
        self._days = days

    def lines(self, tally: Tally | None = None) -> Iterator[Line]:
        """Every message, in an order that is always the same."""
        if self._first is not None:
            yield from self._first.lines(tally)
        for seed in count(1):
            made_up = MadeUpDialogs(
                people=self._people, days=self._days, last_day=LAST_DAY, seed=seed
            )
            yield from made_up.lines(tally)


def source_of(path: Path | None) -> str:
    """What a file of dialogs is known by."""
    return "made up" if path is None else f"{path.name}, {path.stat().st_size} bytes"
