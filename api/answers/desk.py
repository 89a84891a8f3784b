"""Answers a question once per snapshot and serves it in the asked format. Knows no SQL.

The path of an answer: snapshot → cached or prepared report → names, for who may see them → ETag →
304 or bytes. Prepared JSON is kept as bytes; only its age is computed when it is served.

An ETag is a hash of the content, which the fields that tell its age are not part of: numbers that
a publication did not change have the tag that they had, in every process.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from api.accounts.login import Principal
from api.accounts.scopes import Scope
from api.answers.cache import AnswerCache
from api.answers.formats import (
    MEDIA_TYPES,
    Asked,
    Format,
    in_chunks,
    moment,
    negotiate,
    to_arrow,
    to_csv,
)
from api.answers.names import NOBODY, NameBook, Names, with_name
from api.answers.questions import Question, Report
from api.answers.reader import SLOW_ANSWER_SECONDS
from api.answers.schemas import NAME_COLUMNS, joined
from api.answers.snapshots import Snapshots
from api.http.json import to_json
from api.metrics import Metrics
from api.negotiation import matches_tag
from api.query_log import asked_period
from common.log import get_logger
from warehouse.periods import Period, midnight
from warehouse.reading import Reader
from warehouse.reports import freshness
from warehouse.snapshot import Snapshot

MOST_VARIANTS = 64

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Variant:
    """What of the headers depends on who asks, encoded once."""

    etag: str
    raw_headers: list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A report at a snapshot, ready to be served."""

    tail: bytes
    """The JSON object without its first field (`lag_seconds`) and without the closing brace."""
    report: Report
    stated: Snapshot
    """The snapshot, with the age of the oldest day in the answer."""
    content_hash: bytes
    headers: dict[str, str]
    size: int
    variants: dict[Hashable, Variant] = field(default_factory=dict)
    """By format and names: few, because names seldom change."""


def now_utc() -> datetime:
    return datetime.now(UTC)


class Desk:
    """Serves answers."""

    def __init__(
        self,
        *,
        reader: Reader,
        snapshots: Snapshots,
        names: NameBook,
        metrics: Metrics,
        clock: Callable[[], datetime] = now_utc,
    ) -> None:
        self._reader = reader
        self._snapshots = snapshots
        self._names = names
        self._metrics = metrics
        self._cache: AnswerCache[Prepared] = AnswerCache()
        self.clock = clock
        metrics.watch_cache(lambda: self._cache.size)

    async def serve(
        self,
        request: Request,
        principal: Principal,
        question: Question,
        *,
        asked: Asked,
    ) -> Response:
        """The answer to a question.

        Raises:
            Unavailable: nothing was published yet.
            WarehouseError: it cannot be had.
        """
        format_ = negotiate(asked, request.headers.get("accept", ""))
        snapshot = await self._snapshots.published()
        key = (question.report, question.period, question.arguments)
        prepared, was_cached = await self._cache.get(
            (snapshot.id, snapshot.data_through), key, lambda: self._prepare(question, snapshot)
        )
        names = NOBODY
        shows_names = question.shows_people and principal.may(Scope.NAMES_READ)
        if shows_names:
            names = await self._names.of(prepared.report.user_keys)
        variant = _variant(prepared, format_, names, has_bom=asked.has_bom)
        lag = prepared.stated.lag_seconds(self.clock())
        raw_headers = [*variant.raw_headers, (b"x-lag-seconds", b"%.3f" % lag)]
        is_conditional = request.method == "GET"
        if not is_conditional:
            raw_headers = [header for header in raw_headers if header[0] != b"etag"]
        if is_conditional and matches_tag(request.headers, variant.etag):
            outcome, response = "unchanged", Response(status_code=304)
            response.raw_headers = raw_headers
        else:
            outcome = "cached" if was_cached else "computed"
            response = _respond(
                question,
                prepared,
                names=names if shows_names else None,
                format_=format_,
                has_bom=asked.has_bom,
                lag=lag,
                raw_headers=raw_headers,
            )
        self._metrics.stats_requests.labels(question.report, format_.value, outcome).inc()
        return response

    async def beginning(self) -> datetime | None:
        """The first moment of the first day with a turn, where `all` begins.

        Raises:
            Unavailable: nothing was published yet.
            WarehouseError: it cannot be had.
        """
        snapshot = await self._snapshots.published()
        first_day = (await freshness(self._reader, snapshot=snapshot)).first_day
        return midnight(first_day, snapshot.zone) if first_day else None

    async def _prepare(self, question: Question, snapshot: Snapshot) -> Prepared:
        period = question.period
        asked_period.set(None if period is None else f"{period.name}/{period.bucket}")
        started = time.perf_counter()
        report = await question.ask(self._reader, snapshot)
        # A day that was withheld is older than the rest.
        stated = snapshot.as_old_as(None if period is None else period.span)
        age: dict[str, Any] = {"data_through": stated.data_through, "snapshot": stated.id}
        content: dict[str, Any] = {"report_timezone": stated.report_timezone}
        if period is not None:
            age["newest_through"] = snapshot.data_through
            content |= {
                "is_partial": period.is_partial_at(stated.data_through),
                "period": period,
            }
        content_json = to_json(content | report.fields)[1:-1]
        tail = to_json(age)[1:-1] + b"," + content_json
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
            tail=tail,
            report=report,
            stated=stated,
            content_hash=hashlib.sha256(
                b"%b|%b" % (repr((question.report, question.arguments)).encode(), content_json)
            ).digest(),
            headers=stated_headers(stated, period, newest=snapshot),
            size=4 * len(tail),
        )


