"""Turns one by one, newest first, page by page: the turns that a count counts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from warehouse.clickhouse.reader import Reader
from warehouse.periods import Period
from warehouse.reports.dialog_places import (
    AFTER_EVERYTHING,
    FIRST_STEP,
    STEP_GROWTH,
    decode_cursor,
    encode_cursor,
)
from warehouse.reports.parameters import Row, ask_ledger, ledger_parameters
from warehouse.reports.shapes import NO_FILTERS, Filters
from warehouse.snapshot import Snapshot

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class ListedTurn:
    """A finished turn, as the ledger knows it: no text, no name."""

    turn_id: str
    dialog_id: str
    received_at: datetime
    bot_id: int
    user_key: int
    chat_type: str
    language: str | None
    source: str | None
    status: str
    cause: str | None
    """Why it was no whole answer."""
    model_asked: str | None
    model_used: str | None
    """The model that answered."""
    fallback_cause: str | None
    user_messages: int
    prompt_tokens: int
    completion_tokens: int
    cost_usd: Decimal | None
    """The known part of its cost."""
    is_unpriced: bool
    """The cost of one of its calls is unknown."""
    answer_parts: int
    latency_ms: float | None
    """From the question to the whole answer."""
    ttft_ms: float | None
    """From the question to the first token."""


@dataclass(frozen=True, slots=True)
class TurnPage:
    turns: tuple[ListedTurn, ...]
    next_cursor: str | None
    """Opaque; None on the last page."""


async def listed_turns(
    reader: Reader,
    *,
    snapshot: Snapshot,
    period: Period,
    filters: Filters = NO_FILTERS,
    cursor: str | None = None,
    limit: int = 50,
) -> TurnPage:
    """The turns that the figures of the period count under the same filters.

    Args:
        reader: connection to ClickHouse.
        snapshot: what the answer rests on.
        period: whose turns are listed.
        filters: narrow the turns that are listed.
        cursor: `next_cursor` of the page before.
        limit: 1 to 100.

    Raises:
        CursorError: the cursor was not issued by this report.
    """
    before = decode_cursor(cursor) if cursor is not None else AFTER_EVERYTHING
    newest = min(period.until, snapshot.data_through, _EPOCH + before[0] * _MICROSECOND)
    step = FIRST_STEP
    while True:
        # The ledger is searched backwards in steps that grow.
        not_before = max(period.since, newest - step)
        rows = await ask_ledger(
            reader,
            "listed_turns",
            {
                "not_before": not_before,
                "until": period.until,
                **ledger_parameters(snapshot),
                "before_micros": before[0],
                "before_turn": before[1],
                "limit": limit + 1,
            },
            filters,
        )
        if len(rows) > limit or not_before == period.since:
            break
        step *= STEP_GROWTH
    shown = rows[:limit]
    is_last = len(rows) <= limit
    return TurnPage(
        tuple(_turn(row) for row in shown),
        None if is_last else encode_cursor((shown[-1]["micros"], shown[-1]["turn"])),
    )


def _turn(row: Row) -> ListedTurn:
    return ListedTurn(
        turn_id=row["turn"],
        dialog_id=row["dialog"],
        received_at=row["moment"],
        bot_id=row["bot"],
        user_key=row["person"],
        chat_type=row["chat"],
        language=row["tongue"] or None,
        source=row["origin"] or None,
        status=row["ending"],
        cause=row["why"] or None,
        model_asked=row["asked"] or None,
        model_used=row["answerer"] or None,
        fallback_cause=row["handed_for"] or None,
        user_messages=row["messages"],
        prompt_tokens=row["prompted"],
        completion_tokens=row["completed"],
        cost_usd=row["known_cost"],
        is_unpriced=bool(row["is_unpriced"]),
        answer_parts=row["parts"],
        latency_ms=_milliseconds(row["answer_microseconds"]),
        ttft_ms=_milliseconds(row["token_microseconds"]),
    )


def _milliseconds(microseconds: int | None) -> float | None:
    return None if microseconds is None else microseconds / 1000
