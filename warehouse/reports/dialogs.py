"""Dialogs by their latest turn, page by page."""

from __future__ import annotations

import base64
import binascii
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from common.errors import DialyticsError
from warehouse.periods import Period
from warehouse.reading import Reader
from warehouse.reports.answers import NO_FILTERS, DialogPage, Filters, RecentDialog
from warehouse.reports.asking import Row, ask, cost, ledger, moments, narrowing
from warehouse.snapshot import Snapshot

# The ledger is searched backwards in steps that grow, so that the usual page reads an hour of it.
FIRST_STEP = timedelta(hours=1)
STEP_GROWTH = 8
MOST_AT_ONCE = 50_000
CHUNK_DIALOGS = 1_000

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
# The year 9999: the latest moment that a cursor may name still is a datetime.
_AFTER_EVERYTHING = (253_370_764_800_000_000, "")


class CursorError(DialyticsError):
    """The cursor was not issued by this report."""


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
        reader: the door.
        snapshot: what the answer rests on.
        period: whose turns are looked at.
        filters: narrow the turns that are looked at.
        cursor: `next_cursor` of the page before.
        limit: 1 to 100.

    Raises:
        CursorError: the cursor was not issued by this report.
    """
    before = _decode(cursor) if cursor is not None else _AFTER_EVERYTHING
    found = await _newest(
        reader, snapshot=snapshot, period=period, filters=filters, before=before, limit=limit + 1
    )
    shown = found[:limit]
    if not shown:
        return DialogPage((), None)
    dialogs = await _details(reader, shown, snapshot=snapshot, period=period, filters=filters)
    return DialogPage(dialogs, _encode(shown[-1]) if len(found) > limit else None)


async def every_dialog(
    reader: Reader,
    *,
    snapshot: Snapshot,
    period: Period,
    filters: Filters = NO_FILTERS,
    most: int = MOST_AT_ONCE,
) -> tuple[AsyncIterator[tuple[RecentDialog, ...]], bool]:
    """All dialogs with a turn in the period, newest first, a thousand figures at a time.

    Which they are is found at once: about a hundred bytes of memory each.

    Args:
        reader: the door.
        snapshot: what the answer rests on.
        period: whose turns are looked at.
        filters: narrow the turns that are looked at.
        most: 1 to 50,000 dialogs.

    Returns:
        The dialogs in chunks, asked for as they are taken, and whether there are more than `most`.
    """
    found = await _between(
        reader,
        snapshot=snapshot,
        period=period,
        filters=filters,
        not_before=period.since,
        before=_AFTER_EVERYTHING,
        limit=most + 1,
    )

    async def chunks() -> AsyncIterator[tuple[RecentDialog, ...]]:
        for start in range(0, min(most, len(found)), CHUNK_DIALOGS):
            shown = found[start : min(start + CHUNK_DIALOGS, most)]
            yield await _details(reader, shown, snapshot=snapshot, period=period, filters=filters)

    return chunks(), len(found) > most


async def _details(
    reader: Reader,
    shown: Sequence[tuple[int, str]],
    *,
    snapshot: Snapshot,
    period: Period,
    filters: Filters,
) -> tuple[RecentDialog, ...]:
    rows = await ask(
        reader,
        "recent_dialogs",
        {
            **moments(period.span),
            **ledger(snapshot),
            **narrowing(filters),
            "dialogs": [UUID(dialog) for _, dialog in shown],
        },
    )
    return tuple(_dialog(row) for row in rows)


async def _newest(
    reader: Reader,
    *,
    snapshot: Snapshot,
    period: Period,
    filters: Filters,
    before: tuple[int, str],
    limit: int,
) -> list[tuple[int, str]]:
    """(newest turn in microseconds, dialog), newest first, strictly before the cursor."""
    newest = min(period.until, snapshot.data_through, _EPOCH + before[0] * _MICROSECOND)
    step = FIRST_STEP
    while True:
        not_before = max(period.since, newest - step)
        found = await _between(
            reader,
            snapshot=snapshot,
            period=period,
            filters=filters,
            not_before=not_before,
            before=before,
            limit=limit,
        )
        if len(found) == limit or not_before == period.since:
            return found
        step *= STEP_GROWTH


async def _between(
    reader: Reader,
    *,
    snapshot: Snapshot,
    period: Period,
    filters: Filters,
    not_before: datetime,
    before: tuple[int, str],
    limit: int,
) -> list[tuple[int, str]]:
    rows = await ask(
        reader,
        "recent_dialog_ids",
        {
            "not_before": not_before,
            "until": period.until,
            **ledger(snapshot),
            **narrowing(filters),
            "before_micros": before[0],
            "before_dialog": before[1],
            "limit": limit,
        },
    )
    return [(row["last_micros"], row["dialog"]) for row in rows]


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
        cost_usd=cost({"cost_usd": row["known_cost"], "unpriced": row["unpriced"]}),
        unpriced_turns=row["unpriced"],
        first_turn_at=row["first_at"],
        last_turn_at=row["last_at"],
        last_status=row["latest_status"],
        last_model=row["latest_model"] or None,
    )


def _encode(place: tuple[int, str]) -> str:
    return base64.urlsafe_b64encode(f"{place[0]}.{place[1]}".encode()).decode().rstrip("=")


def _decode(cursor: str) -> tuple[int, str]:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        micros, dialog = base64.urlsafe_b64decode(padded.encode()).decode().split(".")
        place = int(micros), str(UUID(dialog))
    except (binascii.Error, ValueError) as error:
        raise CursorError("cursor: not one that this report issued") from error
    if not 0 <= place[0] < _AFTER_EVERYTHING[0]:
        raise CursorError("cursor: not one that this report issued")
    return place
