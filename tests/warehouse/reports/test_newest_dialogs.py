"""Dialogs read from daily lists equal those read from the ledger."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given

from tests.warehouse.clickhouse.test_statements import Recorder
from tests.warehouse.conftest import PublishOnce
from tests.warehouse.constants import REPORT_ZONE, ZONE
from tests.warehouse.random_ledger import QUESTIONS, Ledger, property_test, seeds
from tests.warehouse.replica import Replica, Turn, turn
from warehouse import reports
from warehouse.clickhouse.client import ClickHouseReader, Writer
from warehouse.periods import Bucket, Period, PeriodName, midnight
from warehouse.reports import NO_FILTERS, Filters, RecentDialog
from warehouse.reports.ranking import LISTED
from warehouse.snapshot import NOTHING_PUBLISHED, Snapshot
from warehouse.snapshot import resolve as resolve_snapshot

FIRST = datetime(2026, 3, 27, tzinfo=UTC).date()
"""Clocks change on the third day."""
DAYS = 4
HOUR = timedelta(hours=1)
ONE_BOT = Filters(bot_id=8)


def day(number: int) -> datetime:
    return midnight(FIRST + timedelta(days=number), ZONE)


def period(since: datetime, until: datetime) -> Period:
    return Period(PeriodName.CUSTOM, since, until, REPORT_ZONE, Bucket.DAY)


WHOLE = period(day(0), day(DAYS))


def crowd() -> list[Turn]:
    """Two bots with more dialogs a day than a list holds; some span days, many share a time."""
    chance = random.Random(16)
    turns = []
    for number in range(DAYS):
        for bot in (7, 8):
            for one in range(LISTED + 30):
                dialog = one if one % 7 == 0 else 1_000 * number + 100_000 * bot + one
                at = day(number) + timedelta(minutes=chance.randint(0, 23 * 60))
                turns += [
                    turn(
                        at + timedelta(seconds=30 * n), bot_id=bot, user=one, dialog_id=uuid(dialog)
                    )
                    for n in range(chance.choice([1, 1, 2]))
                ]
    return turns


@pytest.fixture(scope="module")
def published_crowd(publish_once: PublishOnce) -> Snapshot:
    return publish_once(crowd(), day(DAYS))


def uuid(number: int) -> UUID:
    """A UUID whose halves sort differently: ClickHouse compares the second half first."""
    return UUID(int=(number << 64) + number * 37 % 131)


async def of_the_ledger(
    reader: ClickHouseReader, snapshot: Snapshot, asked: Period, filters: Filters
) -> list[RecentDialog]:
    # Figures of a withheld day are read from turns; up to the watermark these are complete.
    builds = {
        day: build
        if build.is_withheld
        else replace(build, is_withheld=True, watermark=snapshot.watermark)
        for day, build in snapshot.builds.items()
    }
    recorder = Recorder(reader)
    chunks, is_truncated = await reports.every_dialog(
        recorder, snapshot=replace(snapshot, builds=builds), period=asked, filters=filters
    )
    assert not is_truncated
    found = [dialog async for chunk in chunks for dialog in chunk]
    assert set(recorder.asked) <= set(FROM_THE_LEDGER)
    return found


async def of_days(
    reader: ClickHouseReader, snapshot: Snapshot, asked: Period, filters: Filters
) -> list[RecentDialog]:
    chunks, is_truncated = await reports.every_dialog(
        reader, snapshot=snapshot, period=asked, filters=filters
    )
    assert not is_truncated
    return [dialog async for chunk in chunks for dialog in chunk]


async def first_page(
    reader: ClickHouseReader,
    asked: Period,
    *,
    filters: Filters = NO_FILTERS,
    limit: int = 10,
    statements: Iterable[str] = ("newest_dialogs", "dialogs_of_days"),
    snapshot: Snapshot | None = None,
) -> None:
    """Ask for the first page and, by its cursor, for the second; compare with the ledger.

    Args:
        snapshot: another than the newest.
    """
    snapshot = snapshot or await resolve_snapshot(reader)
    recorder = Recorder(reader)
    about = {"snapshot": snapshot, "period": asked, "filters": filters, "limit": limit}
    page = await reports.recent_dialogs(recorder, **about)
    assert set(recorder.asked) == set(statements)
    shown = [*page.dialogs]
    if page.next_cursor is not None:
        page = await reports.recent_dialogs(reader, **about, cursor=page.next_cursor)
        shown += page.dialogs
    expected = await of_the_ledger(reader, snapshot, asked, filters)
    assert shown == expected[: 2 * limit]
    assert await of_days(reader, snapshot, asked, filters) == expected
    assert (page.next_cursor is not None) == (len(expected) > len(shown) > 0)


FROM_THE_LEDGER = ("recent_dialog_ids", "recent_dialogs")
LISTED_BUT_CUT = ("newest_dialogs", "recent_dialogs")
"""The page from the lists, figures of a cut day from the ledger."""
AFTER_ALL = (*FROM_THE_LEDGER, "newest_dialogs")
FULL_PAGE = ("recent_dialog_ids", "dialogs_of_days")


@property_test
@given(seed=seeds)
async def test_whatever_the_ledger_the_first_page_is_the_ledgers(
    writer: Writer, reader: ClickHouseReader, seed: int
):
    ledger = Ledger(writer, seed)
    snapshot = await resolve_snapshot(reader)
    for _ in range(QUESTIONS):
        asked = replace(ledger.period(), tz=snapshot.report_timezone)
        whole = Period.bucket_starts(replace(asked, bucket=Bucket.DAY))
        if len(whole) > 1 and ledger.chance.random() < 0.7:
            asked = replace(asked, since=whole[0], until=whole[-1])
        filters = Filters(bot_id=ledger.chance.choice([None, 7, 8]))
        limit = ledger.chance.choice([1, 5, 20, 60])
        page = await reports.recent_dialogs(
            reader, snapshot=snapshot, period=asked, filters=filters, limit=limit
        )
        expected = await of_the_ledger(reader, snapshot, asked, filters)
        assert [*page.dialogs] == expected[:limit], (asked, filters)
        assert (page.next_cursor is not None) == (len(expected) > limit)


@pytest.mark.parametrize("filters", [NO_FILTERS, ONE_BOT])
@pytest.mark.parametrize("limit", [1, 20, LISTED - 1])
async def test_cut_lists_are_enough_for_whole_days(
    published_crowd: Snapshot, reader: ClickHouseReader, filters: Filters, limit: int
):
    for asked in (WHOLE, period(day(1), day(DAYS - 1))):
        await first_page(reader, asked, filters=filters, limit=limit, snapshot=published_crowd)


async def test_of_one_moment_a_list_keeps_those_that_a_page_shows(
    replica: Replica, reader: ClickHouseReader
):
    replica.store([turn(day(1), user=one, dialog_id=uuid(one)) for one in range(LISTED + 30)])
    replica.publish(day(DAYS))
    await first_page(reader, WHOLE, limit=LISTED - 1)


async def test_an_hour_with_more_dialogs_than_a_list_holds_hides_no_later_one(
    replica: Replica, reader: ClickHouseReader
):
    full = [turn(day(1) + HOUR, user=one, dialog_id=uuid(one)) for one in range(LISTED + 30)]
    later = [turn(day(1) + 5 * HOUR, dialog_id=uuid(one)) for one in range(500, 520)]
    earlier = [turn(day(1), dialog_id=uuid(600)), turn(day(0) - HOUR, dialog_id=uuid(601))]
    replica.store([*full, *later, *earlier])
    replica.publish(day(DAYS))
    await first_page(reader, WHOLE, limit=60)


async def test_what_lists_cannot_tell_is_asked_of_the_ledger(
    published_crowd: Snapshot, reader: ClickHouseReader
):
    narrow = Filters(chat_type="private")
    # A day that the end cuts, and turns behind the cut.
    cut = period(day(0), day(DAYS) - 12 * HOUR)
    for asked, filters, limit, statements in (
        (WHOLE, NO_FILTERS, LISTED, FULL_PAGE),
        (WHOLE, narrow, 50, FROM_THE_LEDGER),
        (cut, NO_FILTERS, 50, AFTER_ALL),
    ):
        await first_page(
            reader, asked, filters=filters, limit=limit, statements=statements,
            snapshot=published_crowd,
        )  # fmt: skip


async def test_a_cut_day_matters_at_the_start_only_when_the_others_name_too_few(
    replica: Replica, reader: ClickHouseReader
):
    of_each_day = [
        turn(day(one // 5) + (2 + one % 5) * HOUR, dialog_id=uuid(one)) for one in range(10)
    ]
    replica.store(of_each_day)
    replica.publish(day(DAYS))
    since = day(0) + 3 * HOUR
    await first_page(reader, period(since, day(2)), limit=4, statements=LISTED_BUT_CUT)
    await first_page(reader, period(since, day(2)), limit=5, statements=AFTER_ALL)
    # Without a day that begins in the period no list can help.
    await first_page(reader, period(since, day(1)), limit=4, statements=FROM_THE_LEDGER)


async def test_a_period_may_end_after_the_newest_turn(replica: Replica, reader: ClickHouseReader):
    replica.store(crowd())
    replica.publish(day(DAYS))
    after = period(day(0), day(DAYS + 5) + HOUR)
    await first_page(reader, after, limit=50, statements=LISTED_BUT_CUT)
    newest = max(row["received_at"] for row in replica.turns.values())
    until = day(DAYS) - timedelta(minutes=15)
    assert newest < until
    await first_page(reader, period(day(0), until), limit=50, statements=LISTED_BUT_CUT)
    # The end is exclusive: a turn at that very moment is not in the period.
    replica.store([turn(until, dialog_id=uuid(1))])
    replica.publish(day(DAYS))
    await first_page(reader, period(day(0), until), limit=50, statements=AFTER_ALL)


async def test_a_turn_deleted_from_the_last_second_of_a_period_is_gone(
    replica: Replica, reader: ClickHouseReader
):
    """Its newest state is alone in a part, all of whose rows fall into that second."""
    until = day(1) + 5 * HOUR
    last = turn(until - timedelta(microseconds=1), user=3, dialog_id=uuid(3))
    replica.store([last, turn(until - HOUR, user=4, dialog_id=uuid(4))])
    replica.publish(day(DAYS))
    replica.store([last], is_deleted=True)
    replica.publish(day(DAYS))
    snapshot = await resolve_snapshot(reader)
    asked = period(until - 2 * HOUR, until)
    assert [one.user_key for one in await of_days(reader, snapshot, asked, NO_FILTERS)] == [4]
    page = await reports.recent_dialogs(reader, snapshot=snapshot, period=asked)
    assert [one.user_key for one in page.dialogs] == [4]
    people = await reports.top_users(reader, snapshot=snapshot, period=asked)
    assert [one.user_key for one in people] == [4]


async def test_deleted_and_corrected_turns_move_dialogs_on_the_lists(
    replica: Replica, reader: ClickHouseReader
):
    turns = crowd()
    replica.store(turns)
    replica.publish(day(DAYS))
    turns.sort(key=lambda row: row["received_at"])
    replica.store(turns[-40:], is_deleted=True)
    replica.store([row | {"model_used": "large"} for row in turns[-80:-40]])
    replica.publish(day(DAYS))
    await first_page(reader, WHOLE, limit=50)


async def test_what_one_transaction_deletes_and_writes_again_is_there(
    replica: Replica, reader: ClickHouseReader
):
    rows = [turn(day(1) + one * HOUR / 10, dialog_id=uuid(one)) for one in range(1, 101)]
    replica.store(rows)
    # Both states have the version of the transaction; a sort may put either first.
    version = 1_002
    replica.store([row | {"version": version, "is_deleted": 1} for row in rows])
    replica.store([row | {"version": version} for row in rows])
    replica.publish(day(DAYS))
    snapshot = await resolve_snapshot(reader)
    cut = period(day(0) + HOUR, day(DAYS))
    page = await reports.recent_dialogs(reader, snapshot=snapshot, period=cut, limit=100)
    assert [dialog.turns for dialog in page.dialogs] == [1] * 100


async def test_what_was_deleted_since_the_build_makes_no_page_shorter(
    replica: Replica, reader: ClickHouseReader, writer: Writer
):
    turns = [turn(day(1) + one * HOUR, dialog_id=uuid(one)) for one in range(1, 9)]
    replica.store(turns)
    replica.publish(day(DAYS))
    replica.store(turns[-1:], is_deleted=True)
    # The state that the build counts leaves the disk with the next merge.
    writer.run("merge", sql="OPTIMIZE TABLE turns FINAL")
    snapshot = await resolve_snapshot(reader)
    page = await reports.recent_dialogs(reader, snapshot=snapshot, period=WHOLE, limit=3)
    assert [dialog.dialog_id for dialog in page.dialogs] == [str(uuid(one)) for one in (8, 7, 6)]
    # Figures of a cut day are the ledger's, and so is the page then.
    cut = period(day(0) + HOUR, day(DAYS))
    await first_page(reader, cut, limit=3, statements=(*AFTER_ALL,))


async def test_a_build_that_lists_another_dialog_differs(replica: Replica):
    row = turn(day(1), dialog_id=uuid(1))
    replica.store([row])
    replica.publish(day(DAYS))
    replica.store([row], is_deleted=True)
    replica.store([turn(day(1), dialog_id=uuid(2))])
    published = replica.publish(day(DAYS))
    assert published is not None
    # The list, and a row of each dialog.
    assert published.rows_differ == 3


async def test_a_withheld_day_is_asked_of_the_ledger(replica: Replica, reader: ClickHouseReader):
    kept = turn(day(1) + HOUR, dialog_id=uuid(1))
    replica.store([kept, turn(day(2) + HOUR, dialog_id=uuid(2)), turn(day(0) + HOUR)])
    replica.publish(day(DAYS))
    bad = turn(day(1) + 2 * HOUR, dialog_id=uuid(3), cost_usd=Decimal(-1))
    replica.store([bad, kept | {"answer_parts": 2}])
    published = replica.publish(day(DAYS))
    assert published is not None
    assert published.withheld == (FIRST + timedelta(days=1),)
    await first_page(reader, WHOLE, statements=FROM_THE_LEDGER)
    # Only where it could be shown.
    await first_page(reader, period(day(2), day(DAYS)))


async def test_nothing_published_has_no_dialogs(reader: ClickHouseReader):
    page = await reports.recent_dialogs(reader, snapshot=NOTHING_PUBLISHED, period=WHOLE)
    assert page == reports.DialogPage((), None)
