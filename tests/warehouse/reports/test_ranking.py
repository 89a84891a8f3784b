"""A ranking over many days is found from daily rankings, or reported as uncertain."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from tests.warehouse.clickhouse.test_statements import Recorder
from tests.warehouse.conftest import REPORT_ZONE
from tests.warehouse.constants import ZONE
from tests.warehouse.replica import Replica, turn
from warehouse import reports
from warehouse.clickhouse.client import ClickHouseReader
from warehouse.periods import Bucket, Period, PeriodName, midnight
from warehouse.reports.ranking import LISTED, top_k_candidates
from warehouse.snapshot import resolve as resolve_snapshot

FIRST = datetime(2026, 3, 16, tzinfo=UTC).date()
DAYS = 4
days_of_people = st.lists(st.dictionaries(st.integers(1, 12), st.integers(0, 9)), max_size=6)


def ranked(sums: Counter[int]) -> list[int]:
    return sorted(sums, key=lambda person: (-sums[person], person))


@given(days_of_people, st.integers(1, 5), st.integers(1, 4))
def test_whoever_belongs_to_the_first_places_is_a_contender(
    days: list[dict[int, int]], limit: int, listed: int
):
    sums: Counter[int] = Counter()
    lists = []
    for day in days:
        sums.update(day)
        places = sorted(((value, person) for person, value in day.items()), reverse=True)
        lists.append(places[:listed])
    found = top_k_candidates(lists, limit=limit, listed=listed)
    first = ranked(sums)[:limit]
    if found is not None:
        assert set(first) <= set(found)
    elif all(len(day) < listed for day in days):
        raise AssertionError("every list is complete")


def test_no_list_has_no_contender_and_too_many_are_none():
    assert top_k_candidates([], limit=3) == []
    crowd = [[(1, person) for person in range(50)]]
    assert top_k_candidates(crowd, limit=3, most=49) is None
    assert len(top_k_candidates(crowd, limit=3, most=50) or ()) == 50


def crowd_with(replica: Replica, busy: dict[int, int]) -> Period:
    """More people a day than a list holds, each with a message, and busy ones with more."""
    noon = midnight(FIRST, ZONE) + timedelta(hours=12)
    turns = []
    for day in range(DAYS):
        at = noon + timedelta(days=day)
        turns += [turn(at, user=1_000 + user) for user in range(LISTED + 20)]
        turns += [turn(at, user=user) for user, times in busy.items() for _ in range(times)]
    replica.store(turns)
    replica.publish(noon + timedelta(days=DAYS))
    return Period(
        PeriodName.CUSTOM,
        midnight(FIRST, ZONE),
        midnight(FIRST + timedelta(days=DAYS), ZONE),
        REPORT_ZONE,
        Bucket.DAY,
    )


async def test_busy_people_are_found_without_ranking_all(
    replica: Replica, reader: ClickHouseReader
):
    period = crowd_with(replica, busy={5: 3, 6: 2, 7: 3})
    recorder = Recorder(reader)
    found = await reports.top_users(
        recorder, snapshot=await resolve_snapshot(reader), period=period, limit=3
    )
    assert [(user.user_key, user.user_messages) for user in found] == [
        (5, 3 * DAYS),
        (7, 3 * DAYS),
        (6, 2 * DAYS),
    ]
    assert set(recorder.asked) == {"busiest_of_days", "top_users_named"}


async def test_a_crowd_of_equals_is_ranked_as_a_whole(replica: Replica, reader: ClickHouseReader):
    period = crowd_with(replica, busy={5: 2})
    recorder = Recorder(reader)
    found = await reports.top_users(
        recorder, snapshot=await resolve_snapshot(reader), period=period, limit=3
    )
    assert [(user.user_key, user.user_messages) for user in found] == [
        (5, 2 * DAYS),
        (1_000, DAYS),
        (1_001, DAYS),
    ]
    assert set(recorder.asked) == {"busiest_of_days", "top_users_days"}
