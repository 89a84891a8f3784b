"""Answers of a snapshot: computed once, and ahead for what was asked within the last minute."""

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
from api.answers.questions import Question, Report
from api.answers.reader import SLOW_ANSWER_SECONDS
from api.answers.recent import RecentRequests
from api.http.json import to_json
from api.query_log import asked_period
from common.errors import DialyticsError
from common.log import get_logger
from warehouse.clickhouse.reader import Reader
from warehouse.errors import WarehouseUnavailableError
from warehouse.periods import Period
from warehouse.snapshot import Snapshot

ANSWER_HEADERS = {"Cache-Control": "private, no-cache", "Vary": "Authorization, Accept"}

log = get_logger(__name__)


def now_utc() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Stated:
    """The fields of an answer about its age: all that a heartbeat changes."""

    snapshot: Snapshot
    """With the age of the oldest day in the answer."""
    fields: bytes
    """Fields of the JSON object."""
    headers: dict[str, str]
    raw_headers: list[tuple[bytes, bytes]]
    """These and those that all answers have, encoded once."""


@dataclass(slots=True)
class Prepared:
    """A report at a snapshot, ready to be served."""

    report: Report
    content: bytes
    """Fields of the JSON object without those that state its age."""
    content_hash: bytes
    size: int
    stated: Stated
    """At the snapshot that it was served at last."""

    def stated_at(self, snapshot: Snapshot, period: Period | None) -> Stated:
        if self.stated.snapshot.id != snapshot.id:
            self.stated = stated(snapshot, period)
        return self.stated


class PreparedAnswers:
    """Prepares answers and keeps them for as long as their snapshot is served.

    Args:
        reader: the door to ClickHouse.
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
        self._cache: AnswerCache[Prepared] = AnswerCache()
        self._served: Snapshot | None = None
        self._generations: tuple[object, ...] = ()
        self.recent = recent or RecentRequests()
        self._clock = clock

    @property
    def size(self) -> int:
        """Bytes that are kept."""
        return self._cache.size

    async def get(self, question: Question, snapshot: Snapshot) -> tuple[Prepared, bool]:
        """The answer, and whether it was there.

        Raises:
            WarehouseError: it cannot be had.
        """
        return await self._get(question, snapshot, self._reader)

    async def warm(self, snapshot: Snapshot) -> None:
        """Prepare what was asked within the last minute, the newest first, one after the other.

        Raises:
            WarehouseUnavailableError: ClickHouse does not answer.
        """
        self._cache.keep_only((*self._generations, *_generations(snapshot)))
        reader = OneAtATime(self._reader)
        for request in self.recent.newest_first():
            try:
                question = request.resolve(self._clock(), snapshot)
                await self._get(question, snapshot, reader)
            except WarehouseUnavailableError:
                raise
            except DialyticsError as error:
                # The next caller computes it again and gets the error.
                self.recent.forget(request)
                log.info("answer_not_prepared", error=type(error).__name__)

    def serve_from(self, snapshot: Snapshot) -> None:
        """Forget the answers of all other snapshots."""
        self._served, self._generations = snapshot, _generations(snapshot)
        self._cache.keep_only(self._generations)

    async def _get(
        self, question: Question, snapshot: Snapshot, reader: Reader
    ) -> tuple[Prepared, bool]:
        is_served = snapshot is self._served
        figures, now = self._generations if is_served else _generations(snapshot)
        return await self._cache.get(
            now if question.is_about_now else figures,
            (question.report, question.period, question.arguments),
            lambda: _prepare(question, snapshot, reader),
        )


class OneAtATime:
    """A reader that occupies one of the engine's slots, however much is asked at once."""

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


async def _prepare(question: Question, snapshot: Snapshot, reader: Reader) -> Prepared:
    period = question.period
    asked_period.set(None if period is None else f"{period.name}/{period.bucket}")
    started = time.perf_counter()
    report = await question.ask(reader, snapshot)
    age = stated(snapshot, period)
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
        report=question.report,
        seconds=round(elapsed, 4),
        rows=len(report.rows),
        period=asked_period.get(),
    )
    # Rows share their values with the fields; a row costs about as much as its JSON.
    return Prepared(
        report=report,
        content=content,
        content_hash=hashlib.sha256(
            b"%b|%b" % (repr((question.report, question.arguments)).encode(), content)
        ).digest(),
        size=4 * len(content),
        stated=age,
    )


def stated(snapshot: Snapshot, period: Period | None) -> Stated:
    """The age of an answer. A day that was withheld is older than the rest."""
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
    return Stated(oldest, to_json(fields)[1:-1], headers, raw_headers)
