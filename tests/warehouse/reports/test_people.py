"""New, returning and leaving people, counted from sets of people per day."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import given

from tests.warehouse.brute_force import COLUMNS, money, of_bots, people
from tests.warehouse.random_ledger import QUESTIONS, Ledger, property_test, seeds
from warehouse import query, reports
from warehouse.clickhouse.client import ClickHouseReader, Writer
from warehouse.periods import Bucket, Period, midnight
from warehouse.query.request import GROUPS
from warehouse.reports import CohortWidth, Filters
from warehouse.snapshot import Snapshot
from warehouse.snapshot import resolve as resolve_snapshot
from warehouse.tiers import touched_days


def days_shown(ledger: Ledger, snapshot: Snapshot, period: Period) -> list[date]:
    first, last = touched_days(period.span, snapshot.zone)
    today = ledger.now.astimezone(snapshot.zone).date()
    last = max(first, min(last, today))
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def union(days: dict[date, set[int]], first: date, last: date) -> set[int]:
    return set().union(*(people for day, people in days.items() if first <= day <= last))


async def stickiness_equals_unions(reader: ClickHouseReader, snapshot: Snapshot, ledger: Ledger):
    period, filters = ledger.period(), ledger.filters()
    answer = await reports.stickiness(reader, snapshot=snapshot, period=period, filters=filters)
    days = ledger.brute_force.days(snapshot.report_timezone, filters)
    shown = days_shown(ledger, snapshot, period)
    assert [point.day for point in answer.points] == shown
    for point in answer.points:
        assert point.dau == len(days.get(point.day, set()))
        assert point.wau == len(union(days, point.day - timedelta(days=6), point.day))
        assert point.mau == len(union(days, point.day - timedelta(days=29), point.day))


async def retention_equals_sets(reader: ClickHouseReader, snapshot: Snapshot, ledger: Ledger):
    period, filters = ledger.period(), ledger.filters()
    width = ledger.chance.choice(list(CohortWidth))
    step = timedelta(days=7 if width is CohortWidth.WEEK else 1)
    answer = await reports.retention(
        reader, snapshot=snapshot, period=period, width=width, steps=5, filters=filters
    )
    days = ledger.brute_force.days(snapshot.report_timezone, filters)
    firsts = ledger.brute_force.first_days(snapshot.report_timezone, filters)
    today = ledger.now.astimezone(snapshot.zone).date()
    shown = days_shown(ledger, snapshot, period)
    begins = {
        day - timedelta(days=day.weekday()) if width is CohortWidth.WEEK else day for day in shown
    }
    assert {cohort.start for cohort in answer.cohorts} == begins
    for cohort in answer.cohorts:
        end = cohort.start + step - timedelta(days=1)
        began = {key for key, day in firsts.items() if cohort.start <= day <= end}
        began &= union(days, cohort.start, end)
        assert (cohort.users, cohort.active[0]) == (len(began), len(began))
        for n in range(1, 6):
            start = cohort.start + n * step
            if start + step > today:
                assert cohort.active[n] is None
            else:
                seen = union(days, start, start + step - timedelta(days=1))
                assert cohort.active[n] == len(began & seen)


def next_start(start: date, bucket: Bucket) -> date:
    if bucket is Bucket.MONTH:
        return (start + timedelta(days=31)).replace(day=1)
    return start + timedelta(days=7 if bucket is Bucket.WEEK else 1)


async def lifecycle_equals_sets(reader: ClickHouseReader, snapshot: Snapshot, ledger: Ledger):
    period, filters = ledger.period(), ledger.filters()
    answer = await reports.lifecycle(reader, snapshot=snapshot, period=period, filters=filters)
    days = ledger.brute_force.days(snapshot.report_timezone, filters)
    firsts = ledger.brute_force.first_days(snapshot.report_timezone, filters)
    last_shown = days_shown(ledger, snapshot, period)[-1]
    starts = [point.start for point in answer.points]
    # A bucket that the period cuts counts whole; days that have not come yet do not count.
    until = next_start(starts[-1], period.bucket)
    today = ledger.now.astimezone(snapshot.zone).date()
    last = max(last_shown, min(until - timedelta(days=1), today))
    ends = [start - timedelta(days=1) for start in starts[1:]] + [last]
    for point, end in zip(answer.points, ends, strict=True):
        begins, over = (
            midnight(day, snapshot.zone)
            for day in (point.start, next_start(point.start, period.bucket))
        )
        is_whole = period.since <= begins and over <= min(period.until, ledger.now)
        assert point.is_partial != is_whole
        width = {Bucket.WEEK: 7, Bucket.MONTH: 28}.get(period.bucket, 1)
        before_start = point.start - timedelta(days=width)
        if period.bucket is Bucket.MONTH:
            before_start = (point.start - timedelta(days=1)).replace(day=1)
        active = union(days, point.start, end)
        before = union(days, before_start, point.start - timedelta(days=1))
        new = {key for key in active if (day := firsts.get(key)) and point.start <= day <= end}
        churned = set()
        for n in range((end - point.start).days + 1):
            target = point.start + timedelta(days=n)
            silent_since = target - timedelta(days=28)
            churned |= days.get(silent_since, set()) - union(
                days, silent_since + timedelta(days=1), target
            )
        assert point.active == len(active), (period, point)
        assert point.new == len(new)
        assert point.returning == len(active & before)
        assert point.dormant == len(before - active)
        assert point.resurrected == len(active) - len(new) - len(active & before)
        assert point.churned == len(churned)


async def funnel_equals_sets(reader: ClickHouseReader, snapshot: Snapshot, ledger: Ledger):
    period, filters = ledger.period(), ledger.filters()
    brute = ledger.brute_force
    answer = await reports.funnel(reader, snapshot=snapshot, period=period, filters=filters)
    found = brute.select(period.since, period.until, filters)
    began = brute.newcomers(period.since, period.until, filters, found)
    of_bots_alone = tuple(one for one in filters.conditions if one.dimension == "bot")
    by_bot = Filters(bot_id=filters.bot_id, conditions=of_bots_alone)
    days = brute.days(snapshot.report_timezone, by_bot)
    firsts = brute.first_days(snapshot.report_timezone, by_bot)
    today = ledger.now.astimezone(snapshot.zone).date()
    turns = of_bots(brute.turns, filters)
    sources = defaultdict(set)
    for key in began:
        source = brute.firsts.loc[key]["source"]
        sources[source if isinstance(source, str) else None].add(key)
    rows = {row.source: row for row in answer.sources}
    assert set(rows) == set(sources)
    for row, beginners in [
        (answer.total, began),
        *((rows[source], keys) for source, keys in sources.items()),
    ]:
        mine = turns[turns["user_key"].isin(beginners)]
        counts = mine["user_key"].value_counts()
        assert row.started == len(beginners)
        assert row.activated.users == (counts >= 3).sum()
        assert (row.cost_usd, row.unpriced_turns) == money(mine)
        for step, n in ((row.day_1, 1), (row.day_7, 7), (row.day_30, 30)):
            shift = timedelta(days=n)
            eligible = {key for key in beginners if firsts[key] + shift < today}
            assert step.eligible == len(eligible)
            assert step.users == sum(
                key in days.get(firsts[key] + shift, set()) for key in eligible
            )


async def query_equals_groups(reader: ClickHouseReader, snapshot: Snapshot, ledger: Ledger):
    chance, brute = ledger.chance, ledger.brute_force
    period, filters = ledger.period(Bucket.DAY), ledger.filters()
    groups = chance.sample(list(GROUPS), k=chance.randint(0, 3))
    columns = [COLUMNS.get(name, name) for name in groups]
    asked = chance.choice([None, None, "small"])
    body: dict[str, Any] = {
        "metrics": [
            *("turns", "active_users", "served_users", "rejected_users", "new_users"),
            *("cost_usd", "unpriced_turns", "cost_per_served_user_usd"),
            *("served_turns", "error_rate", "fallback_rate", "pacing_wait_ms"),
        ],
        "date_range": [period.since.isoformat(), period.until.isoformat()],
        "dimensions": [*groups, *(["time:day"] if chance.random() < 0.5 else [])],
        "filters": [
            ["is", {"bot_id": "bot"}.get(name, name), [value]]
            for name in ("bot_id", "chat_type", "language", "model")
            if (value := getattr(filters, name)) is not None
        ]
        + [[one.operator, one.dimension, list(one.values)] for one in filters.conditions]
        + ([["contains", "model_asked", [asked[1:]]]] if asked else []),
        "pagination": {"limit": 1000},
        "include": {"total_rows": True},
        "tz": period.tz,
    }
    request = query.parse(body, now=ledger.now, default_tz="UTC")
    answer = await query.run(reader, request, snapshot=snapshot)
    found = brute.select(period.since, period.until, filters)
    if asked:
        found = found[found["model_asked"] == asked]
    places = defaultdict(list)
    local = found["received_at"].dt.tz_convert(period.tz).dt.date
    for place, (row, day) in enumerate(zip(found.to_dict("records"), local, strict=True)):
        label = [str(row[name]) if name == "dialog_id" else row[name] for name in columns]
        places[(*label, *([day] if "time:day" in request.dimensions else []))].append(place)
    if not groups and "time:day" not in request.dimensions:
        places = {(): list(range(len(found)))}
    assert answer.total_rows == len(answer.results)
    assert {row.dimensions for row in answer.results} == set(places)
    for row in answer.results:
        turns = found.iloc[places[row.dimensions]]
        firsts = brute.firsts.loc[sorted(people(turns))]
        new = firsts[
            (firsts["received_at"] >= period.since) & (firsts["received_at"] < period.until)
        ]
        new = of_bots(new, filters)
        if "bot" in groups:
            new = new[new["bot_id"] == row.dimensions[groups.index("bot")]]
        if "time:day" in request.dimensions:
            new = new[new["received_at"].dt.tz_convert(period.tz).dt.date == row.dimensions[-1]]
        served = turns[turns["is_served"]]
        cost, unpriced = money(turns)
        reached = len(people(served))
        handed_over = int((turns["fallback_cause"] != "").sum())
        assert row.metrics == (
            len(turns),
            len(people(turns)),
            reached,
            len(people(turns) - people(served)),
            len(new),
            cost,
            unpriced,
            None if cost is None or not reached else (cost / reached).quantize(Decimal("1e-10")),
            len(served),
            int((turns["status"] == "failed").sum()) / len(served) if len(served) else None,
            handed_over / len(served) if len(served) else None,
            int(turns["pacing_wait_ms"].sum()),
        ), (body, row)


@property_test
@given(seed=seeds)
async def test_reports_about_people_equal_sets_of_people(
    writer: Writer, reader: ClickHouseReader, seed: int
):
    ledger = Ledger(writer, seed)
    snapshot = await resolve_snapshot(reader)
    for _ in range(QUESTIONS):
        for check in (
            stickiness_equals_unions,
            retention_equals_sets,
            lifecycle_equals_sets,
            funnel_equals_sets,
            query_equals_groups,
        ):
            await check(reader, snapshot, ledger)
