"""Costs, people and rates by their definitions, with the smallest inputs, on every way to ask."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from itertools import product
from typing import Any

import pytest

from tests.warehouse.constants import NOW, ZONES
from tests.warehouse.replica import Replica, turn
from warehouse import query, reports
from warehouse.clickhouse.client import ClickHouseReader
from warehouse.periods import Bucket, Period, PeriodName, resolve
from warehouse.reports import Filters
from warehouse.snapshot import Snapshot
from warehouse.snapshot import resolve as resolve_snapshot

"""The report zone's own days, and days whose edges lie within them."""
FILTERS = (Filters(), Filters(bot_id=7), Filters(chat_type="private"))
Money = tuple[Decimal | None, int]
Way = tuple[Period, Filters]


def week(tz: str) -> Period:
    return resolve(PeriodName.WEEK, now=NOW, tz=tz, bucket=Bucket.DAY)


def part_of_a_day() -> Period:
    return Period(PeriodName.CUSTOM, NOW.replace(minute=0, second=0), NOW.replace(
        hour=22, minute=0, second=0), "UTC", Bucket.HOUR)  # fmt: skip


def ways_to_ask() -> list[Way]:
    """Whole days and parts of days, filtered or not."""
    return list(product((*map(week, ZONES), part_of_a_day()), FILTERS))


async def published(replica: Replica, reader: ClickHouseReader, *turns: dict[str, Any]) -> Snapshot:
    replica.store(turns)
    replica.publish(NOW + timedelta(hours=1))
    return await resolve_snapshot(reader)


async def every_cost(
    reader: ClickHouseReader, snapshot: Snapshot, period: Period, filters: Filters
) -> dict[str, Money]:
    """(cost, unpriced turns) of the one person's turns, by everything that states them."""
    about: dict[str, Any] = {"snapshot": snapshot, "period": period, "filters": filters}
    summary = (await reports.summary(reader, **about)).current
    costs = await reports.costs(reader, **about)
    points = (await reports.activity(reader, **about)).points
    (user,) = await reports.top_users(reader, **about)
    (by_cost,) = await reports.top_users(reader, **about, by=reports.TopUsersBy.COST)
    (dialog,) = (await reports.recent_dialogs(reader, **about)).dialogs
    (model,) = (await reports.models(reader, **about)).models
    funnel = (await reports.funnel(reader, **about)).total
    body = {
        "metrics": ["cost_usd", "unpriced_turns"],
        "date_range": [period.since.isoformat(), period.until.isoformat()],
        "filters": [["is", "chat_type", ["private"]]] if filters.chat_type else [],
        "dimensions": ["model_asked"],
        "tz": period.tz,
    }
    answer = await query.run(
        reader, query.parse(body, now=NOW, default_tz="UTC"), snapshot=snapshot
    )
    shown = {
        name: (row.cost_usd, row.unpriced_turns)
        for name, row in {
            "summary": summary,
            "costs": costs,
            "point": next(point for point in points if point.turns),
            "cost point": next(point for point in costs.points if point.active_users),
            "top user": user,
            "top user by cost": by_cost,
            "dialog": dialog,
            "model": model,
            "funnel": funnel,
        }.items()
    }
    return shown | {"query": answer.results[0].metrics}


COSTS = {
    "free and unknown": ([Decimal(0), None], (Decimal(0), 1)),
    "unknown": ([None], (None, 1)),
    "free": ([Decimal(0)], (Decimal(0), 0)),
    "known and unknown": ([Decimal("0.02"), None], (Decimal("0.02"), 1)),
}


# Each way to ask is tried with one of the costs, or (in long runs) with all of them.
@pytest.mark.parametrize(
    ("costs", "expected", "ways"),
    [
        pytest.param(*case, ways, marks=marks, id=f"{name}{which}")
        for number, (name, case) in enumerate(COSTS.items())
        for ways, marks, which in (
            (ways_to_ask()[number :: len(COSTS)], (), ""),
            (ways_to_ask(), pytest.mark.long, " in every way"),
        )
    ],
)
async def test_a_cost_is_null_only_when_no_cost_at_all_is_known(
    replica: Replica,
    reader: ClickHouseReader,
    costs: list[Decimal | None],
    expected: Money,
    ways: list[Way],
):
    snapshot = await published(
        replica,
        reader,
        *(turn(NOW + timedelta(minutes=n), cost_usd=cost) for n, cost in enumerate(costs)),
    )
    for period, filters in ways:
        shown = await every_cost(reader, snapshot, period, filters)
        assert shown == dict.fromkeys(shown, expected), (period, filters)


