"""Sessions end after half an hour of silence, and no border cuts them."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

import pytest

from tests.warehouse.constants import NOW
from tests.warehouse.replica import Replica, turn
from warehouse import reports
from warehouse.clickhouse.client import ClickHouseReader
from warehouse.periods import Bucket, Period, PeriodName
from warehouse.snapshot import resolve as resolve_snapshot

MIDNIGHT = datetime(2026, 3, 10, tzinfo=UTC)
PAUSE = timedelta(minutes=30)
MICROSECOND = timedelta(microseconds=1)


def days(
    since: datetime, count: int = 1, *, tz: str = "UTC", bucket: Bucket = Bucket.DAY
) -> Period:
    return Period(PeriodName.CUSTOM, since, since + timedelta(days=count), tz, bucket)


def every(minutes: int, since: datetime, *, count: int, **columns: Any) -> list[dict[str, Any]]:
    return [turn(since + timedelta(minutes=minutes * n), **columns) for n in range(count)]


async def test_a_session_counts_with_all_its_turns_on_the_day_on_which_it_begins(
    replica: Replica, reader: ClickHouseReader
):
    replica.store(
        [
            # Half an hour is a pause, a microsecond less is none.
            *(turn(MIDNIGHT + timedelta(hours=8) + PAUSE * n, user=1) for n in range(2)),
            *(
                turn(MIDNIGHT + timedelta(hours=9) + (PAUSE - MICROSECOND) * n, user=2)
                for n in range(2)
            ),
            # Over midnight, over the edge of the period, and beyond the first look ahead.
            *every(20, MIDNIGHT + timedelta(hours=23, minutes=50), count=90, user=3),
            # Began before the period.
            *every(20, MIDNIGHT - timedelta(minutes=10), count=2, user=4),
            # Two bots, a person who is not counted, and a pseudonym.
            *(turn(MIDNIGHT + timedelta(hours=3), user=5, bot_id=bot) for bot in (7, 8)),
            turn(MIDNIGHT + timedelta(hours=3), user=0, is_person=False),
            turn(MIDNIGHT + timedelta(hours=3), user=6, is_person=False),
        ]
    )
    replica.publish(NOW)
    snapshot = await resolve_snapshot(reader)

    first, second = [
        await reports.sessions(reader, snapshot=snapshot, period=days(day))
        for day in (MIDNIGHT, MIDNIGHT + timedelta(days=1))
    ]

    # Lengths: 0, 0, almost half an hour, 89 times 20 minutes, 0, 0.
    assert (first.sessions, first.session_turns) == (6, 1 + 1 + 2 + 90 + 2)
    assert first.turns_per_session == 96 / 6
    assert first.session_p50_ms == 0
    assert (second.sessions, second.turns_per_session, second.session_p50_ms) == (0, None, None)
    both = await reports.sessions(reader, snapshot=snapshot, period=days(MIDNIGHT, 2))
    assert [point.sessions for point in both.points] == [6, 0]
    long = reports.Filters(conditions=(reports.Condition("is", "person", (3,)),))
    found = await reports.sessions(
        reader, snapshot=snapshot, period=days(MIDNIGHT, bucket=Bucket.HOUR), filters=long
    )
    assert [point.sessions for point in found.points] == [0] * 23 + [1]
    assert found.points[-1].session_p50_ms == found.session_p50_ms == 89 * 20 * 60_000


def counted(
    turns: list[dict[str, Any]], since: datetime, until: datetime
) -> tuple[int, int, float | None]:
    """Sessions, their turns and their median length in milliseconds, turn by turn."""
    found: dict[tuple[int, int], list[list[datetime]]] = {}
    for row in sorted(turns, key=lambda row: row["received_at"]):
        if not row["is_person"]:
            continue
        sessions = found.setdefault((row["user_key"], row["bot_id"]), [])
        if sessions and row["received_at"] - sessions[-1][-1] < PAUSE:
            sessions[-1].append(row["received_at"])
        else:
            sessions.append([row["received_at"]])
    begun = [one for many in found.values() for one in many if since <= one[0] < until]
    lengths = [(one[-1] - one[0]) // MICROSECOND for one in begun]
    return len(begun), sum(map(len, begun)), median(lengths) / 1000 if begun else None


@pytest.mark.parametrize("tz", ["UTC", "Asia/Kathmandu"])
async def test_sessions_equal_those_counted_turn_by_turn(
    replica: Replica, reader: ClickHouseReader, tz: str
):
    chance = random.Random(5)
    turns = [
        turn(
            MIDNIGHT + timedelta(microseconds=chance.randint(0, 4 * 86_400 * 10**6)),
            user=(user := chance.choice([0, 1, 2, 3, 4])),
            is_person=user != 0,
            bot_id=chance.choice([7, 7, 8]),
            language=chance.choice(["en", "ru"]),
        )
        for _ in range(600)
    ]
    replica.store(turns)
    replica.publish(NOW)
    snapshot = await resolve_snapshot(reader)
    russian = [row for row in turns if row["language"] == "ru"]
    for asked, filters in ((turns, reports.NO_FILTERS), (russian, reports.Filters(language="ru"))):
        for _ in range(4):
            since = MIDNIGHT + timedelta(minutes=15 * chance.randint(0, 4 * 96))
            period = days(since, tz=tz, bucket=Bucket.HOUR)
            found = await reports.sessions(
                reader, snapshot=snapshot, period=period, filters=filters
            )
            assert (
                found.sessions, found.session_turns, found.session_p50_ms,
            ) == counted(asked, period.since, period.until)  # fmt: skip
            edges = [*(point.start for point in found.points), period.until]
            for n, point in enumerate(found.points):
                assert (
                    point.sessions, point.session_turns, point.session_p50_ms,
                ) == counted(asked, edges[n], edges[n + 1])  # fmt: skip
