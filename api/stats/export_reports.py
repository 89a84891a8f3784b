"""Reports whose CSV and Arrow are whole tables, streamed. Knows no HTTP."""

from __future__ import annotations

from api.answers.questions import Chunks, Export
from api.stats.arguments import DialogsQuery
from api.stats.reports import DIALOG_SCHEMA, dialog_rows
from warehouse import reports as warehouse
from warehouse.clickhouse.reader import Reader
from warehouse.periods import Period
from warehouse.snapshot import Snapshot


def dialogs(period: Period, query: DialogsQuery) -> Export | None:
    """Every dialog of the period; None when a page was asked for by `limit` or `cursor`."""
    if query.model_fields_set & {"limit", "cursor"}:
        return None

    async def ask(reader: Reader, snapshot: Snapshot) -> tuple[Chunks, bool]:
        found, is_truncated = await warehouse.every_dialog(
            reader, snapshot=snapshot, period=period, filters=query.filters
        )

        async def rows() -> Chunks:
            async for chunk in found:
                yield dialog_rows(chunk)

        return rows(), is_truncated

    return Export(DIALOG_SCHEMA, ask)