def stated_headers(
    snapshot: Snapshot, period: Period | None, *, newest: Snapshot
) -> dict[str, str]:
    """What JSON states about an answer, for the formats that have no place for it and for 304."""
    headers = {"X-Data-Through": moment(snapshot.data_through), "X-Snapshot": snapshot.id}
    if period is not None:
        is_partial = period.is_partial_at(snapshot.data_through)
        headers |= {
            "X-Newest-Through": moment(newest.data_through),
            "X-Is-Partial": "true" if is_partial else "false",
            "X-Period": f"{moment(period.since)}/{moment(period.until)}",
            "X-Timezone": period.tz,
        }
    return headers


def _respond(
    question: Question,
    prepared: Prepared,
    *,
    names: Names | None,
    format_: Format,
    has_bom: bool,
    lag: float,
    raw_headers: list[tuple[bytes, bytes]],
) -> Response:
    raw_headers.append((b"content-type", MEDIA_TYPES[format_].encode()))
    if format_ is Format.JSON:
        shown = (names or NOBODY).people
        people = b',"people":%b' % to_json(shown) if question.shows_people else b""
        response = Response(b'{"lag_seconds":%.3f,%b%b}' % (lag, prepared.tail, people))
        raw_headers.append((b"content-length", b"%d" % len(response.body)))
        response.raw_headers = raw_headers
        return response
    rows, schema = prepared.report.rows, prepared.report.schema
    if names is not None and "user_key" in schema.names:
        rows = [with_name(row, names) for row in rows]
        schema = joined(schema, NAME_COLUMNS)
    if format_ is Format.CSV:
        stream = to_csv(in_chunks(rows), schema.names, has_bom=has_bom)
        file_name = f'attachment; filename="{question.report}.csv"'
        raw_headers.append((b"content-disposition", file_name.encode()))
    else:
        stated = {**prepared.headers, "X-Lag-Seconds": f"{lag:.3f}"}
        stream = to_arrow(in_chunks(rows), schema, stated)
    streamed = StreamingResponse(stream)
    streamed.raw_headers = raw_headers
    return streamed


def _variant(prepared: Prepared, format_: Format, names: Names, *, has_bom: bool) -> Variant:
    key = (format_, has_bom, names.version)
    variant = prepared.variants.get(key)
    if variant is None:
        shown = to_json((prepared.content_hash.hex(), format_, has_bom, names.people))
        etag = f'W/"{hashlib.sha256(shown).hexdigest()[:32]}"'
        headers = {
            **prepared.headers,
            "ETag": etag,
            "Cache-Control": "private, no-cache",
            "Vary": "Authorization, Accept",
        }
        variant = Variant(
            etag,
            [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()],
        )
        if len(prepared.variants) < MOST_VARIANTS:
            prepared.variants[key] = variant
    return variant
