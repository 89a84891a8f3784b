"""Freshness and quality reports, data shown about people, and guarantees of a snapshot."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.warehouse.clickhouse.test_statements import Recorder
from tests.warehouse.constants import NOW
from tests.warehouse.replica import Replica, turn
from warehouse import reports
from warehouse.clickhouse.client import ClickHouseReader, Writer
from warehouse.periods import Bucket, Period, PeriodName, TimeRange, midnight, resolve
from warehouse.reports import CursorError
from warehouse.snapshot import NOTHING_PUBLISHED, Build, Snapshot
from warehouse.snapshot import resolve as resolve_snapshot

WEEK = resolve(PeriodName.WEEK, now=NOW, tz="Europe/Berlin")


async def test_a_snapshot_states_how_far_the_data_reach(replica: Replica, reader: ClickHouseReader):
    replica.store([turn(NOW)])
    published = replica.publish(NOW)
    assert published is not None
    snapshot = await resolve_snapshot(reader)
    assert snapshot.publication == published.publication
    assert snapshot.report_timezone == "Europe/Berlin"
    assert snapshot.data_through == NOW
    assert snapshot.lag_seconds(NOW + timedelta(seconds=3)) == 3
    assert snapshot.lag_seconds(NOW - timedelta(seconds=3)) == 0


async def test_a_look_at_the_source_moves_data_through_without_a_new_publication(
    replica: Replica, reader: ClickHouseReader, writer: Writer
):
    replica.store([turn(NOW)])
    replica.publish(NOW)
    before = await resolve_snapshot(reader)
    later = NOW + timedelta(minutes=2)
    writer.insert(
        "freshness",
        [
            {
                "publication": before.publication,
                "data_through": later,
                "lag_seconds": 1.5,
                "held_by": "bot: INSERT INTO turns",
                "checked_at": datetime.now(UTC),
            }
        ],
    )
    after = await resolve_snapshot(reader, known=before)
    assert (after.publication, after.data_through) == (before.publication, later)
    assert after.id != before.id
    assert after.builds is before.builds
    state = await reports.freshness(reader, snapshot=after)
    assert state.replication_lag_seconds == 1.5
    assert state.held_back_by == "bot: INSERT INTO turns"
    assert state.turns == 1
    assert state.first_day == state.last_day == date(2026, 3, 18)
    replica.store([turn(NOW, user=2)])
    replica.publish(NOW + timedelta(minutes=1))
    newest = await resolve_snapshot(reader, known=after)
    # The age of the publication before is not that of the next.
    assert newest.data_through == NOW + timedelta(minutes=1)


async def test_what_follows_a_snapshot_is_what_would_be_found_anew(
    replica: Replica, reader: ClickHouseReader
):
    chance = random.Random(31)
    known = NOTHING_PUBLISHED
    for step in range(8):
        at = NOW - timedelta(days=chance.randint(0, 5))
        bad = {"cost_usd": Decimal(-1)} if chance.random() < 0.3 else {}
        replica.store([turn(at, user=step, **bad)])
        replica.publish(NOW + timedelta(minutes=step))
        if chance.random() < 0.7:
            recorder = Recorder(reader)
            followed = await resolve_snapshot(recorder, known=known)
            assert set(recorder.asked) == ({"head", "builds"} if known.is_empty else {"news"})
            anew = await resolve_snapshot(reader)
            assert (followed, followed.builds) == (anew, anew.builds)
            known = followed
    assert known.days_withheld()


@pytest.mark.parametrize(
    "change", [{"epoch": 0}, {"report_timezone": "UTC"}, {"publication": 2**63}]
)
async def test_what_does_not_follow_is_found_anew(
    replica: Replica, reader: ClickHouseReader, change: dict[str, Any]
):
    """Another epoch, another zone, a warehouse that was restored from an older backup."""
    replica.store([turn(NOW)])
    replica.publish(NOW)
    anew = await resolve_snapshot(reader)
    found = await resolve_snapshot(reader, known=replace(anew, **change))
    assert (found, found.builds) == (anew, anew.builds)


async def test_freshness_of_an_empty_warehouse_knows_no_days(reader: ClickHouseReader):
    state = await reports.freshness(reader, snapshot=NOTHING_PUBLISHED)
    assert (state.turns, state.first_day, state.published_at) == (0, None, None)


async def test_an_old_snapshot_keeps_its_numbers_while_a_new_one_is_published(
    replica: Replica, reader: ClickHouseReader
):
    replica.store([turn(NOW - timedelta(hours=1))])
    replica.publish(NOW)
    old = await resolve_snapshot(reader)
    replica.store([turn(NOW - timedelta(hours=2), user=2)])
    replica.publish(NOW)
    new = await resolve_snapshot(reader, known=old)

    async def turns(snapshot: Snapshot) -> tuple[int, int, int]:
        answer = await reports.summary(reader, snapshot=snapshot, period=WEEK)
        users = await reports.top_users(reader, snapshot=snapshot, period=WEEK)
        page = await reports.recent_dialogs(reader, snapshot=snapshot, period=WEEK)
        return answer.current.turns, len(users), len(page.dialogs)

    assert await turns(old) == (1, 1, 1)
    assert await turns(new) == (2, 2, 2)


def test_an_answer_is_as_old_as_the_oldest_withheld_day_in_it():
    stale = NOW - timedelta(days=2)
    snapshot = Snapshot(
        id="1.1.1",
        publication=1,
        epoch=1,
        watermark=1,
        data_through=NOW,
        published_at=NOW,
        report_timezone="UTC",
        builds={
            date(2026, 3, 16): Build(1, is_withheld=True, data_through=stale),
            date(2026, 3, 17): Build(1, is_withheld=False, data_through=stale),
        },
    )
    touching = TimeRange(datetime(2026, 3, 16, 23, tzinfo=UTC), NOW)
    beside = TimeRange(datetime(2026, 3, 17, tzinfo=UTC), NOW)
    assert snapshot.data_through_of(touching) == stale
    assert snapshot.data_through_of(beside) == NOW
    assert snapshot.days_withheld() == (date(2026, 3, 16),)


async def test_figures_from_the_ledger_keep_to_the_old_build_of_a_withheld_day(
    replica: Replica, reader: ClickHouseReader
):
    yesterday = NOW - timedelta(days=1)
    replica.store([turn(yesterday, user=1), turn(NOW, user=2)])
    replica.publish(NOW - timedelta(minutes=9))
    bad = turn(yesterday, user=3, cost_usd=Decimal(-1))
    replica.store([bad, turn(NOW, user=4)])
    published = replica.publish(NOW)
    assert published is not None
    assert published.withheld == (yesterday.date(),)

    async def people() -> list[set[int]]:
        snapshot = await resolve_snapshot(reader)
        about = {"snapshot": snapshot, "period": WEEK}
        # By days, from the ledger alone, and from the ledger by dialog.
        top = await reports.top_users(reader, **about)
        narrow = reports.Filters(chat_type="private")
        narrowed = await reports.top_users(reader, **about, filters=narrow)
        page = await reports.recent_dialogs(reader, **about)
        return [
            {one.user_key for one in top},
            {one.user_key for one in narrowed},
            {one.user_key for one in page.dialogs},
        ]

    assert await people() == [{1, 2, 4}] * 3
    snapshot = await resolve_snapshot(reader)
    assert snapshot.data_through == NOW
    assert snapshot.data_through_of(WEEK.span) == NOW - timedelta(minutes=9)

    replica.store([bad | {"cost_usd": Decimal(0)}])
    replica.publish(NOW)
    assert await people() == [{1, 2, 3, 4}] * 3
    assert (await resolve_snapshot(reader)).data_through_of(WEEK.span) == NOW


async def test_the_latest_result_of_each_check_decides_about_quality(
    replica: Replica, reader: ClickHouseReader, writer: Writer
):
    now = datetime.now(UTC)  # results are kept for some weeks only
    # Results are of the whole warehouse, not of an epoch: a build that passes the blocking checks
    # replaces what a test with a withheld day has left.
    replica.store([turn(now - timedelta(hours=1))])
    replica.publish(now)
    check = {
        "suite": "ledger",
        "asset": "turns",
        "name": "known statuses",
        "day": None,
        "blocking": True,
        "observed": "3",
        "expected": "0",
    }
    compared = {
        "run_id": uuid4(),
        "day": now.date(),
        "postgres_turns": 2,
        "warehouse_turns": 2,
        "postgres_tokens": 240,
        "warehouse_tokens": 240,
        "postgres_cost_usd": Decimal("0.0020000002"),
        "warehouse_cost_usd": Decimal("0.0020000002"),
        "postgres_users": 1,
        "warehouse_users": 1,
        "postgres_checksum": 5,
        "warehouse_checksum": 5,
        "rows_differ": 0,
        "repaired": False,
        "ok": True,
    }
    first = {"run_id": uuid4(), "checked_at": now - timedelta(hours=2)}
    failed = {**check, **first, "day": now.date(), "passed": False}
    writer.insert("checks", [failed])
    writer.insert("reconciliation", [{**compared, "ran_at": now}])
    snapshot = await resolve_snapshot(reader)
    quality = await reports.quality(reader, snapshot=snapshot)
    assert not quality.is_ok
    assert [result.observed for result in quality.checks if result.suite == "ledger"] == ["3"]
    second = {"run_id": uuid4(), "checked_at": now}
    writer.insert("checks", [{**check, **second, "passed": True, "observed": "0"}])
    quality = await reports.quality(reader, snapshot=snapshot)
    assert quality.is_ok
    assert [result.passed for result in quality.checks if result.suite == "ledger"] == [True]
    assert quality.days[0].source_cost_usd == Decimal("0.0020000002")


async def test_values_to_filter_by_come_most_used_first(replica: Replica, reader: ClickHouseReader):
    replica.store(
        [turn(NOW, language="ru"), turn(NOW, language="ru", bot_id=8), turn(NOW, language=None)]
    )
    replica.publish(NOW)
    snapshot = await resolve_snapshot(reader)
    values = await reports.dimension_values(reader, snapshot=snapshot, period=WEEK)
    assert values.bots == (7, 8)
    assert values.languages == ("ru",)
    assert values.models == ("small",)


NEGATIVE_CURSOR = "LTEuMDAwMDAwMDAtMDAwMC0wMDAwLTAwMDAtMDAwMDAwMDAwMDAw"


@pytest.mark.parametrize("cursor", ["", "nonsense", "!!!", "MTIz", NEGATIVE_CURSOR, "é"])
async def test_a_cursor_that_was_not_issued_is_refused(reader: ClickHouseReader, cursor: str):
    with pytest.raises(CursorError):
        await reports.recent_dialogs(reader, snapshot=NOTHING_PUBLISHED, period=WEEK, cursor=cursor)


async def test_dialogs_of_the_same_moment_appear_once_over_the_pages(
    replica: Replica, reader: ClickHouseReader
):
    replica.store([turn(NOW, user=n, dialog_id=UUID(int=n)) for n in range(1, 8)])
    replica.publish(NOW + timedelta(minutes=1))
    snapshot = await resolve_snapshot(reader)
    seen, cursor = [], None
    for _ in range(4):
        page = await reports.recent_dialogs(
            reader, snapshot=snapshot, period=WEEK, cursor=cursor, limit=2
        )
        seen += [dialog.dialog_id for dialog in page.dialogs]
        cursor = page.next_cursor
    assert cursor is None
    assert seen == sorted((str(UUID(int=n)) for n in range(1, 8)), reverse=True)


async def test_people_churn_when_their_latest_turn_turns_28_days_old(
    replica: Replica, reader: ClickHouseReader
):
    replica.store([turn(NOW - timedelta(days=30), user=1), turn(NOW - timedelta(days=30), user=2)])
    replica.store([turn(NOW - timedelta(days=5), user=2), turn(NOW - timedelta(days=1), user=2)])
    replica.publish(NOW)
    snapshot = await resolve_snapshot(reader)
    days = await reports.lifecycle(reader, snapshot=snapshot, period=WEEK)
    assert [point.churned for point in days.points] == [0, 0, 0, 0, 1, 0, 0]
    assert [point.resurrected for point in days.points] == [0, 1, 0, 0, 0, 1, 0]
    assert [point.dormant for point in days.points] == [0, 0, 1, 0, 0, 0, 1]
    month = Period(PeriodName.MONTH, NOW - timedelta(days=29), NOW, "Europe/Berlin", Bucket.MONTH)
    months = await reports.lifecycle(reader, snapshot=snapshot, period=month)
    assert [(point.start, point.new, point.churned) for point in months.points] == [
        (date(2026, 2, 1), 2, 0),
        (date(2026, 3, 1), 0, 1),
    ]


async def test_no_one_churns_on_a_day_that_has_not_come(replica: Replica, reader: ClickHouseReader):
    replica.store([turn(NOW - timedelta(days=27), user=1)])
    replica.publish(NOW)
    snapshot = await resolve_snapshot(reader)
    tomorrow = NOW + timedelta(days=1)
    period = Period(
        PeriodName.CUSTOM, tomorrow, tomorrow + timedelta(hours=1), "Europe/Berlin", Bucket.DAY
    )
    (day,) = (await reports.lifecycle(reader, snapshot=snapshot, period=period)).points
    assert (day.active, day.dormant, day.churned, day.is_partial) == (0, 0, 0, True)


async def test_the_first_and_the_last_bucket_of_a_lifecycle_are_whole(
    replica: Replica, reader: ClickHouseReader
):
    monday = datetime(2026, 3, 2, 12, tzinfo=UTC)
    replica.store(turn(monday + timedelta(days=day), user=day + 1) for day in range(14))
    replica.publish(monday + timedelta(days=14))
    snapshot = await resolve_snapshot(reader)
    # From Thursday to Wednesday: the period cuts both weeks.
    since, until = date(2026, 3, 5), date(2026, 3, 12)
    period = Period(
        PeriodName.CUSTOM,
        *(midnight(day, snapshot.zone) for day in (since, until)),
        snapshot.report_timezone,
        Bucket.WEEK,
    )
    weeks = (await reports.lifecycle(reader, snapshot=snapshot, period=period)).points
    shown = [(week.start, week.active, week.new, week.dormant, week.is_partial) for week in weeks]
    assert shown == [(date(2026, 3, 2), 7, 7, 0, True), (date(2026, 3, 9), 7, 7, 7, True)]
    whole = replace(period, since=midnight(date(2026, 3, 2), snapshot.zone))
    weeks = (await reports.lifecycle(reader, snapshot=snapshot, period=whole)).points
    assert [week.is_partial for week in weeks] == [False, True]


async def test_costs_name_the_models_whose_price_is_unknown(
    replica: Replica, reader: ClickHouseReader
):
    replica.store([turn(NOW), turn(NOW, user=2, model_used="local", cost_usd=None)])
    replica.publish(NOW)
    snapshot = await resolve_snapshot(reader)
    costs = await reports.costs(reader, snapshot=snapshot, period=WEEK)
    assert costs.cost_usd == Decimal("0.0010000001")
    assert costs.cost_per_served_user_usd == Decimal("0.0005000000")
    assert [(row.model, row.turns) for row in costs.unpriced_models] == [("local", 1)]
    assert [point.cost_usd for point in costs.points[:6]] == [0] * 6
