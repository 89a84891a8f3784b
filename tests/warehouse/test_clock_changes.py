"""Hours and days of a zone with clock changes appear once, in order, and add up."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from common.zones import Clock, ledger_clock
from tests.warehouse.conftest import EPOCHS
from tests.warehouse.replica import Replica, turn
from warehouse import query, reports
from warehouse.clickhouse.client import ClickHouseReader, Writer
from warehouse.clickhouse.statements import statement
from warehouse.moments import zone_named
from warehouse.periods import Bucket, Period, PeriodName, midnight
from warehouse.snapshot import resolve as snapshot_now

CHECK = statement("checks/days_equal_hours")
REPEATED_HOUR = ["2026-10-25T00:00:00Z", "2026-10-25T02:00:00Z"]
"""02:00 to 03:00 in Berlin, twice."""


def ask(**changes: Any) -> query.QueryRequest:
    body = {
        "metrics": ["turns"],
        "date_range": REPEATED_HOUR,
        "dimensions": ["time:15m"],
        "order_by": [["time:15m", "asc"]],
        **changes,
    }
    return query.parse(body, now=datetime(2026, 11, 1, tzinfo=UTC), default_tz="Europe/Berlin")


@pytest.mark.parametrize(("width", "minutes"), [("15m", 15), ("hour", 60)])
async def test_pages_of_a_repeated_hour_have_each_bucket_once_in_its_order(
    replica: Replica, reader: ClickHouseReader, width: str, minutes: int
):
    first = datetime(2026, 10, 25, tzinfo=UTC)
    # Every bucket has a different number of turns, so that no two can be confused.
    replica.store(
        turn(first + timedelta(minutes=minutes * place), user=user)
        for place in range(120 // minutes)
        for user in range(1, place + 2)
    )
    replica.publish(datetime(2026, 10, 26, tzinfo=UTC))
    snapshot = await snapshot_now(reader)
    name = f"time:{width}"
    ascending = [
        (first + timedelta(minutes=minutes * place), place + 1) for place in range(120 // minutes)
    ]
    for direction, expected in (("asc", ascending), ("desc", ascending[::-1])):
        found = []
        for offset in range(120 // minutes):
            request = ask(
                dimensions=[name],
                order_by=[[name, direction]],
                pagination={"limit": 1, "offset": offset},
            )
            answer = await query.run(reader, request, snapshot=snapshot)
            found += [(row.dimensions[0].astimezone(UTC), row.metrics[0]) for row in answer.results]
        assert found == expected


# An hour apart in the machine's or the engine's zones since autumn 2026.
DISPUTED = ("America/Edmonton", "America/Winnipeg", "America/Havana", "Africa/Casablanca")
FIRST = date(2026, 11, 10)


def days_of(tz: str, first: date, days: int, bucket: Bucket) -> Period:
    zone = zone_named(tz)
    since, until = midnight(first, zone), midnight(first + timedelta(days=days), zone)
    return Period(PeriodName.CUSTOM, since, until, tz, bucket)


@pytest.mark.parametrize("tz", DISPUTED)
async def test_a_day_is_the_sum_of_its_hours_by_the_pinned_zones(
    writer: Writer, reader: ClickHouseReader, tz: str
):
    replica = Replica(writer, zone=tz, epoch=next(EPOCHS))
    begin = midnight(FIRST, zone_named(tz)) - timedelta(hours=4)
    # Every quarter has a different number of messages, so that one in a wrong day is noticed.
    ledger = {begin + place * timedelta(minutes=15): place + 1 for place in range(56 * 4)}
    replica.store(turn(at, user_messages=count) for at, count in ledger.items())
    replica.publish(begin + timedelta(days=4))
    snapshot = await snapshot_now(reader)
    days = days_of(tz, FIRST, 2, Bucket.DAY)
    whole = await reports.activity(reader, snapshot=snapshot, period=days)
    cells = (await reports.heatmap(reader, snapshot=snapshot, period=days)).cells
    assert await reader.rows("check", CHECK, ledger_clock(tz).parameters()) == []
    for place, point in enumerate(whole.points):
        day = FIRST + timedelta(days=place)
        hours = days_of(tz, day, 1, Bucket.HOUR)
        parts = await reports.activity(reader, snapshot=snapshot, period=hours)
        expected = [
            sum(ledger[part.start + quarter * timedelta(minutes=15)] for quarter in range(4))
            for part in parts.points
        ]
        assert [part.user_messages for part in parts.points] == expected
        assert point.user_messages == sum(expected)
        assert [
            cell.user_messages for cell in cells if cell.weekday == day.isoweekday()
        ] == expected


async def test_a_release_of_tzdata_that_moves_days_has_them_built_again(
    writer: Writer, reader: ClickHouseReader
):
    tz = "America/Edmonton"
    new = ledger_clock(tz)
    moved_at = int(midnight(FIRST + timedelta(days=2), zone_named(tz)).timestamp()) + 43_200
    # As if an older release had let clocks go back at noon of the third day.
    old = Clock((*new.changes, moved_at), (*new.offsets, new.offsets[-1] - 3_600))
    replica = Replica(writer, zone=tz, epoch=next(EPOCHS), tzdata="2026.2", clock=old)
    # Half an hour after midnight on five days: the last two were days before.
    for place in range(5):
        day = midnight(FIRST + timedelta(days=place), zone_named(tz))
        replica.store([turn(day + timedelta(minutes=30), user=place + 1)])
    through = datetime(2026, 11, 20, tzinfo=UTC)
    replica.publish(through)
    before = await snapshot_now(reader)
    assert sorted(before.builds) == [FIRST + timedelta(days=n) for n in range(4)]

    replica.use_tzdata(tz, tzdata="2026.2")
    assert replica.publish(through) is None
    replica.use_tzdata(tz, tzdata="2026.6")
    published = replica.publish(through)
    assert published is not None
    # The third day ends elsewhere, the fourth begins so, and the fifth had no turn before.
    assert published.days == tuple(FIRST + timedelta(days=n) for n in (2, 3, 4))
    snapshot = await snapshot_now(reader)
    points = await reports.activity(
        reader, snapshot=snapshot, period=days_of(tz, FIRST, 5, Bucket.DAY)
    )
    assert [(point.turns, point.new_users) for point in points.points] == [(1, 1)] * 5
    assert replica.publish(through) is None

    # A release that moves nothing here builds nothing, and is looked at once.
    replica.use_tzdata(tz, tzdata="2026.7")
    published = replica.publish(through)
    assert published is not None
    assert published.days == ()
    assert replica.publish(through) is None


async def test_days_of_a_publication_that_names_no_tzdata_are_built_again(
    writer: Writer, replica: Replica
):
    replica.store([turn(datetime(2026, 11, 10, 12, tzinfo=UTC))])
    replica.publish(datetime(2026, 11, 11, tzinfo=UTC))
    writer.run(
        "as an earlier version wrote it",
        sql="ALTER TABLE published UPDATE tzdata = '', clock_changes = [], clock_offsets = []"
        " WHERE 1 SETTINGS mutations_sync = 2",
    )
    published = replica.publish(datetime(2026, 11, 11, tzinfo=UTC))
    assert published is not None
    assert published.days == (date(2026, 11, 10),)
