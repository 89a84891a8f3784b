"""Dialogs by their latest turn, page by page."""

from __future__ import annotations

import base64
import binascii
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from common.errors import DialyticsError
from warehouse.clickhouse.reader import Reader
from warehouse.periods import Period, midnight
from warehouse.reports.answers import NO_FILTERS, DialogPage, Filters, RecentDialog
from warehouse.reports.asking import (
    Parameters,
    Row,
    ask,
    cost,
    is_narrowed,
    ledger,
    moments,
    narrowing,
    whole_days,
)
from warehouse.reports.ranking import LISTED
from warehouse.snapshot import Snapshot
from warehouse.tiers import touched_days

# The ledger is searched backwards in steps that grow, so that the usual page reads an hour of it.
FIRST_STEP = timedelta(hours=1)
STEP_GROWTH = 8
MOST_AT_ONCE = 50_000
CHUNK_DIALOGS = 1_000

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_DAY = timedelta(days=1)
# The year 9999: the latest moment that a cursor may name still is a datetime.
_AFTER_EVERYTHING = (253_370_764_800_000_000, "")

Place = tuple[int, str]
"""A dialog's newest turn in microseconds, and the dialog."""


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
    if cursor is None:
        listed = await _listed(
            reader, snapshot=snapshot, period=period, filters=filters, limit=limit + 1
        )
        if listed is not None:
            page = await _page(
                reader, listed, snapshot=snapshot, period=period, filters=filters, limit=limit
            )
            # A turn deleted since the build is on the list until the next one, without figures.
            if len(page.dialogs) == min(limit, len(listed)):
                return page
    found = await _newest(
        reader, snapshot=snapshot, period=period, filters=filters, before=before, limit=limit + 1
    )
    return await _page(
        reader, found, snapshot=snapshot, period=period, filters=filters, limit=limit
    )


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
    return DialogPage(dialogs, _encode(shown[-1]) if len(found) > limit else None)


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
    is_whole = whole_days(snapshot, span, narrowed=is_narrowed(filters)).days == span
    if is_whole and not _is_withheld(snapshot, first, last):
        builds = {"builds": snapshot.versions(first, last), "bot_id": filters.bot_id}
        rows = [_spread(row) for row in await ask(reader, "dialogs_of_days", dialogs | builds)]
    else:
        rows = await ask(
            reader,
            "recent_dialogs",
            {**moments(span), **ledger(snapshot), **narrowing(filters), **dialogs},
        )
    return tuple(_dialog(row) for row in rows)


def _is_withheld(snapshot: Snapshot, first: date, last: date) -> bool:
    return any(first <= day <= last for day in snapshot.days_withheld())


async def _listed(
    reader: Reader, *, snapshot: Snapshot, period: Period, filters: Filters, limit: int
) -> list[Place] | None:
    """The first page from what each day lists; None when that is not sure to be the answer.

    A build lists, for its day and bot, the dialogs of the newest turns. The first `limit` places of
    each list are enough:

    - A dialog on the page is listed for the day and bot of its newest turn, with that turn:
      whatever stands before it on that list stands before it on the page. Its places on other
      lists, and those of dialogs that are not on the page, are never newer than they are.
    - Fewer than `limit` are found only when no list was cut: then they are all.
    - A day that the period's start cuts lies behind the whole ones, so it matters only then.
    - A turn at or after the period's end would come first, wherever the end cuts a day.

    Of a withheld day the ledger leaves out what was corrected since, and the list does not.
    """
    if limit > LISTED or is_narrowed(filters):
        return None
    first, last = touched_days(period.span, snapshot.zone)
    starts_whole = midnight(first, snapshot.zone) == period.since
    if not starts_whole:
        first += _DAY
    if first > last or _is_withheld(snapshot, first, last):
        return None
    found = _places(
        await ask(
            reader,
            "newest_dialogs",
            {"builds": snapshot.versions(first, last), "bot_id": filters.bot_id, "limit": limit},
        )
    )
    if found and found[0][0] >= (period.until - _EPOCH) // _MICROSECOND:
        return None
    return found if starts_whole or len(found) == limit else None


async def _newest(
    reader: Reader,
    *,
    snapshot: Snapshot,
    period: Period,
    filters: Filters,
    before: Place,
    limit: int,
) -> list[Place]:
    """Newest first, strictly before the cursor, from the ledger."""
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
    before: Place,
    limit: int,
) -> list[Place]:
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
    return _places(rows)


def _places(rows: Sequence[Row]) -> list[Place]:
    return [(row["last_micros"], row["dialog"]) for row in rows]


def _spread(row: Row) -> Row:
    """The row as `recent_dialogs` answers it."""
    user, chat_type, language, status, model = row["latest"]
    return row | {
        "latest_user": int(user),
        "latest_chat_type": chat_type,
        "latest_language": language,
        "latest_status": status,
        "latest_model": model,
    }


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


def _encode(place: Place) -> str:
    return base64.urlsafe_b64encode(f"{place[0]}.{place[1]}".encode()).decode().rstrip("=")


def _decode(cursor: str) -> Place:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        micros, dialog = base64.urlsafe_b64decode(padded.encode()).decode().split(".")
        place = int(micros), str(UUID(dialog))
    except (binascii.Error, ValueError) as error:
        raise CursorError("cursor: not one that this report issued") from error
    if not 0 <= place[0] < _AFTER_EVERYTHING[0]:
        raise CursorError("cursor: not one that this report issued")
    return place
