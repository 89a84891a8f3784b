"""Serves answers in the requested format.

Steps: snapshot, cached or computed report, names (for accounts that may see them), ETag, then 304
or the body. The age is added when the answer is served.

The ETag is a hash of the content without the fields about its age. It stays the same, in every
process, until the figures change.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable
from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from api.accounts.scopes import Principal, Scope
from api.answers.arrow_schema import NAME_COLUMNS, joined
from api.answers.formats import (
    MEDIA_TYPES,
    Format,
    in_chunks,
    negotiate,
    to_arrow,
    to_csv,
)
from api.answers.prepared import AnswerAge, PreparedAnswer, PreparedAnswers, now_utc
from api.answers.report_query import ReportQuery, ReportRequest
from api.answers.snapshots import Snapshots
from api.audit.events import AuditKind
from api.audit.trail import AuditTrail
from api.http.json import to_json
from api.http.negotiation import matches_tag
from api.metrics import ApiMetrics
from api.people.names import (
    NO_NAMES,
    Names,
    with_name,
)
from api.people.shown_names import ShownNames
from warehouse.snapshot import Snapshot


class StatsResponder:
    """Serves answers of the stats routes."""

    def __init__(
        self,
        *,
        answers: PreparedAnswers,
        snapshots: Snapshots,
        names: ShownNames,
        trail: AuditTrail,
        metrics: ApiMetrics,
        clock: Callable[[], datetime] = now_utc,
    ) -> None:
        self._answers = answers
        self._snapshots = snapshots
        self._names = names
        self._trail = trail
        self._metrics = metrics
        self._clock = clock
        metrics.watch_cache(lambda: answers.size)

    def find_recent(self, key: Hashable) -> ReportRequest | None:
        """The request with this key, if it was made within the last minute."""
        return self._answers.recent.find(key)

    async def resolve(self, report: ReportRequest) -> tuple[ReportQuery, Snapshot]:
        """The query of a request at this time, and the snapshot that it is computed from.

        Raises:
            ServiceUnavailableError: nothing has been published yet.
            WarehouseError: the snapshot cannot be read.
        """
        snapshot = await self._snapshots.published()
        return report.resolve(self._clock(), snapshot), snapshot

    async def serve(
        self, request: Request, principal: Principal, report: ReportRequest
    ) -> Response:
        """The answer to a request.

        Raises:
            ServiceUnavailableError: nothing has been published yet.
            WarehouseError: it cannot be computed.
        """
        report_query, snapshot = await self.resolve(report)
        has_bom = report.format.has_bom
        format_ = negotiate(report.format, request.headers.get("accept", ""))
        prepared, was_kept = await self._answers.get(report_query, snapshot)
        self._answers.recent.remember(report)
        names = NO_NAMES
        shows_names = report_query.shows_people and principal.may(Scope.NAMES_READ)
        if shows_names:
            keys = prepared.report.user_keys
            names = await self._names.fetch(principal, report_query.report, keys)
        age = prepared.age_at(snapshot, report_query.period)
        etag = _etag(prepared, format_, names, has_bom=has_bom)
        lag = b"%.3f" % age.snapshot.lag_seconds(self._clock())
        raw_headers = [*age.raw_headers, (b"x-lag-seconds", lag)]
        is_conditional = request.method == "GET"
        if is_conditional:
            raw_headers.append((b"etag", etag.encode()))
        response: Response
        if is_conditional and matches_tag(request.headers, etag):
            outcome, response = "unchanged", Response(status_code=304)
        else:
            outcome = "cached" if was_kept else "computed"
            if format_ is not Format.JSON:
                self._trail.count(
                    AuditKind.EXPORT, report=report_query.report, format=format_.value
                )
            response, more = _respond(
                report_query,
                prepared,
                age,
                names=names if shows_names else None,
                format_=format_,
                has_bom=has_bom,
                lag=lag,
            )
            raw_headers += more
        response.raw_headers = raw_headers
        self._metrics.stats_requests.labels(report_query.report, format_.value, outcome).inc()
        return response


def _respond(
    report_query: ReportQuery,
    prepared: PreparedAnswer,
    age: AnswerAge,
    *,
    names: Names | None,
    format_: Format,
    has_bom: bool,
    lag: bytes,
) -> tuple[Response, list[tuple[bytes, bytes]]]:
    """The response, and the headers of its body."""
    headers = [(b"content-type", MEDIA_TYPES[format_].encode())]
    if format_ is Format.JSON:
        shown = (names or NO_NAMES).people
        people = b',"people":%b' % to_json(shown) if report_query.shows_people else b""
        body = b'{"lag_seconds":%b,%b,%b%b}' % (lag, age.fields, prepared.content, people)
        return Response(body), [*headers, (b"content-length", b"%d" % len(body))]
    rows, schema = prepared.report.rows, prepared.report.schema
    if names is not None and "user_key" in schema.names:
        rows = [with_name(row, names) for row in rows]
        schema = joined(schema, NAME_COLUMNS)
    if format_ is Format.CSV:
        stream = to_csv(in_chunks(rows), schema.names, has_bom=has_bom)
        file_name = f'attachment; filename="{report_query.report}.csv"'
        headers.append((b"content-disposition", file_name.encode()))
    else:
        stream = to_arrow(in_chunks(rows), schema, {**age.headers, "X-Lag-Seconds": lag.decode()})
    return StreamingResponse(stream), headers


def _etag(prepared: PreparedAnswer, format_: Format, names: Names, *, has_bom: bool) -> str:
    shown = b"%b%b%d%b" % (
        prepared.content_hash,
        format_.encode(),
        has_bom,
        to_json(names.people) if names.people else b"",
    )
    return f'W/"{hashlib.sha256(shown).hexdigest()[:32]}"'
