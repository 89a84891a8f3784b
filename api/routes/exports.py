"""Reports whose CSV and Arrow are whole tables, streamed. Knows no HTTP."""

from __future__ import annotations

import pyarrow as pa

from api.answers.formats import DECIMAL, MOMENT
from api.answers.questions import Chunks, Export
from api.routes.arguments import DialogsQuery
from api.routes.reports import dialog_rows
from warehouse import reports as warehouse
from warehouse.periods import Period
from warehouse.reading import Reader
from warehouse.snapshot import Snapshot

DIALOGS = pa.schema(
    [
        ("dialog_id", pa.string()),
        ("bot_id", pa.int64()),
        ("user_key", pa.int64()),
        ("users", pa.int64()),
        ("chat_type", pa.string()),
        ("language", pa.string()),
        ("turns", pa.int64()),
        ("user_messages", pa.int64()),
        ("answers", pa.int64()),
        ("tokens", pa.int64()),
        ("cost_usd", DECIMAL),
        ("unpriced_turns", pa.int64()),
        ("first_turn_at", MOMENT),
        ("last_turn_at", MOMENT),
        ("last_status", pa.string()),
        ("last_model", pa.string()),
    ]
)


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

    return Export(DIALOGS, ask)
