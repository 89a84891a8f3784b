"""Dialogs by their latest turn, or by one of their figures, page by page."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from warehouse.clickhouse.reader import Reader
from warehouse.periods import Period
from warehouse.reports.dialog_places import (
    AFTER_EVERYTHING,
    Place,
    decode_cursor,
    encode_cursor,
    listed_places,
    newest_places,
    places_between,
    touches_withheld_day,
)
from warehouse.reports.parameters import (
    Parameters,
    Row,
    ask,
    ask_ledger,
    cost,
    ledger_parameters,
    time_range,
    whole_days,
)
from warehouse.reports.ranked_dialogs import (
    BEFORE_EVERYTHING,
    NEWEST_FIRST,
    DialogOrder,
    decode_ranked,
    encode_ranked,
    place_of,
    ranked_dialogs,
)
from warehouse.reports.shapes import NO_FILTERS, Filters
from warehouse.snapshot import Snapshot
from warehouse.tiers import touched_days

MAX_DIALOGS_AT_ONCE = 50_000
CHUNK_DIALOGS = 1_000


@dataclass(frozen=True, slots=True)
class RecentDialog:
    """A dialog with a turn in the period, as the ledger knows it: no text, no name."""

    dialog_id: str
    bot_id: int
    user_key: int
    """The person of the dialog's latest turn (a group's dialog has several)."""
    users: int
    chat_type: str
    language: str | None
    turns: int
    user_messages: int
    answers: int
    tokens: int
    cost_usd: Decimal | None
    unpriced_turns: int
    first_turn_at: datetime
    last_turn_at: datetime
    last_status: str
    last_model: str | None


@dataclass(frozen=True, slots=True)
class DialogPage:
    dialogs: tuple[RecentDialog, ...]
    """In the order that was asked for."""
    next_cursor: str | None
    """Opaque; None on the last page."""


async def recent_dialogs(
    reader: Reader,
    *,
    snapshot: Snapshot,
    period: Period,
    filters: Filters = NO_FILTERS,
    cursor: str | None = None,
    limit: int = 20,
) -> DialogPage:
    """Dialogs with a turn in the period, newest first; figures are those of the period.

    Args:
        reader: connection to ClickHouse.
        snapshot: what the answer rests on.
        period: whose turns are looked at.
        filters: narrow the turns that are looked at.
        cursor: `next_cursor` of the page before.
        limit: 1 to 100.

    Raises:
        CursorError: the cursor was not issued by this report.
    """
    before = decode_cursor(cursor) if cursor is not None else AFTER_EVERYTHING
    if cursor is None:
        listed = await listed_places(
            reader, snapshot=snapshot, period=period, filters=filters, limit=limit + 1
        )
        if listed is not None:
            page = await _page(
                reader, listed, snapshot=snapshot, period=period, filters=filters, limit=limit
            )
            # A turn deleted since the build is on the list until the next one, without figures.
            if len(page.dialogs) == min(limit, len(listed)):
                return page
    found = await newest_places(
        reader, snapshot=snapshot, period=period, filters=filters, before=before, limit=limit + 1
    )
    return await _page(
        reader, found, snapshot=snapshot, period=period, filters=filters, limit=limit
    )


async def ordered_dialogs(
    reader: Reader,
    *,
    snapshot: Snapshot,
    period: Period,
    order: DialogOrder = NEWEST_FIRST,
    filters: Filters = NO_FILTERS,
    cursor: str | None = None,
    limit: int = 20,
) -> DialogPage:
    """Dialogs with a turn in the period, in the order; figures are those of the period.

    Args:
        reader: connection to ClickHouse.
        snapshot: what the answer rests on.
        period: whose turns are looked at.
        order: what the dialogs are sorted by.
        filters: narrow the turns that are looked at.
        cursor: `next_cursor` of the page before, in the same order.
        limit: 1 to 100.

    Raises:
        CursorError: the cursor was not issued by this report in this order.
    """
    about: dict[str, Any] = {"snapshot": snapshot, "period": period, "filters": filters}
    if order == NEWEST_FIRST:
        return await recent_dialogs(reader, **about, cursor=cursor, limit=limit)
    after = BEFORE_EVERYTHING if cursor is None else decode_ranked(cursor, order)
    rows = await ranked_dialogs(reader, **about, order=order, after=after, limit=limit + 1)
    shown = rows[:limit]
    is_last = len(rows) <= limit
    return DialogPage(
        tuple(_dialog(row) for row in shown),
        None if is_last else encode_ranked(order, place_of(shown[-1])),
    )


async def every_dialog(
    reader: Reader,
    *,
    snapshot: Snapshot,
    period: Period,
    filters: Filters = NO_FILTERS,
    most: int = MAX_DIALOGS_AT_ONCE,
) -> tuple[AsyncIterator[tuple[RecentDialog, ...]], bool]:
    """All dialogs with a turn in the period, newest first, a thousand figures at a time.

    Which they are is found at once: about a hundred bytes of memory each.

    Args:
        reader: connection to ClickHouse.
        snapshot: what the answer rests on.
        period: whose turns are looked at.
        filters: narrow the turns that are looked at.
        most: 1 to 50,000 dialogs.

    Returns:
        The dialogs in chunks, asked for as they are taken, and whether there are more than `most`.
    """
    found = await places_between(
        reader,
        snapshot=snapshot,
        period=period,
        filters=filters,
        not_before=period.since,
        before=AFTER_EVERYTHING,
        limit=most + 1,
    )

    async def chunks() -> AsyncIterator[tuple[RecentDialog, ...]]:
        for start in range(0, min(most, len(found)), CHUNK_DIALOGS):
            shown = found[start : min(start + CHUNK_DIALOGS, most)]
            yield await _details(reader, shown, snapshot=snapshot, period=period, filters=filters)

    return chunks(), len(found) > most


async def _page(
    reader: Reader,
    found: Sequence[Place],
    *,
    snapshot: Snapshot,
    period: Period,
    filters: Filters,
    limit: int,
) -> DialogPage:
    shown = found[:limit]
    if not shown:
        return DialogPage((), None)
    dialogs = await _details(reader, shown, snapshot=snapshot, period=period, filters=filters)
    return DialogPage(dialogs, encode_cursor(shown[-1]) if len(found) > limit else None)


async def _details(
    reader: Reader,
    shown: Sequence[Place],
    *,
    snapshot: Snapshot,
    period: Period,
    filters: Filters,
) -> tuple[RecentDialog, ...]:
    dialogs: Parameters = {"dialogs": [UUID(dialog) for _, dialog in shown]}
    span = period.span
    first, last = touched_days(span, snapshot.zone)
    is_whole = whole_days(snapshot, span, filters).days == span
    if is_whole and not touches_withheld_day(snapshot, first, last):
        builds = {"builds": snapshot.versions(first, last), "bot_id": filters.bot_id}
        rows = await ask(reader, "dialogs_of_days", dialogs | builds)
    else:
        rows = await ask_ledger(
            reader,
            "recent_dialogs",
            {**time_range(span), **ledger_parameters(snapshot), **dialogs},
            filters,
        )
    return tuple(_dialog(row) for row in rows)


def _dialog(row: Row) -> RecentDialog:
    return RecentDialog(
        dialog_id=row["dialog"],
        bot_id=row["bot"],
        user_key=row["latest_user"],
        users=row["users"],
        chat_type=row["latest_chat_type"],
        language=row["latest_language"] or None,
        turns=row["turns"],
        user_messages=row["messages"],
        answers=row["answers"],
        tokens=row["tokens"],
        cost_usd=cost({**row, "cost_usd": row["known_cost"]}),
        unpriced_turns=row["unpriced"],
        first_turn_at=row["first_at"],
        last_turn_at=row["last_at"],
        last_status=row["latest_status"],
        last_model=row["latest_model"] or None,
    )
