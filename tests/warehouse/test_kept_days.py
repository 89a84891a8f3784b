"""Days in memory: read once, never another build's, and equal to what the engine says of them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from tests.warehouse.conftest import PublishOnce
from tests.warehouse.constants import REPORT_ZONE, ZONE
from tests.warehouse.replica import Replica, random_turn, turn, without_memory
from tests.warehouse.test_statements import Recorder
from warehouse import reports
from warehouse.client import Reader
from warehouse.kept_days import DayCut, KeptDays
from warehouse.moments import zone_named
from warehouse.periods import Bucket, Period, PeriodName, midnight
from warehouse.reports import NO_FILTERS, CohortWidth, Filters
from warehouse.snapshot import Snapshot
from warehouse.snapshot import resolve as resolve_snapshot

FIRST = date(2026, 3, 16)
DAYS = 30
"""On the fourteenth clocks go forward."""
Ask = Callable[..., Awaitable[Any]]


def noon(number: int) -> datetime:
    return midnight(FIRST + timedelta(days=number), ZONE) + timedelta(hours=12)


def days(first: int, last: int, bucket: Bucket = Bucket.DAY, tz: str = REPORT_ZONE) -> Period:
    """Whole days of a zone, the last one included."""
    zone = zone_named(tz)
    since, until = (midnight(FIRST + timedelta(days=n), zone) for n in (first, last + 1))
    return Period(PeriodName.CUSTOM, since, until, tz, bucket)


@pytest.fixture(scope="module")
def published_month(publish_once: PublishOnce) -> Snapshot:
    chance = random.Random(17)
    begin = midnight(FIRST, ZONE)
    turns = [
        random_turn(chance, begin + timedelta(hours=chance.uniform(0, 24 * DAYS - 1)), users=60)
        for _ in range(1_500)
    ]
    return publish_once(turns, noon(DAYS))


@pytest.fixture
def month(published_month: Snapshot) -> Snapshot:
    """A month of turns, of which no day is in memory."""
    return replace(published_month, kept=KeptDays())


@pytest.mark.parametrize("filters", [NO_FILTERS, Filters(bot_id=8)])
async def test_memory_and_engine_answer_alike(month: Snapshot, reader: Reader, filters: Filters):
    asked: list[tuple[Ask, dict[str, Any]]] = [
        (reports.summary, {}),
        (reports.retention, {}),
        (reports.retention, {"width": CohortWidth.WEEK, "steps": 4}),
        (reports.top_users, {"limit": 5}),
        (reports.recent_dialogs, {"limit": 7}),
        (reports.activity, {"bucket": Bucket.DAY}),
        (reports.activity, {"bucket": Bucket.WEEK}),
        (reports.activity, {"bucket": Bucket.MONTH}),
    ]
    for report, arguments in asked:
        period = days(0, DAYS - 1, arguments.pop("bucket", Bucket.DAY))
        about = {"period": period, "filters": filters, **arguments}
        of_memory = await report(reader, snapshot=month, **about)
        assert of_memory == await report(reader, snapshot=without_memory(month), **about)
    assert len(month.kept) == DAYS


@pytest.mark.parametrize("tz", ["Asia/Kathmandu", "America/St_Johns", "UTC", "Pacific/Kiritimati"])
@pytest.mark.parametrize("filters", [NO_FILTERS, Filters(bot_id=8)])
async def test_days_of_any_zone_in_memory_are_those_of_the_engine(
    month: Snapshot, reader: Reader, tz: str, filters: Filters
):
    for bucket in (Bucket.DAY, Bucket.WEEK, Bucket.MONTH):
        about: dict[str, Any] = {"period": days(1, DAYS, bucket, tz), "filters": filters}
        for report in (reports.summary, reports.activity, reports.costs):
            recorder = Recorder(reader)
            of_memory = await report(recorder, snapshot=month, **about)
            assert set(recorder.asked) <= {"zone_days", "models", "models_asked"}
            of_engine = await report(reader, snapshot=without_memory(month), **about)
            assert of_memory == of_engine
    # Of the last one nothing was built where it begins later.
    assert DAYS - 1 <= len(month.kept) <= DAYS


async def test_of_another_zone_only_days_with_other_builds_are_read_again(
    replica: Replica, reader: Reader
):
    about: dict[str, Any] = {"period": days(0, 9, tz="Asia/Kathmandu")}
    replica.store(turn(noon(number)) for number in range(8))
    replica.publish(noon(8))
    before = await resolve_snapshot(reader)
    assert (await reports.summary(reader, snapshot=before, **about)).current.turns == 8
    # One day was corrected, one begins: of each, the days of the other zone on both its sides.
    replica.store([turn(noon(2), user=2), turn(noon(8))])
    replica.publish(noon(9))
    counting = Counting(reader)
    after = await resolve_snapshot(counting, known=before)
    found = await reports.activity(counting, snapshot=after, **about)
    assert [point.turns for point in found.points] == [1, 1, 2, 1, 1, 1, 1, 1, 1, 0]
    assert found == await reports.activity(reader, snapshot=without_memory(after), **about)
    # Days 2 and 3 there touch 1, 2 and 3 here; 8 and 9 there 7 and 8, and 9, which has no build.
    assert counting.read == [5]
    assert len(after.kept) == 10
    assert after.replaced == ()
    # Of a week later nothing was built: there is nothing to read, and nothing to keep.
    later = await reports.activity(
        counting, snapshot=after, period=days(17, 19, tz="Asia/Kathmandu")
    )
    assert [point.turns for point in later.points] == [0, 0, 0]
    assert (counting.read, len(after.kept)) == ([5], 10)


async def test_a_period_that_cuts_a_day_of_its_zone_is_added_up_by_the_engine(
    replica: Replica, reader: Reader
):
    replica.store(turn(noon(number)) for number in range(3))
    replica.publish(noon(3))
    snapshot = await resolve_snapshot(reader)
    period = days(0, 2, tz="Asia/Kathmandu")
    recorder = Recorder(reader)
    cut = replace(period, until=period.until - timedelta(minutes=15))
    assert (await reports.summary(recorder, snapshot=snapshot, period=cut)).current.turns == 3
    assert set(recorder.asked) == {"summary"}
    assert len(snapshot.kept) == 0


async def test_a_day_is_read_once_for_all_who_ask_at_once(replica: Replica, reader: Reader):
    replica.store(turn(noon(number)) for number in range(5))
    replica.publish(noon(5))
    snapshot = await resolve_snapshot(reader)
    counting = Counting(reader)
    for _ in range(2):
        await asyncio.gather(
            reports.summary(counting, snapshot=snapshot, period=days(0, 4)),
            reports.activity(counting, snapshot=snapshot, period=days(0, 4)),
            reports.retention(counting, snapshot=snapshot, period=days(0, 4)),
        )
    assert counting.read == [5]


async def test_of_the_next_publication_only_other_builds_are_read(replica: Replica, reader: Reader):
    replica.store(turn(noon(number)) for number in range(5))
    replica.publish(noon(5))
    before = await resolve_snapshot(reader)
    assert (await totals(reader, before)).turns == 5
    replica.store([turn(noon(3), user=2)])
    replica.publish(noon(5))
    counting = Counting(reader)
    after = await resolve_snapshot(counting, known=before)
    assert (await totals(counting, after)).turns == 6
    assert counting.read == [1]
    assert len(after.kept) == 5
    # Whoever still answers from the snapshot before gets its numbers.
    assert (await totals(reader, before)).turns == 5


async def test_another_epoch_begins_with_nothing(replica: Replica, reader: Reader):
    replica.store([turn(noon(0))])
    replica.publish(noon(1))
    snapshot = await resolve_snapshot(reader)
    await totals(reader, snapshot)
    earlier = replace(snapshot, epoch=snapshot.epoch - 1)
    assert len((await resolve_snapshot(reader, known=earlier)).kept) == 0
    assert len((await resolve_snapshot(reader, known=snapshot)).kept) == 1


async def test_what_is_dropped_while_days_are_read_is_still_answered(
    replica: Replica, reader: Reader
):
    replica.store(turn(noon(number)) for number in range(3))
    replica.publish(noon(3))
    snapshot = await resolve_snapshot(reader)
    await reports.summary(reader, snapshot=snapshot, period=days(0, 1))

    class Forgetful(Recorder):
        async def rows(self, name: str, sql: str, parameters: Any) -> list[dict[str, Any]]:
            snapshot.kept.keep_only({})
            return await super().rows(name, sql, parameters)

    forgetful = Forgetful(reader)
    answer = await reports.summary(forgetful, snapshot=snapshot, period=days(0, 2))
    assert set(forgetful.asked) == {"bot_days"}
    assert answer.current.turns == 3


@pytest.mark.parametrize("are_kept", [True, False])
async def test_days_of_the_report_zone_do_not_wait_for_those_of_another(
    replica: Replica, reader: Reader, *, are_kept: bool
):
    replica.store(turn(noon(number)) for number in range(3))
    replica.publish(noon(3))
    snapshot = await resolve_snapshot(reader)
    if are_kept:
        await totals(reader, snapshot)
    may_read = asyncio.Event()

    class Waiting(Recorder):
        async def rows(self, name: str, sql: str, parameters: Any) -> list[dict[str, Any]]:
            await may_read.wait()
            return await super().rows(name, sql, parameters)

    elsewhere = days(0, 2, tz="Asia/Kathmandu")
    reading = asyncio.create_task(
        reports.summary(Waiting(reader), snapshot=snapshot, period=elsewhere)
    )
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        assert (await totals(reader, snapshot)).turns == 3
    assert not reading.done()
    may_read.set()
    assert (await reading).current.turns == 3


async def test_memory_is_bounded_and_the_least_asked_for_goes_first(
    replica: Replica, reader: Reader
):
    replica.store(turn(noon(number)) for number in range(6))
    replica.publish(noon(6))
    snapshot = await resolve_snapshot(reader)
    cuts = [DayCut(day, ((day, build.version),)) for day, build in snapshot.builds.items()]
    every = KeptDays()
    await every.of(reader, cuts)
    kept = KeptDays(most_bytes=every.size // 2)
    assert len(await kept.of(reader, cuts)) == 6
    assert len(kept) == 3
    assert kept.size <= every.size // 2
    counting = Counting(reader)
    found = await kept.of(counting, cuts[3:])
    assert [day.day for day in found] == [cut.day for cut in cuts[3:]]
    assert counting.read == []


async def test_more_days_than_are_kept_are_added_up_by_the_engine(replica: Replica, reader: Reader):
    replica.store(turn(noon(number)) for number in range(5))
    replica.publish(noon(5))
    snapshot = await resolve_snapshot(reader)
    frugal = replace(snapshot, kept=KeptDays(most_days=4))
    recorder = Recorder(reader)
    answer = await reports.summary(recorder, snapshot=frugal, period=days(0, 4))
    assert answer.current.turns == 5
    assert set(recorder.asked) == {"summary_days"}
    await reports.summary(recorder, snapshot=frugal, period=days(0, 3))
    assert set(recorder.asked) == {"summary_days", "bot_days"}


async def test_a_failed_read_keeps_nothing(replica: Replica, reader: Reader):
    replica.store([turn(noon(0))])
    replica.publish(noon(1))
    snapshot = await resolve_snapshot(reader)

    class Broken(Recorder):
        async def rows(self, name: str, sql: str, parameters: Any) -> list[dict[str, Any]]:
            raise ConnectionError(name, sql, parameters)

    with pytest.raises(ConnectionError):
        await totals(Broken(reader), snapshot)
    assert len(snapshot.kept) == 0
    assert (await totals(reader, snapshot)).turns == 1


class Counting(Recorder):
    """A reader that counts the builds in every reading of days."""

    def __init__(self, reader: Reader) -> None:
        super().__init__(reader)
        self.read: list[int] = []

    async def rows(self, name: str, sql: str, parameters: Any) -> list[dict[str, Any]]:
        if name in ("bot_days", "zone_days"):
            self.read.append(str(parameters["builds"]).count("("))
        return await super().rows(name, sql, parameters)


async def totals(reader: Any, snapshot: Snapshot) -> reports.Totals:
    return (await reports.summary(reader, snapshot=snapshot, period=days(0, 4))).current
