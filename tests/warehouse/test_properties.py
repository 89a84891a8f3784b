"""Every report equals a plain count over the raw ledger, for any ledger, zone and range."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given

from tests.warehouse.brute_force import bucket_label, is_percentile, money, people
from tests.warehouse.random_ledger import (
    BEGINNINGS,
    DAYS,
    QUESTIONS,
    ZONES,
    Ledger,
    property_test,
    seeds,
)
from warehouse import reports
from warehouse.clickhouse.client import ClickHouseReader, Writer
from warehouse.periods import Bucket, Period, PeriodName
from warehouse.reports import NO_FILTERS, TopUsersBy
from warehouse.snapshot import Snapshot
from warehouse.snapshot import resolve as resolve_snapshot


async def totals_equal_a_count_over_the_ledger(
    reader: ClickHouseReader, snapshot: Snapshot, ledger: Ledger
):
    for _ in range(QUESTIONS):
        period, filters = ledger.period(), ledger.filters()
        answer = await reports.summary(reader, snapshot=snapshot, period=period, filters=filters)
        expected = ledger.brute_force.totals(period.since, period.until, filters)
        shown = {name: getattr(answer.current, name) for name in expected}
        assert shown == expected, (period, filters)
        found = ledger.brute_force.select(period.since, period.until, filters)
        latencies = ledger.brute_force.latencies(found)
        tokens = ledger.brute_force.first_tokens(found)
        assert is_percentile(answer.current.latency_p50_ms, latencies, 0.5)
        assert is_percentile(answer.current.latency_p95_ms, latencies, 0.95)
        assert is_percentile(answer.current.ttft_p50_ms, tokens, 0.5)
        assert is_percentile(answer.current.ttft_p95_ms, tokens, 0.95)


async def every_point_of_a_series_equals_a_count(
    reader: ClickHouseReader, snapshot: Snapshot, ledger: Ledger
):
    for _ in range(QUESTIONS):
        period, filters = ledger.period(), ledger.filters()
        series = await reports.activity(reader, snapshot=snapshot, period=period, filters=filters)
        found = ledger.brute_force.select(period.since, period.until, filters)
        places = defaultdict(list)
        for place, at in enumerate(found["received_at"]):
            places[bucket_label(at.to_pydatetime(), period.bucket, period.tz)].append(place)
        grouped = {label: found.iloc[rows] for label, rows in places.items()}
        shown = {
            bucket_label(point.start, period.bucket, period.tz): point for point in series.points
        }
        assert len(shown) == len(series.points)
        assert set(grouped) <= set(shown)
        ends = [*(point.start for point in series.points[1:]), period.until]
        for (label, point), end in zip(shown.items(), ends, strict=True):
            turns = grouped.get(label, found.iloc[:0])
            cost, unpriced = money(turns)
            newcomers = ledger.brute_force.newcomers(point.start, end, filters, turns)
            assert point.turns == len(turns), (period, label)
            assert point.served_turns == turns["is_served"].sum()
            assert point.user_messages == turns["user_messages"].sum()
            assert point.active_users == len(people(turns))
            assert point.served_users == len(people(turns[turns["is_served"]]))
            assert point.new_users == len(newcomers)
            assert point.tokens == turns["tokens"].sum()
            assert (point.cost_usd, point.unpriced_turns) == (cost, unpriced)
            assert is_percentile(point.latency_p95_ms, ledger.brute_force.latencies(turns), 0.95)


async def top_users_and_dialogs_equal_a_count(
    reader: ClickHouseReader, snapshot: Snapshot, ledger: Ledger
):
    for _ in range(QUESTIONS):
        period, filters = ledger.period(), ledger.filters()
        by = ledger.chance.choice(list(TopUsersBy))
        users = await reports.top_users(
            reader, snapshot=snapshot, period=period, by=by, filters=filters, limit=7
        )
        expected = ledger.brute_force.users_by(period.since, period.until, filters, by)[:7]
        shown = [
            {
                TopUsersBy.MESSAGES: user.user_messages,
                TopUsersBy.TOKENS: user.tokens,
                TopUsersBy.COST: user.cost_usd or 0,
            }[by]
            for user in users
        ]
        assert [(user.user_key, value) for user, value in zip(users, shown, strict=True)] == (
            expected
        )
        found = ledger.brute_force.select(period.since, period.until, filters)
        for user in users:
            turns = found[found["user_key"] == user.user_key]
            assert (user.cost_usd, user.unpriced_turns) == money(turns)

        pages, cursor = [], None
        while True:
            page = await reports.recent_dialogs(
                reader, snapshot=snapshot, period=period, filters=filters, cursor=cursor, limit=9
            )
            pages += page.dialogs
            cursor = page.next_cursor
            if cursor is None:
                break
        assert [
            (dialog.dialog_id, dialog.last_turn_at, dialog.turns) for dialog in pages
        ] == ledger.brute_force.dialogs(period.since, period.until, filters)
        for dialog in pages:
            turns = found[found["dialog_id"] == UUID(dialog.dialog_id)]
            assert dialog.users == len(people(turns))
            assert (dialog.cost_usd, dialog.unpriced_turns) == money(turns)


async def models_and_heatmap_equal_a_count(
    reader: ClickHouseReader, snapshot: Snapshot, ledger: Ledger
):
    for _ in range(QUESTIONS):
        period, filters = ledger.period(), ledger.filters()
        found = ledger.brute_force.select(period.since, period.until, filters)
        answer = await reports.models(reader, snapshot=snapshot, period=period, filters=filters)
        by_model = dict(list(found.groupby("model")))
        served = found[found["is_served"]]
        by_asked = dict(list(served.groupby("model_asked")))
        assert {row.model for row in answer.models} == set(by_model) | set(by_asked)
        for row in answer.models:
            turns = by_model.get(row.model, found.iloc[:0])
            asked = by_asked.get(row.model, found.iloc[:0])
            failed, reached = (turns["status"] == "failed").sum(), turns["is_served"].sum()
            handed_over = (asked["fallback_cause"] != "").sum()
            assert (row.turns, row.served_turns) == (len(turns), reached)
            assert row.share == len(turns) / len(found)
            assert row.error_rate == (failed / reached if reached else None)
            assert row.fallbacks == (turns["fallback_cause"] != "").sum()
            assert (row.asked_turns, row.handed_over) == (len(asked), handed_over)
            assert row.fallback_rate == (handed_over / len(asked) if len(asked) else None)
            assert row.active_users == len(people(turns))
            assert (row.cost_usd, row.unpriced_turns) == money(turns)
            assert is_percentile(row.ttft_p99_ms, ledger.brute_force.first_tokens(turns), 0.99)
        causes: dict[tuple[str, str, str], int] = defaultdict(int)
        for turn in found.to_dict("records"):
            if turn["reason"]:
                causes["outcome", turn["reason"], turn["model"]] += 1
            if turn["fallback_cause"]:
                causes["fallback", turn["fallback_cause"], turn["model_asked"]] += 1
        assert {
            (cause.kind, cause.cause, cause.model): cause.turns for cause in answer.causes
        } == causes

        heatmap = await reports.heatmap(reader, snapshot=snapshot, period=period, filters=filters)
        local = found["received_at"].dt.tz_convert(period.tz)
        cells = dict(list(found.groupby([local.dt.day_of_week + 1, local.dt.hour])))
        assert len(heatmap.cells) == 168
        for cell in heatmap.cells:
            turns = cells.get((cell.weekday, cell.hour), found.iloc[:0])
            assert cell.turns == len(turns)
            assert cell.active_users == len(people(turns))


@property_test
@given(seed=seeds)
async def test_every_report_equals_a_count_over_the_ledger(
    writer: Writer, reader: ClickHouseReader, seed: int
):
    ledger = Ledger(writer, seed)
    snapshot = await resolve_snapshot(reader)
    for check in (
        totals_equal_a_count_over_the_ledger,
        every_point_of_a_series_equals_a_count,
        top_users_and_dialogs_equal_a_count,
        models_and_heatmap_equal_a_count,
    ):
        await check(reader, snapshot, ledger)


@pytest.mark.parametrize("periods", [50, pytest.param(200, marks=pytest.mark.long)])
async def test_any_period_equals_brute_force_for_random_zones_and_ranges(
    writer: Writer, reader: ClickHouseReader, periods: int
):
    ledger = Ledger(writer, seed=2026)
    snapshot = await resolve_snapshot(reader)
    for _ in range(periods):
        period = ledger.period()
        expected = ledger.brute_force.totals(period.since, period.until, NO_FILTERS)
        answer = await reports.summary(reader, snapshot=snapshot, period=period)
        assert {name: getattr(answer.current, name) for name in expected} == expected, period


async def test_a_replay_of_everything_changes_no_answer(writer: Writer, reader: ClickHouseReader):
    ledger = Ledger(writer, seed=7)
    period = Period(PeriodName.CUSTOM, ledger.begin, ledger.now, "Asia/Kathmandu", Bucket.DAY)
    before = await reports.activity(reader, snapshot=await resolve_snapshot(reader), period=period)
    ledger.replica.store(list(ledger.replica.turns.values()))
    published = ledger.replica.publish(ledger.now)
    assert published is not None
    assert published.rows_differ == 0
    snapshot = await resolve_snapshot(reader)
    assert snapshot.publication == published.publication
    assert await reports.activity(reader, snapshot=snapshot, period=period) == before


def test_the_weeks_of_the_random_ledgers_hold_changes_of_clocks():
    changes = set()
    for beginning in BEGINNINGS:
        begin = datetime.fromisoformat(beginning).replace(tzinfo=UTC)
        end = begin + timedelta(days=DAYS)
        for zone in ZONES:
            offsets = [bucket_label(moment, "hour", zone)[2] for moment in (begin, end)]
            changes.add((offsets[1] > offsets[0]) - (offsets[1] < offsets[0]))
    assert changes == {-1, 0, 1}