async def test_the_known_cost_of_an_unpriced_turn_counts(
    replica: Replica, reader: ClickHouseReader
):
    snapshot = await published(
        replica, reader, turn(NOW, cost_usd=Decimal("0.5"), unpriced_calls=1)
    )
    for tz in ZONES:
        shown = await every_cost(reader, snapshot, week(tz), Filters())
        assert shown == dict.fromkeys(shown, (Decimal("0.5"), 1))


async def test_a_failed_turns_cost_is_booked_on_the_model_asked(
    replica: Replica, reader: ClickHouseReader
):
    snapshot = await published(
        replica,
        reader,
        turn(NOW, status="failed", reason="empty", model_used=None, cost_usd=Decimal("0.02")),
        turn(NOW, status="failed", reason="timeout", model_used=None, cost_usd=None,
             model_asked="large"),
        turn(NOW, user=2, status="rejected", reason="budget", model_asked=None, model_used=None,
             cost_usd=None),
    )  # fmt: skip
    answer = await reports.models(reader, snapshot=snapshot, period=week("UTC"))
    assert {row.model: (row.cost_usd, row.unpriced_turns) for row in answer.models} == {
        "small": (Decimal("0.02"), 0),
        "large": (None, 1),
        "": (0, 0),
    }


async def test_a_turn_reached_a_model_when_one_was_asked(
    replica: Replica, reader: ClickHouseReader
):
    refused = {"model_asked": None, "model_used": None, "cost_usd": None, "unpriced_calls": 0}
    snapshot = await published(
        replica,
        reader,
        turn(NOW, user=1),
        turn(NOW, user=1, status="rejected", reason="rate_limited", **refused),
        turn(NOW, user=2, status="rejected", reason="rate_limited", **refused),
        turn(NOW, user=3, status="cancelled", reason="stopped", model_used=None, cost_usd=None),
        turn(NOW, user=4, status="cancelled", reason="stopped", **refused),
        turn(NOW, user=5, status="failed", reason="connection", model_used=None, cost_usd=None,
             unpriced_calls=0),
    )  # fmt: skip
    about: dict[str, Any] = {"snapshot": snapshot, "period": week("UTC")}
    found = (await reports.summary(reader, **about)).current
    assert (found.turns, found.served_turns) == (6, 3)
    assert (found.active_users, found.served_users, found.rejected_users) == (5, 3, 2)
    costs = await reports.costs(reader, **about)
    assert costs.cost_per_served_user_usd == Decimal("0.0003333334")
    body = {"metrics": ["error_rate", "served_users", "rejected_users"], "date_range": "7d"}
    answer = await query.run(
        reader, query.parse(body, now=NOW, default_tz="UTC"), snapshot=snapshot
    )
    assert answer.results[0].metrics == (1 / 3, 3, 2)


async def test_a_model_that_never_answers_has_a_fallback_rate(
    replica: Replica, reader: ClickHouseReader
):
    snapshot = await published(
        replica,
        reader,
        turn(NOW, model_asked="retired", model_used="spare", fallback_cause="not_found"),
        turn(NOW, model_asked="busy", model_used="spare", fallback_cause="rate_limited"),
        turn(NOW, model_asked="busy", model_used="busy"),
        turn(NOW, model_asked="spare", model_used="spare"),
    )
    for period in (week("UTC"), part_of_a_day()):
        answer = await reports.models(reader, snapshot=snapshot, period=period)
        assert {
            row.model: (row.turns, row.fallbacks, row.asked_turns, row.handed_over)
            for row in answer.models
        } == {"spare": (3, 2, 1, 0), "busy": (1, 0, 2, 1), "retired": (0, 0, 1, 1)}
        rates = {row.model: row.fallback_rate for row in answer.models}
        assert rates == {"spare": 0, "busy": 0.5, "retired": 1}
        (retired,) = (row for row in answer.models if row.model == "retired")
        assert (retired.share, retired.error_rate, retired.cost_usd) == (0, None, 0)
        assert [(cause.cause, cause.model, cause.rate) for cause in answer.causes] == [
            ("not_found", "retired", 1),
            ("rate_limited", "busy", 0.5),
        ]
    body = {"metrics": ["fallback_rate"], "date_range": "7d", "dimensions": ["model_asked"]}
    answer = await query.run(
        reader, query.parse(body, now=NOW, default_tz="UTC"), snapshot=snapshot
    )
    assert {row.dimensions[0]: row.metrics[0] for row in answer.results} == rates


