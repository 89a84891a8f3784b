"""Totals, series and the week at a glance."""

from __future__ import annotations

import math
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from common.zones import Clock, clock_of
from warehouse.kept_days import BotDay
from warehouse.periods import Bucket, Period, Span
from warehouse.reading import Reader
from warehouse.reports.answers import (
    NO_FILTERS,
    Activity,
    ActivityPoint,
    Filters,
    Summary,
    Totals,
)
from warehouse.reports.asking import (
    P50,
    P95,
    Parameters,
    Row,
    ask,
    ask_filtered,
    cost,
    day_edges,
    days_of,
    hybrid,
    is_narrowed,
    moments,
    narrowing,
    percentile,
    ratio,
    second_edges,
)
from warehouse.reports.kept import activity_rows, summary_row
from warehouse.reports.people_answers import Heatmap, HeatmapCell
from warehouse.snapshot import Snapshot
from warehouse.tiers import Tier, day_number, series_tier, totals_tier, touched_days

WEEKDAYS = range(1, 8)
HOURS = range(24)
WHOLE_DAYS = (Bucket.DAY, Bucket.WEEK, Bucket.MONTH)
"""Buckets that days of the period's own zone can be added up to."""
# One table instead of two, where one is enough, takes a third off the answer.
_TOTALS: dict[Tier | None, tuple[str, tuple[str, ...]]] = {
    Tier.DAILY: ("summary_days", ("since", "until", "first_day", "last_day")),
    Tier.QUARTER_HOUR: ("summary_quarters", ("first_day", "last_day")),
    None: ("summary", ()),
}
"""By tier: the statement, and the shared parameters that it does not have."""
SUMMED = (
    *("turns", "user_messages", "answers", "failed", "cancelled", "rejected", "incomplete"),
    *("fallbacks", "prompt_tokens", "completion_tokens", "cached_tokens", "reasoning_tokens"),
    *("unpriced", "answer_parts", "flood_waits", "flood_wait_ms", "served_turns", "priced"),
    "pacing_wait_ms",
)
"""What `sums` of a summary or a point are, in order."""
NO_TURNS: Row = (
    dict.fromkeys((*SUMMED, "active_users", "served_users", "reached_users", "new_users"), 0)
    | {"cost_usd": Decimal(0)}
    | dict.fromkeys(("latency", "ttft"), (math.nan,) * 4)
)
"""A group without any turn."""


async def summary(
    reader: Reader,
    *,
    snapshot: Snapshot,
    period: Period,
    filters: Filters = NO_FILTERS,
    compare: bool = False,
) -> Summary:
    """Totals of the period and, with `compare`, of the one before, cut at the same point."""
    zone = period.zone
    current = await totals(reader, snapshot=snapshot, span=period.span, zone=zone, filters=filters)
    if not compare:
        return Summary(current, None, None, None)
    before = period.previous(data_through=snapshot.data_through)
    previous = await totals(reader, snapshot=snapshot, span=before, zone=zone, filters=filters)
    return Summary(current, previous, before.since, before.until)


async def totals(
    reader: Reader, *, snapshot: Snapshot, span: Span, zone: ZoneInfo, filters: Filters
) -> Totals:
    """Every figure of any span on quarters of an hour; `zone` is the one whose days it may hold."""
    if span.since == span.until:
        return _totals(NO_TURNS)
    parameters = hybrid(snapshot, span)
    if is_narrowed(filters):
        parameters |= narrowing(filters)
        return _totals((await ask(reader, "summary_narrowed", parameters))[0])
    parameters["bot_id"] = filters.bot_id
    tier = totals_tier(span, snapshot.zone)
    if tier is Tier.DAILY:
        days = await snapshot.bot_days(
            reader, *touched_days(span, snapshot.zone), bot_id=filters.bot_id
        )
    else:
        days = await snapshot.zone_days(reader, span, zone, bot_id=filters.bot_id)
    if days is not None:
        return _totals(_spread(summary_row(days)))
    name, unused = _TOTALS[tier]
    needed = {key: value for key, value in parameters.items() if key not in unused}
    return _totals(_spread((await ask(reader, name, needed))[0]))


async def activity(
    reader: Reader,
    *,
    snapshot: Snapshot,
    period: Period,
    filters: Filters = NO_FILTERS,
    compare: bool = False,
) -> Activity:
    """One point per bucket of the period, empty ones as zeros."""
    points = await _series(
        reader, snapshot=snapshot, period=period, span=period.span, filters=filters
    )
    if not compare:
        return Activity(points, ())
    before = period.previous(data_through=snapshot.data_through)
    previous = await _series(reader, snapshot=snapshot, period=period, span=before, filters=filters)
    return Activity(points, previous)


