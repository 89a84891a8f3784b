"""Reports whose CSV and Arrow are whole tables, streamed."""

from __future__ import annotations

from api.answers.report_query import Chunks, StreamedExport
from api.stats.arguments import DialogsQuery
from api.stats.reports import DIALOG_SCHEMA, dialog_rows
from warehouse import reports as warehouse
from warehouse.clickhouse.reader import Reader
from warehouse.periods import Period
from warehouse.snapshot import Snapshot


def dialogs(period: Period, query: DialogsQuery) -> StreamedExport | None:
    """All dialogs of the period; None when `limit` or `cursor` asks for a page."""
    if query.model_fields_set & {"limit", "cursor"}:
        return None

    async def run(reader: Reader, snapshot: Snapshot) -> tuple[Chunks, bool]:
        found, is_truncated = await warehouse.every_dialog(
            reader, snapshot=snapshot, period=period, filters=query.filters
        )
        return (dialog_rows(chunk) async for chunk in found), is_truncated

    return StreamedExport(DIALOG_SCHEMA, run)
