"""What can be asked, and what a report found. Knows no HTTP and no SQL."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa

from api.answers.formats import Asked, Row
from warehouse.clickhouse.reader import Reader
from warehouse.periods import Period
from warehouse.snapshot import Snapshot

QUARTER_SECONDS = 900


@dataclass(frozen=True, slots=True)
class Report:
    """What a report found, as JSON fields and as table rows."""

    fields: dict[str, Any]
    rows: Sequence[Row]
    """The same figures for CSV and Arrow."""
    schema: pa.Schema
    """Columns of the rows and their types, the same whatever rows there are."""
    user_keys: tuple[int, ...] = ()
    """Whom the report shows."""


Ask = Callable[[Reader, Snapshot], Awaitable[Report]]
Chunks = AsyncIterator[Sequence[Row]]


@dataclass(frozen=True, slots=True)
class Export:
    """A table too long for one answer.

    Args:
        schema: its columns.
        ask: finds the rows in chunks, and tells whether some are left out.
    """

    schema: pa.Schema
    ask: Callable[[Reader, Snapshot], Awaitable[tuple[Chunks, bool]]]


@dataclass(frozen=True, slots=True)
class Question:
    """One report with its arguments.

    Args:
        report: its name, for the log, metrics and the cache.
        period: resolved; None for reports about now.
        arguments: everything else that changes the answer.
        ask: runs it.
        shows_people: whether the answer has a `people` field.
        export: what CSV and Arrow carry instead of the rows of the JSON answer.
        is_about_now: whether the answer may change without a publication.
    """

    report: str
    period: Period | None
    arguments: tuple[Hashable, ...]
    ask: Ask
    shows_people: bool = False
    export: Export | None = None
    is_about_now: bool = False


@dataclass(slots=True)
class ReportRequest:
    """A report with its arguments as they were given, whoever asks.

    Args:
        key: equal for requests that ask for the same.
        make: the question at a moment, on a snapshot: `today` is another one tomorrow.
        asked: the format.
    """

    key: Hashable
    make: Callable[[datetime, Snapshot], Question]
    asked: Asked
    _made: tuple[tuple[int, int, int], Question] | None = None

    def resolve(self, now: datetime, snapshot: Snapshot) -> Question:
        """The question, made again when a period may have turned.

        Raises:
            DialyticsError: the arguments make no question.
        """
        # Every period turns on a quarter of an hour of UTC, and `all` with a publication.
        quarter = int(now.timestamp()) // QUARTER_SECONDS
        place = (quarter, snapshot.epoch, snapshot.publication)
        if self._made is None or self._made[0] != place:
            self._made = (place, self.make(now, snapshot))
        return self._made[1]