async def test_a_pseudonym_has_turns_and_costs_and_is_in_no_count_of_people(
    replica: Replica, reader: ClickHouseReader
):
    channel = {"user": 9, "is_person": False, "chat_type": "group"}
    snapshot = await published(
        replica,
        reader,
        *(turn(NOW - timedelta(days=n), user=1, cost_usd=Decimal(1)) for n in range(3)),
        *(turn(NOW - timedelta(days=n), user_messages=50, cost_usd=Decimal(1), **channel)
          for n in range(4)),
    )  # fmt: skip
    for tz in ZONES:
        about: dict[str, Any] = {"snapshot": snapshot, "period": week(tz)}
        found = (await reports.summary(reader, **about)).current
        assert (found.turns, found.user_messages, found.cost_usd) == (7, 203, 7)
        assert (found.active_users, found.served_users, found.reached_users) == (1, 1, 1)
        assert (found.new_users, found.rejected_users) == (1, 0)
        for filters in (Filters(), Filters(chat_type="group"), Filters(bot_id=7)):
            users = await reports.top_users(reader, **about, filters=filters)
            assert [user.user_key for user in users] == [1] * (filters.chat_type is None)
            funnel = await reports.funnel(reader, **about, filters=filters)
            assert funnel.total.started == (filters.chat_type is None)
            dialogs = (await reports.recent_dialogs(reader, **about, filters=filters)).dialogs
            assert {row.user_key: (row.users, row.cost_usd) for row in dialogs} == (
                {9: (0, 4)} | ({} if filters.chat_type else {1: (1, 3)})
            )
        retention = await reports.retention(reader, **about)
        assert sum(cohort.users for cohort in retention.cohorts) == 1
        points = (await reports.stickiness(reader, **about)).points
        assert [point.dau for point in points] == [0, 0, 0, 0, 1, 1, 1]
        life = (await reports.lifecycle(reader, **about)).points
        assert [point.active for point in life] == [0, 0, 0, 0, 1, 1, 1]
        heatmap = await reports.heatmap(reader, **about)
        assert max(cell.active_users for cell in heatmap.cells) == 1
        (_, *models) = (await reports.models(reader, **about)).models
        assert models == []


async def test_a_person_who_turns_out_to_be_none_leaves_every_count(
    replica: Replica, reader: ClickHouseReader
):
    row = turn(NOW, user=4)
    await published(replica, reader, row, turn(NOW, user=5))
    snapshot = await published(replica, reader, row | {"is_person": False})
    found = (await reports.summary(reader, snapshot=snapshot, period=week("UTC"))).current
    assert (found.turns, found.active_users, found.new_users) == (2, 1, 1)


async def test_the_bots_own_pacing_is_no_wait_that_telegram_asked_for(
    replica: Replica, reader: ClickHouseReader
):
    snapshot = await published(
        replica,
        reader,
        turn(NOW, flood_wait_ms=3_000, pacing_wait_ms=250),
        turn(NOW, pacing_wait_ms=500),
    )
    found = (await reports.summary(reader, snapshot=snapshot, period=week("UTC"))).current
    assert (found.flood_waits, found.flood_wait_ms, found.pacing_wait_ms) == (1, 3_000, 750)


async def test_the_values_to_filter_by_are_those_of_the_very_quarter_of_an_hour(
    replica: Replica, reader: ClickHouseReader
):
    begin = NOW.replace(minute=30, second=0)
    snapshot = await published(
        replica,
        reader,
        turn(begin, language="ru", model_used="large"),
        turn(begin - timedelta(microseconds=1), language="de"),
        turn(begin + timedelta(minutes=15), language="fr", bot_id=8, chat_type="group"),
        turn(begin - timedelta(days=1), language="es"),
    )
    for tz in ZONES:
        quarter = Period(
            PeriodName.CUSTOM, begin, begin + timedelta(minutes=15), tz, Bucket.QUARTER_HOUR
        )
        values = await reports.dimension_values(reader, snapshot=snapshot, period=quarter)
        assert (values.bots, values.chat_types) == ((7,), ("private",))
        assert (values.languages, values.models) == (("ru",), ("large",))
        days = await reports.dimension_values(reader, snapshot=snapshot, period=week(tz))
        assert set(days.languages) == {"ru", "de", "fr", "es"}
