"""The last half hour: every minute is there, and people are counted once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.warehouse.replica import Replica, turn
from warehouse import reports
from warehouse.clickhouse.client import ClickHouseReader
from warehouse.snapshot import resolve

NOON = datetime(2026, 3, 27, 12, tzinfo=UTC)
BEFORE = timedelta(microseconds=1)


async def test_each_minute_has_its_turns_and_the_whole_its_people(
    replica: Replica, reader: ClickHouseReader
):
    since = NOON - timedelta(minutes=29)
    replica.store(
        [
            turn(since - BEFORE, user=1),
            turn(since, user=1),
            turn(since + timedelta(minutes=1) - BEFORE, user=2),
            turn(NOON - timedelta(minutes=3), user=1),
            turn(NOON - timedelta(minutes=3), user=3, is_person=False),
            turn(NOON + timedelta(seconds=59), user=4, status="failed"),
            turn(NOON + timedelta(minutes=1), user=5),
        ]
    )
    replica.publish(NOON + timedelta(minutes=5))
    until = reports.end_of_minute(NOON + timedelta(seconds=30))
    found = await reports.last_minutes(reader, snapshot=await resolve(reader), until=until)
    assert (found.since, found.until) == (since, NOON + timedelta(minutes=1))
    assert (found.turns, found.active_users) == (5, 3)
    assert [point.start for point in found.points] == [
        since + timedelta(minutes=number) for number in range(30)
    ]
    shown = {
        number: (point.turns, point.active_users)
        for number, point in enumerate(found.points)
        if point.turns
    }
    assert shown == {0: (2, 2), 26: (2, 1), 29: (1, 1)}


@pytest.mark.parametrize("second", [0, 59])
def test_a_minute_ends_when_the_next_begins(second: int):
    assert reports.end_of_minute(NOON + timedelta(seconds=second)) == NOON + timedelta(minutes=1)
