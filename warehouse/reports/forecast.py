"""The cost of the running month at its end, by the pattern of weekdays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from warehouse.clickhouse.reader import Reader
from warehouse.periods import (
    QUARTER,
    Bucket,
    Period,
    PeriodName,
    ceil_to_quarter,
    midnight,
)
from warehouse.reports.activity import activity
from warehouse.snapshot import Snapshot

HISTORY_DAYS = 56
MIN_DAYS = 7
"""Fewer whole days say nothing about the month."""
MIN_PATTERN_DAYS = 14
"""With fewer, all weekdays count alike: one was seen only once."""
NORMAL_QUANTILE = Decimal("1.2816")
"""For an interval of 80 %."""
MICRO = Decimal("0.000001")
ONE_DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Forecast:
    """The running month of the report zone. Costs are those that are known."""

    month: date
    """Its first day."""
    spent_usd: Decimal
    unpriced_turns: int
    """Turns of the month whose cost is neither in `spent_usd` nor in the forecast."""
    history_days: int
    """Whole days before today that the forecast rests on, at most 56."""
    expected_usd: Decimal | None
    """At the end of the month; null with less than a week of history."""
    low_usd: Decimal | None
    """In four months of five the cost ends between this and `high_usd`."""
    high_usd: Decimal | None


async def forecast(reader: Reader, *, snapshot: Snapshot) -> Forecast:
    """The month in which the data ends."""
    zone = snapshot.zone
    ceiling = ceil_to_quarter(snapshot.data_through)
    # On quarters of an hour: within one, the same snapshot gives the same answer.
    now = ceiling if ceiling == snapshot.data_through else ceiling - QUARTER
    today = now.astimezone(zone).date()
    month = today.replace(day=1)
    beginning = snapshot.beginning.astimezone(zone).date() if snapshot.beginning else today
    first = max(beginning, today - HISTORY_DAYS * ONE_DAY)
    period = Period(
        name=PeriodName.CUSTOM,
        since=midnight(min(first, month), zone),
        until=midnight(today + ONE_DAY, zone),
        tz=zone.key,
        bucket=Bucket.DAY,
    )
    points = (await activity(reader, snapshot=snapshot, period=period)).points
    days = {point.start.astimezone(zone).date(): point for point in points}
    spent = sum((days[day].cost_usd or Decimal(0) for day in days if day >= month), Decimal(0))
    history = {day: days[day].cost_usd or Decimal(0) for day in days if first <= day < today}
    found = Forecast(
        month=month,
        spent_usd=spent,
        unpriced_turns=sum(days[day].unpriced_turns for day in days if day >= month),
        history_days=len(history),
        expected_usd=None,
        low_usd=None,
        high_usd=None,
    )
    if len(history) < MIN_DAYS:
        return found
    rest, margin = rest_of_month(history, shares_left(now, zone))
    return replace(
        found,
        expected_usd=(spent + rest).quantize(MICRO),
        low_usd=(spent + max(rest - margin, Decimal(0))).quantize(MICRO),
        high_usd=(spent + rest + margin).quantize(MICRO),
    )


def shares_left(now: datetime, zone: ZoneInfo) -> dict[date, Decimal]:
    """The days of the month from today on, and how much of each is left: 1 of a whole day."""
    today = now.astimezone(zone).date()
    begins, ends = (midnight(day, zone) for day in (today, today + ONE_DAY))
    shares = {today: Decimal((ends - now) // SECOND) / ((ends - begins) // SECOND)}
    day = today + ONE_DAY
    while day.month == today.month:
        shares[day] = Decimal(1)
        day += ONE_DAY
    return shares


def rest_of_month(
    history: Mapping[date, Decimal], shares: Mapping[date, Decimal]
) -> tuple[Decimal, Decimal]:
    """The cost that is still to come, and the half width of its interval.

    Each day is expected to cost the mean of its weekday. The interval has two parts: days differ
    from their mean, and the mean of a few days is uncertain itself.
    """
    has_pattern = len(history) >= MIN_PATTERN_DAYS

    def group(day: date) -> int:
        return day.weekday() if has_pattern else 0

    values: dict[int, list[Decimal]] = {}
    for day, cost in history.items():
        values.setdefault(group(day), []).append(cost)
    means = {key: sum(costs, Decimal(0)) / len(costs) for key, costs in values.items()}
    left = dict.fromkeys(values, Decimal(0))
    for day, share in shares.items():
        left[group(day)] += share
    squares = sum(((cost - means[group(day)]) ** 2 for day, cost in history.items()), Decimal(0))
    variance = squares / (len(history) - len(values))
    days = sum((share**2 for share in shares.values()), Decimal(0))
    days += sum((left[key] ** 2 / len(costs) for key, costs in values.items()), Decimal(0))
    rest = sum((means[key] * left[key] for key in values), Decimal(0))
    return rest, NORMAL_QUANTILE * (variance * days).sqrt()
