"""The users with most messages, tokens or cost."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from warehouse.clickhouse.reader import Reader
from warehouse.periods import Period
from warehouse.reports.parameters import (
    Parameters,
    ask,
    ask_ledger,
    cost,
    day_range,
    ledger_parameters,
    time_range,
    whole_days,
)
from warehouse.reports.ranking import top_k_candidates
from warehouse.reports.shapes import NO_FILTERS, Filters
from warehouse.snapshot import Snapshot
from warehouse.tiers import touched_days

MAX_LISTED_DAYS = 100
"""The lists of more days are longer than the sums of all users."""


class TopUsersBy(StrEnum):
    MESSAGES = "messages"
    TOKENS = "tokens"
    COST = "cost"


@dataclass(frozen=True, slots=True)
class TopUser:
    user_key: int
    user_messages: int
    turns: int
    answers: int
    tokens: int
    cost_usd: Decimal | None
    unpriced_turns: int
    last_turn_at: datetime


_COLUMNS = {
    TopUsersBy.MESSAGES: "user_messages",
    TopUsersBy.TOKENS: "tokens",
    TopUsersBy.COST: "cost_usd",
}
"""Summed columns, each in its own type: one for all would be the widest and cost twice as much."""


async def top_users(
    reader: Reader,
    *,
    snapshot: Snapshot,
    period: Period,
    by: TopUsersBy = TopUsersBy.MESSAGES,
    filters: Filters = NO_FILTERS,
    limit: int = 10,
) -> tuple[TopUser, ...]:
    """The people with most messages, tokens or known cost; ties by key. `limit` 1 to 100."""
    span = period.span
    cut = whole_days(snapshot, span, filters)
    days = day_range(cut.first_day, cut.last_day)
    parameters: Parameters = {"builds": snapshot.versions(*touched_days(span, snapshot.zone))}
    if cut.days == span:
        parameters["bot_id"] = filters.bot_id
        named = None
        if by is TopUsersBy.MESSAGES and (cut.last_day - cut.first_day).days < MAX_LISTED_DAYS:
            listed = await ask(reader, "busiest_of_days", parameters)
            named = top_k_candidates([row["busiest"] for row in listed], limit=limit)
        if named is not None:
            parameters |= {"people": named, "limit": limit}
            rows = await ask(reader, "top_users_named", parameters)
        else:
            parameters |= {**days, "by": _COLUMNS[by], "limit": limit}
            rows = await ask(reader, "top_users_days", parameters)
    else:
        around = {"days_since": cut.days.since, "days_until": cut.days.until, **days}
        parameters |= {
            **time_range(span),
            **around,
            **ledger_parameters(snapshot),
        }
        parameters |= {"by": by.value, "limit": limit}
        rows = await ask_ledger(reader, "top_users", parameters, filters)
    return tuple(
        TopUser(
            user_key=row["user_key"],
            user_messages=row["user_messages"],
            turns=row["turns"],
            answers=row["answers"],
            tokens=row["tokens"],
            cost_usd=cost(row),
            unpriced_turns=row["unpriced"],
            last_turn_at=row["last_at"],
        )
        for row in rows
    )
