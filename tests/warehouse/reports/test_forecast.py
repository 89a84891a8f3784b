"""The month's cost at its end: by weekday, with an interval that holds."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from tests.warehouse.constants import NOW, ZONE
from tests.warehouse.replica import Replica, turn
from warehouse import reports
from warehouse.clickhouse.client import ClickHouseReader
from warehouse.periods import midnight
from warehouse.reports.forecast import rest_of_month, shares_left
from warehouse.snapshot import resolve

ONE_DAY = timedelta(days=1)
TODAY = NOW.astimezone(ZONE).date()


async def published(replica: Replica, reader: ClickHouseReader, *days: int) -> reports.Forecast:
    """A turn at noon that many days ago costs a dollar, at weekends a quarter of it."""
    for ago in days:
        noon = midnight(TODAY - ago * ONE_DAY, ZONE) + timedelta(hours=12)
        cost = Decimal("0.25" if noon.weekday() >= 5 else "1")
        replica.store([turn(noon, user=ago + 1, cost_usd=cost)])
    replica.publish(NOW)
    return await reports.forecast(reader, snapshot=await resolve(reader))


async def test_a_steady_week_goes_on_to_the_end_of_the_month(
    replica: Replica, reader: ClickHouseReader
):
    found = await published(replica, reader, *range(60))

    # 18 March 2026 is a Wednesday; 21:30 of 24 hours are over. Nine weekdays and four days at
    # weekends follow.
    spent = 13 + 5 * Decimal("0.25")
    assert (found.month, found.spent_usd, found.history_days) == (date(2026, 3, 1), spent, 56)
    assert found.expected_usd == spent + 9 + 4 * Decimal("0.25") + Decimal("0.104167")
    assert found.low_usd == found.high_usd == found.expected_usd


async def test_less_than_a_week_says_nothing_of_the_end(replica: Replica, reader: ClickHouseReader):
    found = await published(replica, reader, *range(7))

    assert (found.history_days, found.expected_usd) == (6, None)
    assert (found.low_usd, found.high_usd) == (None, None)
    assert found.spent_usd == 5 + 2 * Decimal("0.25")


async def test_a_cost_that_is_not_known_is_counted_apart(
    replica: Replica, reader: ClickHouseReader
):
    replica.store([turn(NOW - timedelta(hours=1), user=99, cost_usd=None)])

    found = await published(replica, reader, 1)

    assert (found.spent_usd, found.unpriced_turns) == (1, 1)


@pytest.mark.parametrize(
    ("moment", "share"),
    [
        (datetime(2026, 3, 28, 22, 0, tzinfo=UTC), Decimal(1) / 24),
        # The clock changes: the day has 23 hours, of which 12 are left at noon.
        (datetime(2026, 3, 29, 10, 0, tzinfo=UTC), Decimal(12) / 23),
    ],
)
def test_the_rest_of_today_is_a_share_of_its_own_length(moment: datetime, share: Decimal):
    shares = shares_left(moment, ZONE)

    today = moment.astimezone(ZONE).date()
    days = (date(2026, 4, 1) - today).days
    assert list(shares) == [today + number * ONE_DAY for number in range(days)]
    assert list(shares.values()) == [share, *[1] * (days - 1)]


def test_four_months_of_five_end_within_the_interval():
    chance = random.Random(11)
    hits = rounds = 0
    for month in range(400):
        start = date(2024, 1, 1) + month * ONE_DAY
        level = [10 + 10 * (day.weekday() < 5) for day in (start + n * ONE_DAY for n in range(71))]
        costs = [Decimal(str(round(chance.gauss(mean, 3), 6))) for mean in level]
        days = [start + number * ONE_DAY for number in range(71)]
        history = dict(zip(days[:56], costs[:56], strict=True))
        rest, margin = rest_of_month(history, dict.fromkeys(days[56:], Decimal(1)))
        rounds += 1
        hits += abs(sum(costs[56:]) - rest) <= margin
    assert 0.75 <= hits / rounds <= 0.85
