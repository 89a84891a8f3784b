"""Computes the same reports with pandas from the raw ledger, without the warehouse's code."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from warehouse.reports import Condition, Filters

STATED_ERROR = 0.0101
"""Relative error of the latency states, with a margin for binary fractions."""


COLUMNS = {
    "bot": "bot_id",
    "source": "origin",
    "person": "user_key",
    "dialog": "dialog_id",
    "cause": "reason",
}
"""Columns of dimensions, where their names differ."""


def matching(turns: pd.DataFrame, conditions: Sequence[Condition]) -> pd.DataFrame:
    """Turns that every condition lets pass."""
    for operator, dimension, values in conditions:
        found = turns[COLUMNS.get(dimension, dimension)]
        if operator.startswith("contains"):
            hit = [any(part in value for part in values) for value in found]
        else:
            hit = [(str(value) if dimension == "dialog" else value) in values for value in found]
        wanted = not operator.endswith("not")
        turns = turns[pd.Series([one == wanted for one in hit], turns.index, dtype=bool)]
    return turns


def of_bots(turns: pd.DataFrame, filters: Filters) -> pd.DataFrame:
    """The turns with the bots of the filters."""
    if filters.bot_id is not None:
        turns = turns[turns["bot_id"] == filters.bot_id]
    return matching(turns, [one for one in filters.conditions if one.dimension == "bot"])


class BruteForce:
    """A ledger in memory.

    Args:
        turns: turns in their current state.
    """

    def __init__(self, turns: Iterable[dict[str, Any]]) -> None:
        frame = pd.DataFrame(list(turns))
        frame["received_at"] = pd.to_datetime(frame["received_at"], utc=True)
        frame["origin"] = frame["source"]
        texts = ("language", "reason", "fallback_cause", "model_asked", "model_used", "origin")
        for column in texts:
            frame[column] = [value if isinstance(value, str) else "" for value in frame[column]]
        frame["model"] = [
            used or asked
            for used, asked in zip(frame["model_used"], frame["model_asked"], strict=True)
        ]
        frame["tokens"] = frame["prompt_tokens"].fillna(0) + frame["completion_tokens"].fillna(0)
        frame["is_unpriced"] = frame["unpriced_calls"] > 0
        frame["is_served"] = (frame["status"] != "rejected") & (frame["model"] != "")
        self.turns = frame
        ordered = frame[frame["is_person"].astype(bool)].sort_values("received_at")
        self.firsts = ordered.drop_duplicates("user_key").set_index("user_key")

    def select(self, since: datetime, until: datetime, filters: Filters) -> pd.DataFrame:
        found = self.turns
        found = found[(found["received_at"] >= since) & (found["received_at"] < until)]
        for column in ("bot_id", "chat_type", "language", "model"):
            value = getattr(filters, column)
            if value is not None:
                found = found[found[column] == value]
        return matching(found, filters.conditions)

    def newcomers(
        self, since: datetime, until: datetime, filters: Filters, active: pd.DataFrame
    ) -> set[int]:
        firsts = self.firsts
        chosen = firsts[(firsts["received_at"] >= since) & (firsts["received_at"] < until)]
        chosen = of_bots(chosen, filters)
        return set(chosen.index) & people(active)

    def totals(self, since: datetime, until: datetime, filters: Filters) -> dict[str, Any]:
        found = self.select(since, until, filters)
        answered = found[found["status"] == "answered"]
        served = found[found["is_served"]]
        cost, unpriced = money(found)
        return {
            "user_messages": int(found["user_messages"].sum()),
            "turns": len(found),
            "served_turns": len(served),
            "answers": len(answered),
            "incomplete": int((answered["reason"] == "incomplete").sum()),
            "failed": int((found["status"] == "failed").sum()),
            "rejected": int((found["status"] == "rejected").sum()),
            "cancelled": int((found["status"] == "cancelled").sum()),
            "abandoned": int(
                (
                    found["status"].isin(["cancelled", "failed"])
                    & found["reason"].isin(["stopped", "cancelled", "blocked"])
                ).sum()
            ),
            "edited_questions": int((found["reason"] == "edited").sum()),
            "command_turns": int((found["user_messages"] == 0).sum()),
            "uncounted_turns": int((found["user_key"] == 0).sum()),
            "active_users": len(people(found)),
            "served_users": len(people(served)),
            "rejected_users": len(people(found) - people(served)),
            "reached_users": len(people(answered)),
            "new_users": len(self.newcomers(since, until, filters, found)),
            "prompt_tokens": int(found["prompt_tokens"].fillna(0).sum()),
            "completion_tokens": int(found["completion_tokens"].fillna(0).sum()),
            "cached_tokens": int(found["cached_tokens"].fillna(0).sum()),
            "reasoning_tokens": int(found["reasoning_tokens"].fillna(0).sum()),
            "tokens": int(found["tokens"].sum()),
            "cost_usd": cost,
            "unpriced_turns": unpriced,
            "fallbacks": int((found["fallback_cause"] != "").sum()),
            "fallback_wait_ms": int(found["fallback_wait_ms"].sum()),
            "fallback_cost_usd": sum(
                (value for value in found["fallback_cost_usd"] if isinstance(value, Decimal)),
                Decimal(0),
            ),
            "answer_parts": int(found["answer_parts"].sum()),
            "flood_waits": int((found["flood_wait_ms"] > 0).sum()),
            "flood_wait_ms": int(found["flood_wait_ms"].sum()),
            "pacing_wait_ms": int(found["pacing_wait_ms"].sum()),
            "tokens_per_second": tokens_per_second(found),
        }

    def latencies(self, found: pd.DataFrame) -> list[float]:
        answered = found[(found["status"] == "answered") & found["answered_at"].notna()]
        return milliseconds(answered["received_at"], answered["answered_at"])

    def first_tokens(self, found: pd.DataFrame) -> list[float]:
        streamed = found[found["first_token_at"].notna()]
        return milliseconds(streamed["received_at"], streamed["first_token_at"])

    def users_by(
        self, since: datetime, until: datetime, filters: Filters, by: str
    ) -> list[tuple[int, Any]]:
        found = self.select(since, until, filters)
        worth = []
        for key, turns in found[found["is_person"].astype(bool)].groupby("user_key"):
            value = {
                "messages": int(turns["user_messages"].sum()),
                "tokens": int(turns["tokens"].sum()),
                "cost": money(turns)[0] or Decimal(0),
            }[by]
            worth.append((int(key), value))
        return sorted(worth, key=lambda pair: (-pair[1], pair[0]))

    def dialogs(
        self, since: datetime, until: datetime, filters: Filters
    ) -> list[tuple[str, datetime, int]]:
        """(dialog, newest turn, turns), newest first."""
        found = self.select(since, until, filters)
        grouped = [
            (str(key), turns["received_at"].max().to_pydatetime(), len(turns))
            for key, turns in found.groupby("dialog_id")
        ]
        return sorted(grouped, key=lambda row: (row[1], row[0]), reverse=True)

    def days(self, zone: str, filters: Filters) -> dict[date, set[int]]:
        """Active people per calendar day of the zone."""
        found = self.select(FIRST, LAST, filters)
        local = found["received_at"].dt.tz_convert(zone).dt.date
        return {
            day: found_people
            for day, turns in found.groupby(local)
            if (found_people := people(turns))
        }

    def first_days(self, zone: str, filters: Filters) -> dict[int, date]:
        firsts = self.firsts
        firsts = of_bots(firsts, filters)
        local = firsts["received_at"].dt.tz_convert(zone).dt.date
        return {int(key): day for key, day in local.items()}


FIRST = datetime.fromisoformat("1990-01-01T00:00:00+00:00")
LAST = datetime.fromisoformat("2090-01-01T00:00:00+00:00")


def people(found: pd.DataFrame) -> set[int]:
    """Pseudonyms that are no person left out."""
    return set(found[found["is_person"].astype(bool)]["user_key"])


def money(found: pd.DataFrame) -> tuple[Decimal | None, int]:
    """The sum of the known costs, None when none is known and one is unknown; unpriced turns."""
    known = [cost for cost in found["cost_usd"] if isinstance(cost, Decimal)]
    unpriced = int(found["is_unpriced"].sum())
    return (None if unpriced and not known else sum(known, Decimal(0))), unpriced


def tokens_per_second(found: pd.DataFrame) -> float | None:
    milliseconds = int(found["generation_ms"].sum())
    return 1000 * int(found["generated_tokens"].sum()) / milliseconds if milliseconds else None


def milliseconds(begin: pd.Series[Any], end: pd.Series[Any]) -> list[float]:
    return sorted(
        max((finish.to_pydatetime() - start.to_pydatetime()) / timedelta(milliseconds=1), 0.0)
        for start, finish in zip(begin, pd.to_datetime(end, utc=True), strict=True)
    )


def is_percentile(answer: float | None, values: Sequence[float], share: float) -> bool:
    """Whether the answer is the percentile, within the error that the states promise."""
    if not values:
        return answer is None
    place = share * (len(values) - 1)
    low, high = values[math.floor(place)], values[math.ceil(place)]
    return answer is not None and low * (1 - STATED_ERROR) <= answer <= high * (1 + STATED_ERROR)


def bucket_label(moment: datetime, bucket: str, zone: str) -> tuple[Any, ...]:
    """The name of a moment's bucket on the zone's own calendar and clock."""
    local = moment.astimezone(ZoneInfo(zone))
    day = local.date()
    match bucket:
        case "15m":
            return (day, local.hour, local.minute // 15, local.utcoffset())
        case "hour":
            return (day, local.hour, local.utcoffset())
        case "day":
            return (day,)
        case "week":
            return (day - timedelta(days=day.weekday()),)
    return (day.replace(day=1),)
