"""Which dialogs are on a page: those of the newest turns, before a cursor."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from common.errors import DialyticsError
from warehouse.clickhouse.reader import Reader
from warehouse.periods import Period, midnight
from warehouse.reports.parameters import Row, ask, ask_ledger, is_filtered, ledger_parameters
from warehouse.reports.ranking import LISTED
from warehouse.reports.shapes import Filters
from warehouse.snapshot import Snapshot
from warehouse.tiers import touched_days

# The ledger is searched backwards in steps that grow, so that the usual page reads an hour of it.
FIRST_STEP = timedelta(hours=1)
STEP_GROWTH = 8

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_DAY = timedelta(days=1)
# The year 9999: the latest moment that a cursor may name still is a datetime.
AFTER_EVERYTHING = (253_370_764_800_000_000, "")

Place = tuple[int, str]
"""A dialog's newest turn in microseconds, and the dialog."""


class CursorError(DialyticsError):
    """The cursor was not issued by this report."""


async def listed_places(
    reader: Reader, *, snapshot: Snapshot, period: Period, filters: Filters, limit: int
) -> list[Place] | None:
    """The first page from what each day lists; None when that is not sure to be the answer.

    A build lists, for its day and bot, the dialogs of the newest turns. The first `limit` places of
    each list are enough:

    - A dialog on the page is listed for the day and bot of its newest turn, with that turn:
      all that come before it on that list come before it on the page. Its places on other
      lists, and those of dialogs that are not on the page, are never newer than they are.
    - Fewer than `limit` are found only when no list was cut: then they are all.
    - A day that the period's start cuts lies behind the whole ones, so it matters only then.
    - A turn at or after the period's end would come first, wherever the end cuts a day.

    Of a withheld day the ledger leaves out what was corrected since, and the list does not.
    """
    if limit > LISTED or is_filtered(filters):
        return None
    first, last = touched_days(period.span, snapshot.zone)
    starts_whole = midnight(first, snapshot.zone) == period.since
    if not starts_whole:
        first += _DAY
    if first > last or touches_withheld_day(snapshot, first, last):
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


async def newest_places(
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
        found = await places_between(
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


async def places_between(
    reader: Reader,
    *,
    snapshot: Snapshot,
    period: Period,
    filters: Filters,
    not_before: datetime,
    before: Place,
    limit: int,
) -> list[Place]:
    """Newest first, with a turn from `not_before` on, strictly before the cursor."""
    rows = await ask_ledger(
        reader,
        "recent_dialog_ids",
        {
            "not_before": not_before,
            "until": period.until,
            **ledger_parameters(snapshot),
            "before_micros": before[0],
            "before_dialog": before[1],
            "limit": limit,
        },
        filters,
    )
    return _places(rows)


def touches_withheld_day(snapshot: Snapshot, first: date, last: date) -> bool:
    """Whether one of the days is withheld."""
    return any(first <= day <= last for day in snapshot.days_withheld())


def _places(rows: Sequence[Row]) -> list[Place]:
    return [(row["last_micros"], row["dialog"]) for row in rows]


def encode_cursor(place: Place) -> str:
    """The page after this place, as the next request names it."""
    return base64.urlsafe_b64encode(f"{place[0]}.{place[1]}".encode()).decode().rstrip("=")


def decode_cursor(cursor: str) -> Place:
    """The place that a page begins after.

    Raises:
        CursorError: the cursor was not issued by this report.
    """
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        micros, dialog = base64.urlsafe_b64decode(padded.encode()).decode().split(".")
        place = int(micros), str(UUID(dialog))
    except (binascii.Error, ValueError) as error:
        raise CursorError("cursor: not one that this report issued") from error
    if not 0 <= place[0] < AFTER_EVERYTHING[0]:
        raise CursorError("cursor: not one that this report issued")
    return place