async def heatmap(
    reader: Reader, *, snapshot: Snapshot, period: Period, filters: Filters = NO_FILTERS
) -> Heatmap:
    """Weekday by hour in the period's zone, all 168 cells."""
    rows = await ask_filtered(
        reader,
        "heatmap",
        {
            **moments(period.span),
            "builds": snapshot.versions(*touched_days(period.span, snapshot.zone)),
            **_clock(period).parameters(),
        },
        filters,
    )
    found = {(row["weekday"], row["hour"]): row for row in rows}
    return Heatmap(
        tuple(
            _cell(weekday, hour, found.get((weekday, hour)))
            for weekday in WEEKDAYS
            for hour in HOURS
        )
    )


def _clock(period: Period) -> Clock:
    return clock_of(period.zone, int(period.since.timestamp()), int(period.until.timestamp()))


async def _series(
    reader: Reader, *, snapshot: Snapshot, period: Period, span: Span, filters: Filters
) -> tuple[ActivityPoint, ...]:
    if span.since == span.until:
        return ()
    starts = period.bucket_starts(span)
    touched = touched_days(span, snapshot.zone)
    parameters: Parameters = {"builds": snapshot.versions(*touched)}
    is_daily = series_tier(span, starts, snapshot.zone) is Tier.DAILY
    kept: list[BotDay] | None = None
    if is_daily and not is_narrowed(filters):
        kept = await snapshot.bot_days(reader, *touched, bot_id=filters.bot_id)
    elif period.bucket in WHOLE_DAYS and not is_narrowed(filters):
        kept = await snapshot.zone_days(reader, span, period.zone, bot_id=filters.bot_id)
    zone = snapshot.zone if is_daily else period.zone
    days = [start.astimezone(zone).date() for start in starts]
    keys = [day_number(day) for day in days]
    if kept is not None:
        rows = activity_rows(kept, keys)
    elif is_daily:
        narrowed = {**days_of(*touched), "edges": day_edges(days)}
        parameters |= narrowed if is_narrowed(filters) else {"edges": keys}
        rows = await ask_filtered(reader, "activity_days", parameters, filters)
    else:
        keys = [int(start.timestamp()) for start in starts]
        parameters |= {**moments(span), "edges": second_edges(starts)}
        rows = await ask_filtered(reader, "activity_quarters", parameters, filters)
    if not is_narrowed(filters):
        rows = [_spread(row) for row in rows]
    found = {row["start"]: row for row in rows}
    return tuple(
        _point(max(start, span.since), found.get(key))
        for start, key in zip(starts, keys, strict=True)
    )


def _spread(row: Row) -> Row:
    """The row with its sums by name; without a row to sum they are zero."""
    sums = row["sums"] or [0] * len(SUMMED)
    return row | dict(zip(SUMMED, sums, strict=True))


def _point(start: datetime, row: Row | None) -> ActivityPoint:
    if row is None:
        row = NO_TURNS
    return ActivityPoint(
        start=start,
        user_messages=row["user_messages"],
        turns=row["turns"],
        served_turns=row["served_turns"],
        answers=row["answers"],
        failed=row["failed"],
        rejected=row["rejected"],
        active_users=row["active_users"],
        served_users=row["served_users"],
        new_users=row["new_users"],
        tokens=row["prompt_tokens"] + row["completion_tokens"],
        cost_usd=cost(row),
        unpriced_turns=row["unpriced"],
        latency_p50_ms=percentile(row["latency"], P50),
        latency_p95_ms=percentile(row["latency"], P95),
    )


def _cell(weekday: int, hour: int, row: Row | None) -> HeatmapCell:
    if row is None:
        return HeatmapCell(weekday, hour, 0, 0, 0)
    return HeatmapCell(weekday, hour, row["user_messages"], row["turns"], row["active_users"])


def _totals(row: Row) -> Totals:
    return Totals(
        user_messages=row["user_messages"],
        turns=row["turns"],
        served_turns=row["served_turns"],
        answers=row["answers"],
        incomplete=row["incomplete"],
        failed=row["failed"],
        rejected=row["rejected"],
        cancelled=row["cancelled"],
        active_users=row["active_users"],
        served_users=row["served_users"],
        rejected_users=row["active_users"] - row["served_users"],
        reached_users=row["reached_users"],
        new_users=row["new_users"],
        prompt_tokens=row["prompt_tokens"],
        completion_tokens=row["completion_tokens"],
        cached_tokens=row["cached_tokens"],
        reasoning_tokens=row["reasoning_tokens"],
        tokens=row["prompt_tokens"] + row["completion_tokens"],
        cost_usd=cost(row),
        unpriced_turns=row["unpriced"],
        fallbacks=row["fallbacks"],
        answer_parts=row["answer_parts"],
        flood_waits=row["flood_waits"],
        flood_wait_ms=row["flood_wait_ms"],
        pacing_wait_ms=row["pacing_wait_ms"],
        messages_per_user=ratio(row["user_messages"], row["active_users"]),
        latency_p50_ms=percentile(row["latency"], P50),
        latency_p95_ms=percentile(row["latency"], P95),
        ttft_p50_ms=percentile(row["ttft"], P50),
        ttft_p95_ms=percentile(row["ttft"], P95),
    )
