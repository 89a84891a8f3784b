"""Computes and caches answers; prepares recent requests for the next snapshot."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from api.answers.answer_cache import AnswerCache
from api.answers.formats import moment
from api.answers.reader import SLOW_ANSWER_SECONDS
from api.answers.recent import RecentRequests
from api.answers.report_query import Report, ReportQuery
from api.http.json import to_json
from api.query_log import current_period
from common.errors import DialyticsError
from common.log import get_logger
from warehouse.clickhouse.reader import Reader
from warehouse.errors import WarehouseUnavailableError
from warehouse.periods import Period
from warehouse.snapshot import Snapshot

ANSWER_HEADERS = {"Cache-Control": "private, no-cache", "Vary": "Authorization, Cookie, Accept"}

log = get_logger(__name__)


def now_utc() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class AnswerAge:
    """The fields and headers of an answer about its age. They change without new figures."""

    snapshot: Snapshot
    """With the age of the oldest day in the answer."""
    fields: bytes
    """Fields of the JSON object."""
    headers: dict[str, str]
    raw_headers: list[tuple[bytes, bytes]]
    """`headers` and those of all answers, encoded."""


@dataclass(slots=True)
class PreparedAnswer:
    """A report computed from a snapshot."""

    report: Report
    content: bytes
    """Fields of the JSON object without its age."""
    content_hash: bytes
    size: int
    age: AnswerAge
    """For the snapshot for which the answer was last served."""

    def age_at(self, snapshot: Snapshot, period: Period | None) -> AnswerAge:
        if self.age.snapshot.id != snapshot.id:
            self.age = answer_age(snapshot, period)
        return self.age


class PreparedAnswers:
    """Computes answers and caches them while their snapshot is served.

    Args:
        reader: runs statements in ClickHouse.
        clock: the current time.
    """

    def __init__(
        self,
        reader: Reader,
        *,
        clock: Callable[[], datetime] = now_utc,
        recent: RecentRequests | None = None,
    ) -> None:
        self._reader = reader
        self._cache: AnswerCache[PreparedAnswer] = AnswerCache()
        self._served: Snapshot | None = None
        self._generations: tuple[object, ...] = ()
        self.recent = recent or RecentRequests()
        self._clock = clock

    @property
    def size(self) -> int:
        """Size of the cache in bytes."""
        return self._cache.size

    async def get(
        self, report_query: ReportQuery, snapshot: Snapshot
    ) -> tuple[PreparedAnswer, bool]:
        """The answer, and whether it was cached.

        Raises:
            WarehouseError: it cannot be computed.
        """
        return await self._get(report_query, snapshot, self._reader)

    async def warm(self, snapshot: Snapshot) -> None:
        """Compute the answers to the requests of the last minute, newest first, one at a time.

        Raises:
            WarehouseUnavailableError: ClickHouse does not answer.
        """
        self._cache.keep_only((*self._generations, *_generations(snapshot)))
        reader = SerialReader(self._reader)
        for request in self.recent.newest_first():
            try:
                report_query = request.resolve(self._clock(), snapshot)
                await self._get(report_query, snapshot, reader)
            except WarehouseUnavailableError:
                raise
            except DialyticsError as error:
                # The next request runs it again and gets the error.
                self.recent.forget(request)
                log.info("answer_not_prepared", error=type(error).__name__)

    def serve_from(self, snapshot: Snapshot) -> None:
        """Drop the answers of all other snapshots."""
        self._served, self._generations = snapshot, _generations(snapshot)
        self._cache.keep_only(self._generations)

    async def _get(
        self, report_query: ReportQuery, snapshot: Snapshot, reader: Reader
    ) -> tuple[PreparedAnswer, bool]:
        is_served = snapshot is self._served
        figures, now = self._generations if is_served else _generations(snapshot)
        return await self._cache.get(
            now if report_query.is_about_now else figures,
            (report_query.report, report_query.period, report_query.arguments),
            lambda: _prepare(report_query, snapshot, reader),
        )


class SerialReader:
    """A reader that runs one statement at a time, to occupy one query slot only."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._lock = asyncio.Lock()

    async def rows(
        self, name: str, sql: str, parameters: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        """As the reader's own."""
        async with self._lock:
            return await self._reader.rows(name, sql, parameters)

    async def explain(self, name: str, sql: str, parameters: Mapping[str, Any]) -> str:
        """As the reader's own."""
        async with self._lock:
            return await self._reader.explain(name, sql, parameters)


def _generations(snapshot: Snapshot) -> tuple[object, object]:
    """The version of published figures, and the version of answers about the present moment."""
    return snapshot.figures, snapshot.id


async def _prepare(report_query: ReportQuery, snapshot: Snapshot, reader: Reader) -> PreparedAnswer:
    period = report_query.period
    current_period.set(None if period is None else f"{period.name}/{period.bucket}")
    started = time.perf_counter()
    report = await report_query.run(reader, snapshot)
    age = answer_age(snapshot, period)
    fields: dict[str, Any] = {"report_timezone": snapshot.report_timezone}
    if period is not None:
        fields |= {
            "is_partial": period.is_partial_at(age.snapshot.data_through),
            "period": period,
        }
    content = to_json(fields | report.fields)[1:-1]
    elapsed = time.perf_counter() - started
    write = log.warning if elapsed > SLOW_ANSWER_SECONDS else log.debug
    write(
        "slow_answer" if elapsed > SLOW_ANSWER_SECONDS else "answer",
        report=report_query.report,
        seconds=round(elapsed, 4),
        rows=len(report.rows),
        period=current_period.get(),
    )
    # Rows share their values with the fields and take about as much memory as their JSON.
    return PreparedAnswer(
        report=report,
        content=content,
        content_hash=hashlib.sha256(
            b"%b|%b" % (repr((report_query.report, report_query.arguments)).encode(), content)
        ).digest(),
        size=4 * len(content),
        age=age,
    )


def answer_age(snapshot: Snapshot, period: Period | None) -> AnswerAge:
    """The age of an answer: that of its oldest day, which may have been withheld."""
    oldest = snapshot.as_old_as(None if period is None else period.span)
    fields: dict[str, Any] = {"data_through": oldest.data_through, "snapshot": oldest.id}
    headers = {"X-Data-Through": moment(oldest.data_through), "X-Snapshot": oldest.id}
    if period is not None:
        fields["newest_through"] = snapshot.data_through
        headers |= {
            "X-Newest-Through": moment(snapshot.data_through),
            "X-Is-Partial": "true" if period.is_partial_at(oldest.data_through) else "false",
            "X-Period": f"{moment(period.since)}/{moment(period.until)}",
            "X-Timezone": period.tz,
        }
    raw_headers = [
        (name.lower().encode(), value.encode("latin-1"))
        for name, value in {**headers, **ANSWER_HEADERS}.items()
    ]
    return AnswerAge(oldest, to_json(fields)[1:-1], headers, raw_headers)
