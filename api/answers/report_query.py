"""A report as requested, as resolved for a snapshot, and its result."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa

from api.answers.formats import RequestedFormat, Row
from warehouse.clickhouse.reader import Reader
from warehouse.periods import Period
from warehouse.snapshot import Snapshot

QUARTER_SECONDS = 900


@dataclass(frozen=True, slots=True)
class Report:
    """The result of a report, as JSON fields and as table rows."""

    fields: dict[str, Any]
    rows: Sequence[Row]
    """The same figures for CSV and Arrow."""
    schema: pa.Schema
    """Columns of the rows and their types; they do not depend on the rows."""
    user_keys: tuple[int, ...] = ()
    """The users in the report."""


ReportCallable = Callable[[Reader, Snapshot], Awaitable[Report]]
Chunks = AsyncIterator[Sequence[Row]]


@dataclass(frozen=True, slots=True)
class StreamedExport:
    """A table that is streamed in chunks.

    Args:
        schema: its columns.
        run: returns the rows in chunks, and whether some are left out.
    """

    schema: pa.Schema
    run: Callable[[Reader, Snapshot], Awaitable[tuple[Chunks, bool]]]


@dataclass(frozen=True, slots=True)
class ReportQuery:
    """A report with resolved arguments.

    Args:
        report: its name in logs, metrics and the cache.
        period: None for reports about the current state.
        arguments: everything else that changes the answer.
        run: computes the report.
        shows_people: whether the answer has a `people` field.
        export: replaces the rows of the JSON answer in CSV and Arrow.
        is_about_now: whether the answer may change without a publication.
    """

    report: str
    period: Period | None
    arguments: tuple[Hashable, ...]
    run: ReportCallable
    shows_people: bool = False
    export: StreamedExport | None = None
    is_about_now: bool = False


@dataclass(slots=True)
class ReportRequest:
    """A report with its arguments as given, independent of the account.

    Args:
        key: equal for equal requests.
        make_query: resolves the arguments for a time and a snapshot: `today` changes every day.
        format: the requested format.
    """

    key: Hashable
    make_query: Callable[[datetime, Snapshot], ReportQuery]
    format: RequestedFormat
    _resolved: tuple[tuple[int, int, int], ReportQuery] | None = None

    def resolve(self, now: datetime, snapshot: Snapshot) -> ReportQuery:
        """The query, resolved again when its period may have changed.

        Raises:
            DialyticsError: the arguments are invalid.
        """
        # Periods change at quarters of an hour of UTC, `all` also with a publication.
        quarter = int(now.timestamp()) // QUARTER_SECONDS
        valid_for = (quarter, snapshot.epoch, snapshot.publication)
        if self._resolved is None or self._resolved[0] != valid_for:
            self._resolved = (valid_for, self.make_query(now, snapshot))
        return self._resolved[1]
