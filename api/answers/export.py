"""Tables too long for one answer: streamed as they are asked for, never kept. Knows no SQL.

Memory stays flat: a chunk is asked for when the one before was sent, so that a slow client slows
the questions, not the process.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from typing import Any

from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from api.accounts import scopes
from api.accounts.login import Principal
from api.answers.arrow_schema import NAME_COLUMNS, joined
from api.answers.formats import MEDIA_TYPES, Format, Row, to_arrow, to_csv
from api.answers.prepared import now_utc, stated
from api.answers.questions import Chunks, Export, Question
from api.errors import UnavailableError
from api.metrics import Metrics
from api.people.names import NameBook, with_name
from api.query_log import asked_period
from warehouse.clickhouse.reader import Reader
from warehouse.snapshot import Snapshot

MOST_EXPORTS = 4
"""At once, in one process: each occupies a query of ClickHouse for as long as it lasts."""


class ExportDesk:
    """Streams exports, each from one snapshot."""

    def __init__(
        self,
        *,
        reader: Reader,
        names: NameBook,
        metrics: Metrics,
        clock: Callable[[], datetime] = now_utc,
    ) -> None:
        self._reader = reader
        self._names = names
        self._metrics = metrics
        self._free = MOST_EXPORTS
        self._clock = clock

    async def serve(
        self,
        principal: Principal,
        question: Question,
        export: Export,
        *,
        snapshot: Snapshot,
        format_: Format,
        has_bom: bool = False,
    ) -> Response:
        """The export as CSV or Arrow.

        Raises:
            UnavailableError: as many as may run are running.
            WarehouseError: it cannot be had.
        """
        if not self._free:
            raise UnavailableError("Too many exports at once.", code="busy", retry_after=10)
        self._free -= 1
        try:
            if question.period is not None:
                asked_period.set(f"{question.period.name}/{question.period.bucket}")
            chunks, is_truncated = await export.ask(self._reader, snapshot)
            # What fails, fails most likely here: while there still can be an error in one shape.
            # (No tuple as default: CPython 3.11 fails on an empty one.)
            first = await anext(chunks, None) or []
        except BaseException:
            self._free += 1
            raise
        schema = export.schema
        shows_names = principal.may(scopes.Scope.NAMES_READ)
        if shows_names:
            schema = joined(schema, NAME_COLUMNS)
        age = stated(snapshot, question.period)
        headers = age.headers | {
            "X-Lag-Seconds": f"{age.snapshot.lag_seconds(self._clock()):.3f}",
            "X-Truncated": "true" if is_truncated else "false",
        }
        rows = self._rows(first, chunks, shows_names=shows_names)
        stream = (
            to_csv(rows, schema.names, has_bom=has_bom)
            if format_ is Format.CSV
            else to_arrow(rows, schema, headers)
        )
        if format_ is Format.CSV:
            headers["Content-Disposition"] = f'attachment; filename="{question.report}.csv"'
        self._metrics.stats_requests.labels(question.report, format_.value, "streamed").inc()
        return _Exported(
            stream,
            headers={**headers, "Cache-Control": "no-store", "Vary": "Authorization, Accept"},
            media_type=MEDIA_TYPES[format_],
            on_end=self._leave,
        )

    def _leave(self) -> None:
        self._free += 1

    async def _rows(self, first: Sequence[Row], chunks: Chunks, *, shows_names: bool) -> Chunks:
        chunk: Sequence[Row] | None = first
        while chunk is not None:
            if shows_names:
                names = await self._names.of({row["user_key"] for row in chunk})
                chunk = [with_name(row, names) for row in chunk]
            yield chunk
            chunk = await anext(chunks, None)


class _Exported(StreamingResponse):
    """Says when it ended, also when the client went away before it began."""

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
