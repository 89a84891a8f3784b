"""The position of live traffic, kept in a file so that no message is sent twice."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from itertools import count
from pathlib import Path

import orjson

from common.errors import SettingError
from simulator.demo.datafile import DialogLine, DialogSource, ReadCounts
from simulator.demo.traffic import GeneratedDialogs

# Fixed, so that the generated messages are always the same: live messages are sent now anyway.
LAST_DAY = date(2026, 1, 1)


class ReplayPosition:
    """The number of sent messages of a source, in a file.

    Args:
        source: a stored count of another source is ignored.
    """

    def __init__(self, path: Path, *, source: str) -> None:
        self._path = path
        self._source = source

    @property
    def sent(self) -> int:
        """Messages sent so far; 0 for a new file or another source."""
        try:
            kept = orjson.loads(self._path.read_bytes())
        except (OSError, orjson.JSONDecodeError):
            return 0
        if not isinstance(kept, dict) or kept.get("source") != self._source:
            return 0
        sent = kept.get("sent")
        return sent if isinstance(sent, int) and sent >= 0 else 0

    def keep(self, sent: int) -> None:
        """Store a new count, atomically.

        Raises:
            SettingError: the file in DATA_DIR cannot be written.
        """
        partial = self._path.with_suffix(".partial")
        try:
            partial.write_bytes(orjson.dumps({"source": self._source, "sent": sent}))
            partial.replace(self._path)
        except OSError as error:
            raise SettingError("DATA_DIR", f"cannot write {self._path}: {error}") from error


class EndlessDialogs:
    """Endless dialogs: those of a file, then generated ones.

    Args:
        first: the dialogs to start with, if any.
    """

    def __init__(self, first: DialogSource | None, *, people: int, days: int) -> None:
        self._first = first
        self._people = people
        self._days = days

    def lines(self, tally: ReadCounts | None = None) -> Iterator[DialogLine]:
        """Every message, in a deterministic order."""
        if self._first is not None:
            yield from self._first.lines(tally)
        for seed in count(1):
            made_up = GeneratedDialogs(
                people=self._people, days=self._days, last_day=LAST_DAY, seed=seed
            )
            yield from made_up.lines(tally)


def source_of(path: Path | None) -> str:
    """Identifies a file of dialogs."""
    return "made up" if path is None else f"{path.name}, {path.stat().st_size} bytes"
