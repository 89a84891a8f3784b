"""Streams tables that are too long for one answer.

Each chunk is read when the one before it was sent, so memory stays constant and a slow client
slows only its own export.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from typing import Any

from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from api.accounts import scopes
from api.accounts.scopes import Principal
from api.answers.arrow_schema import NAME_COLUMNS, joined
from api.answers.formats import MEDIA_TYPES, Format, Row, moment, to_arrow, to_csv
from api.answers.prepared import answer_age, now_utc
from api.answers.report_query import Chunks, ReportQuery, StreamedExport
from api.audit.events import AuditKind
from api.audit.trail import AuditTrail
from api.errors import ServiceUnavailableError
from api.metrics import ApiMetrics
from api.people.names import with_name
from api.people.shown_names import ShownNames
from api.query_log import current_period
from warehouse.clickhouse.reader import Reader
from warehouse.snapshot import Snapshot

MAX_EXPORTS = 4
"""Per process. Each export occupies a query slot of ClickHouse until it ends."""


class ExportResponder:
    """Streams exports, each from a single snapshot."""

    def __init__(
        self,
        *,
        reader: Reader,
        names: ShownNames,
        trail: AuditTrail,
        metrics: ApiMetrics,
        clock: Callable[[], datetime] = now_utc,
    ) -> None:
        self._reader = reader
        self._names = names
        self._trail = trail
        self._metrics = metrics
        self._free = MAX_EXPORTS
        self._clock = clock

    async def serve(
        self,
        principal: Principal,
        report_query: ReportQuery,
        export: StreamedExport,
        *,
        snapshot: Snapshot,
        format_: Format,
        has_bom: bool = False,
    ) -> Response:
        """The export as CSV or Arrow.

        Raises:
            ServiceUnavailableError: too many exports are running.
            WarehouseError: it cannot be read.
        """
        if not self._free:
            raise ServiceUnavailableError(
                "Too many exports are running.", code="busy", retry_after=10
            )
        self._free -= 1
        try:
            if report_query.period is not None:
                current_period.set(f"{report_query.period.name}/{report_query.period.bucket}")
            await self._record(report_query, format_)
            chunks, is_truncated = await export.run(self._reader, snapshot)
            # Read before the response starts: an error can still become an error response.
            # (No tuple as the default: CPython 3.11 fails on an empty one.)
            first = await anext(chunks, None) or []
        except BaseException:
            self._free += 1
            raise
        schema = export.schema
        shows_names = principal.may(scopes.Scope.NAMES_READ)
        if shows_names:
            schema = joined(schema, NAME_COLUMNS)
        age = answer_age(snapshot, report_query.period)
        headers = age.headers | {
            "X-Lag-Seconds": f"{age.snapshot.lag_seconds(self._clock()):.3f}",
            "X-Truncated": "true" if is_truncated else "false",
        }
        rows = self._rows(
            first, chunks, shown_to=principal if shows_names else None, report=report_query.report
        )
        stream = (
            to_csv(rows, schema.names, has_bom=has_bom)
            if format_ is Format.CSV
            else to_arrow(rows, schema, headers)
        )
        if format_ is Format.CSV:
            headers["Content-Disposition"] = f'attachment; filename="{report_query.report}.csv"'
        self._metrics.stats_requests.labels(report_query.report, format_.value, "streamed").inc()
        return _Exported(
            stream,
            headers={
                **headers,
                "Cache-Control": "no-store",
                "Vary": "Authorization, Cookie, Accept",
            },
            media_type=MEDIA_TYPES[format_],
            on_end=self._leave,
        )

    def _leave(self) -> None:
        self._free += 1

    async def _record(self, report_query: ReportQuery, format_: Format) -> None:
        details = {"report": report_query.report, "format": format_.value}
        if period := report_query.period:
            details |= {"since": moment(period.since), "until": moment(period.until)}
        await self._trail.record(AuditKind.EXPORT, **details)

    async def _rows(
        self, first: Sequence[Row], chunks: Chunks, *, shown_to: Principal | None, report: str
    ) -> Chunks:
        chunk: Sequence[Row] | None = first
        while chunk is not None:
            if shown_to is not None:
                keys = (row["user_key"] for row in chunk)
                names = await self._names.fetch(shown_to, report, keys)
                chunk = [with_name(row, names) for row in chunk]
            yield chunk
            chunk = await anext(chunks, None)


class _Exported(StreamingResponse):
    """Calls `on_end` at its end, also if the client disconnects before it starts."""

    def __init__(
        self, content: AsyncIterator[bytes], *, on_end: Callable[[], None], **rest: Any
    ) -> None:
        super().__init__(content, **rest)
        self._on_end = on_end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._on_end()
