"""Totals and series from the real engine equal figures counted by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import product

import pytest

from tests.warehouse.constants import NOW
from tests.warehouse.replica import Replica, turn
from warehouse import reports
from warehouse.clickhouse.client import ClickHouseReader
from warehouse.comparison import Comparison
from warehouse.periods import Bucket, Period, PeriodName, resolve
from warehouse.snapshot import NOTHING_PUBLISHED
from warehouse.snapshot import resolve as resolve_snapshot

ZONES = ("Europe/Berlin", "UTC", "Asia/Kathmandu", "America/New_York")


def week(tz: str) -> Period:
    return resolve(PeriodName.WEEK, now=NOW, tz=tz)


async def test_an_empty_warehouse_answers_with_zeros(reader: ClickHouseReader):
    period = week("UTC")
    answer = await reports.summary(
        reader, snapshot=NOTHING_PUBLISHED, period=period, compared_with=Comparison.BEFORE
    )
    assert answer.current.turns == 0
    assert answer.current.cost_usd == 0
    assert answer.current.latency_p50_ms is None
    assert answer.current.messages_per_user is None
    series = await reports.activity(reader, snapshot=NOTHING_PUBLISHED, period=period)
    assert [point.turns for point in series.points] == [0] * 7


async def test_of_a_period_that_the_data_do_not_reach_nothing_is_compared(
    replica: Replica, reader: ClickHouseReader
):
    replica.store([turn(NOW - timedelta(days=1)), turn(NOW)])
    replica.publish(NOW)
    snapshot = await resolve_snapshot(reader)
    # It begins in the evening here, within a day of the report zone, and no data reach it.
    tomorrow = Period(
        PeriodName.CUSTOM,
        datetime(2026, 3, 19, 18, 15, tzinfo=UTC),
        datetime(2026, 3, 20, 18, 15, tzinfo=UTC),
        "Asia/Kathmandu",
        Bucket.DAY,
    )
    # A part of it, where the empty period before begins and ends inside a bucket.
    part = replace(tomorrow, since=tomorrow.since + timedelta(hours=1))
    for period, filters in product(
        (tomorrow, part), (reports.NO_FILTERS, reports.Filters(language="en"))
    ):
        about = {"snapshot": snapshot, "period": period, "filters": filters}
        about["compared_with"] = Comparison.BEFORE
        found = await reports.summary(reader, **about)
        assert found.previous_since == found.previous_until
        assert found.previous is not None
        assert (found.previous.turns, found.previous.active_users, found.current.turns) == (0, 0, 0)
        assert (await reports.activity(reader, **about)).previous == ()


async def test_totals_count_every_outcome_once_in_every_zone(
    replica: Replica, reader: ClickHouseReader
):
    replica.store(
        [
            turn(NOW - timedelta(days=1), user=1),
            turn(NOW - timedelta(days=1, hours=1), user=1, user_messages=3, cost_usd=None),
            turn(NOW - timedelta(hours=1), user=2, status="failed", reason="timeout",
                 model_used=None, cost_usd=None, prompt_tokens=None, completion_tokens=None,
                 first_token_at=None),
            turn(NOW - timedelta(hours=2), user=3, status="rejected", reason="budget",
                 model_asked=None, model_used=None, cost_usd=None, prompt_tokens=None,
                 completion_tokens=None, first_token_at=None),
            turn(NOW - timedelta(days=2), user=4, reason="incomplete"),
            turn(NOW - timedelta(days=40), user=4),
        ]
    )  # fmt: skip
    replica.publish(NOW)
    snapshot = await resolve_snapshot(reader)
    for tz in ZONES:
        answer = (await reports.summary(reader, snapshot=snapshot, period=week(tz))).current
        assert (answer.turns, answer.user_messages, answer.answers) == (5, 7, 3)
        assert (answer.failed, answer.rejected, answer.cancelled, answer.incomplete) == (1, 1, 0, 1)
        assert (answer.active_users, answer.reached_users, answer.new_users) == (4, 2, 3)
        assert (answer.served_turns, answer.served_users, answer.rejected_users) == (4, 3, 1)
        assert answer.tokens == 3 * 120
        assert answer.cost_usd == Decimal("0.0020000002")
        assert answer.unpriced_turns == 2
        assert answer.messages_per_user == 7 / 4
        assert answer.latency_p50_ms == pytest.approx(2_000, rel=0.01)
        assert answer.ttft_p95_ms == pytest.approx(400, rel=0.01)


async def test_cost_is_unknown_rather_than_zero(replica: Replica, reader: ClickHouseReader):
    replica.store([turn(NOW, cost_usd=None)])
    replica.publish(NOW)
    snapshot = await resolve_snapshot(reader)
    answer = (await reports.summary(reader, snapshot=snapshot, period=week("UTC"))).current
    assert answer.cost_usd is None
    assert answer.unpriced_turns == 1


async def test_the_period_before_ends_where_this_one_ends_now(
    replica: Replica, reader: ClickHouseReader
):
    replica.store(
        [
            turn(NOW - timedelta(minutes=1)),
            turn(NOW - timedelta(days=7, minutes=1)),
            turn(NOW - timedelta(days=7) + timedelta(hours=1)),
        ]
    )
    replica.publish(NOW)
    snapshot = await resolve_snapshot(reader)
    period = week("UTC")
    answer = await reports.summary(
        reader, snapshot=snapshot, period=period, compared_with=Comparison.BEFORE
    )
    assert answer.previous is not None
    assert (answer.current.turns, answer.previous.turns) == (1, 1)
    assert answer.previous_until == datetime(2026, 3, 11, 20, 45, tzinfo=UTC)
    series = await reports.activity(
        reader, snapshot=snapshot, period=period, compared_with=Comparison.BEFORE
    )
    assert sum(point.turns for point in series.previous) == 1
    assert len(series.previous) == 7


async def test_people_of_a_week_and_a_month_are_unions_never_sums(
    replica: Replica, reader: ClickHouseReader
):
    replica.store([turn(NOW - timedelta(days=day), user=1 + day % 2) for day in range(30)])
    replica.publish(NOW)
    snapshot = await resolve_snapshot(reader)
    period = resolve(PeriodName.MONTH, now=NOW, tz="Europe/Berlin")
    total = (await reports.summary(reader, snapshot=snapshot, period=period)).current
    series = await reports.activity(reader, snapshot=snapshot, period=period)
    days = await reports.stickiness(reader, snapshot=snapshot, period=period)
    assert sum(point.active_users for point in series.points) == 30
    assert total.active_users == 2
    assert (days.points[-1].dau, days.points[-1].wau, days.points[-1].mau) == (1, 2, 2)


async def test_filters_narrow_every_figure(replica: Replica, reader: ClickHouseReader):
    replica.store(
        [
            turn(NOW - timedelta(hours=1), user=1),
            turn(NOW - timedelta(hours=2), user=2, chat_type="group", language=None),
            turn(NOW - timedelta(hours=30), user=1, model_used="large", bot_id=8),
        ]
    )
    replica.publish(NOW)
    snapshot = await resolve_snapshot(reader)

    async def turns_and_people(**filters):
        answer = await reports.summary(
            reader, snapshot=snapshot, period=week("UTC"), filters=reports.Filters(**filters)
        )
        return answer.current.turns, answer.current.active_users, answer.current.new_users

    assert await turns_and_people() == (3, 2, 2)
    assert await turns_and_people(bot_id=7) == (2, 2, 1)
    assert await turns_and_people(chat_type="group") == (1, 1, 1)
    assert await turns_and_people(language="") == (1, 1, 1)
    assert await turns_and_people(model="large") == (1, 1, 1)
    assert await turns_and_people(model="' OR 1=1 --") == (0, 0, 0)


async def test_a_series_is_zero_filled_and_starts_with_the_period(
    replica: Replica, reader: ClickHouseReader
):
    replica.store([turn(datetime(2026, 3, 18, 10, 20, tzinfo=UTC))])
    replica.publish(NOW)
    snapshot = await resolve_snapshot(reader)
    period = resolve(
        PeriodName.CUSTOM,
        now=NOW,
        tz="UTC",
        since=datetime(2026, 3, 18, 9, 15, tzinfo=UTC),
        until=datetime(2026, 3, 18, 12, tzinfo=UTC),
        bucket=Bucket.HOUR,
    )
    series = await reports.activity(reader, snapshot=snapshot, period=period)
    assert [(point.start.hour, point.start.minute, point.turns) for point in series.points] == [
        (9, 15, 0),
        (10, 0, 1),
        (11, 0, 0),
    ]
