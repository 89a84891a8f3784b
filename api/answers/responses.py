"""Serves answers in the asked format.

The path of an answer: snapshot → kept or prepared report → names, for who may see them → ETag →
304 or bytes. Only its age is computed when it is served.

An ETag is a hash of the content, which the fields that tell its age are not part of: numbers that
a publication did not change have the tag that they had, in every process.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable
from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from api.accounts.login import Principal
from api.accounts.scopes import Scope
from api.answers.arrow_schema import NAME_COLUMNS, joined
from api.answers.formats import (
    MEDIA_TYPES,
    Format,
    in_chunks,
    negotiate,
    to_arrow,
    to_csv,
)
from api.answers.prepared import Prepared, PreparedAnswers, Stated, now_utc
from api.answers.questions import Question, ReportRequest
from api.answers.snapshots import Snapshots
from api.http.json import to_json
from api.http.negotiation import matches_tag
from api.metrics import Metrics
from api.people.names import (
    NOBODY,
    NameBook,
    Names,
    with_name,
)
from warehouse.snapshot import Snapshot


class Desk:
    """Serves answers."""

    def __init__(
        self,
        *,
        answers: PreparedAnswers,
        snapshots: Snapshots,
        names: NameBook,
        metrics: Metrics,
        clock: Callable[[], datetime] = now_utc,
    ) -> None:
        self._answers = answers
        self._snapshots = snapshots
        self._names = names
        self._metrics = metrics
        self._clock = clock
        metrics.watch_cache(lambda: answers.size)

    def known(self, key: Hashable) -> ReportRequest | None:
        """The request of this key, when it was made within the last minute."""
        return self._answers.recent.find(key)

    async def resolve(self, report: ReportRequest) -> tuple[Question, Snapshot]:
        """The question that a request asks now, and the one snapshot that answers it.

        Raises:
            UnavailableError: nothing was published yet.
            WarehouseError: it cannot be had.
        """
        snapshot = await self._snapshots.published()
        return report.resolve(self._clock(), snapshot), snapshot

    async def serve(
        self, request: Request, principal: Principal, report: ReportRequest
    ) -> Response:
        """The answer to a request.

        Raises:
            UnavailableError: nothing was published yet.
            WarehouseError: it cannot be had.
        """
        question, snapshot = await self.resolve(report)
        asked = report.asked
        format_ = negotiate(asked, request.headers.get("accept", ""))
        prepared, was_kept = await self._answers.get(question, snapshot)
        self._answers.recent.remember(report)
        names = NOBODY
        shows_names = question.shows_people and principal.may(Scope.NAMES_READ)
        if shows_names:
            names = await self._names.of(prepared.report.user_keys)
        age = prepared.stated_at(snapshot, question.period)
        etag = _etag(prepared, format_, names, has_bom=asked.has_bom)
        stated_lag = b"%.3f" % age.snapshot.lag_seconds(self._clock())
        raw_headers = [*age.raw_headers, (b"x-lag-seconds", stated_lag)]
        is_conditional = request.method == "GET"
        if is_conditional:
            raw_headers.append((b"etag", etag.encode()))
        response: Response
        if is_conditional and matches_tag(request.headers, etag):
            outcome, response = "unchanged", Response(status_code=304)
        else:
            outcome = "cached" if was_kept else "computed"
            response, more = _respond(
                question,
                prepared,
                age,
                names=names if shows_names else None,
                format_=format_,
                has_bom=asked.has_bom,
                lag=stated_lag,
            )
            raw_headers += more
        response.raw_headers = raw_headers
        self._metrics.stats_requests.labels(question.report, format_.value, outcome).inc()
        return response


def _respond(
    question: Question,
    prepared: Prepared,
    age: Stated,
    *,
    names: Names | None,
    format_: Format,
    has_bom: bool,
    lag: bytes,
) -> tuple[Response, list[tuple[bytes, bytes]]]:
    """The body, and the headers that belong to it."""
    headers = [(b"content-type", MEDIA_TYPES[format_].encode())]
    if format_ is Format.JSON:
        shown = (names or NOBODY).people
        people = b',"people":%b' % to_json(shown) if question.shows_people else b""
        body = b'{"lag_seconds":%b,%b,%b%b}' % (lag, age.fields, prepared.content, people)
        return Response(body), [*headers, (b"content-length", b"%d" % len(body))]
    rows, schema = prepared.report.rows, prepared.report.schema
    if names is not None and "user_key" in schema.names:
        rows = [with_name(row, names) for row in rows]
        schema = joined(schema, NAME_COLUMNS)
    if format_ is Format.CSV:
        stream = to_csv(in_chunks(rows), schema.names, has_bom=has_bom)
        file_name = f'attachment; filename="{question.report}.csv"'
        headers.append((b"content-disposition", file_name.encode()))
    else:
        stream = to_arrow(in_chunks(rows), schema, {**age.headers, "X-Lag-Seconds": lag.decode()})
    return StreamingResponse(stream), headers


def _etag(prepared: Prepared, format_: Format, names: Names, *, has_bom: bool) -> str:
    shown = b"%b%b%d%b" % (
        prepared.content_hash,
        format_.encode(),
        has_bom,
        to_json(names.people) if names.people else b"",
    )
    return f'W/"{hashlib.sha256(shown).hexdigest()[:32]}"'
