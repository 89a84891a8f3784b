"""Commands by name, blocks and returns, as of a snapshot."""

from __future__ import annotations

from datetime import timedelta

from tests.warehouse.constants import NOW
from tests.warehouse.replica import Replica, turn
from warehouse import reports
from warehouse.clickhouse.client import ClickHouseReader, Writer
from warehouse.periods import Bucket, PeriodName, resolve
from warehouse.reports import CommandUse, Condition, Filters
from warehouse.snapshot import resolve as resolve_snapshot

DAY = timedelta(days=1)


async def test_commands_and_blocks_count_people_once_and_leave_out_who_is_not_counted(
    replica: Replica, writer: Writer, reader: ClickHouseReader
) -> None:
    replica.store([turn(NOW)])
    for user in (1, 1, 2, 0):
        replica.happen(NOW, "command", "usage", user_key=user)
    replica.happen(NOW - DAY, "command", "unknown", chat_type="group", language=None)
    replica.happen(NOW - 40 * DAY, "command", "usage")
    gone = replica.happen(NOW, "command", "help")
    for at, kind in ((NOW - DAY, "blocked"), (NOW, "unblocked"), (NOW, "blocked")):
        replica.happen(at, kind)
    writer.insert("user_events", [gone | {"version": gone["version"] + 1, "is_deleted": 1}])
    replica.store([turn(NOW)])
    replica.happen(NOW, "blocked", user_key=9, version=2**40)
    replica.publish(NOW + timedelta(hours=1))
    period = resolve(PeriodName.WEEK, now=NOW, tz="UTC", bucket=Bucket.DAY)
    about = {"snapshot": await resolve_snapshot(reader), "period": period}

    found = await reports.commands(reader, **about)

    assert (found.command_uses, found.command_people) == (5, 2)
    assert found.names == (CommandUse("usage", 4, 2), CommandUse("unknown", 1, 1))
    assert [(bucket.command_uses, bucket.command_people) for bucket in found.buckets] == [
        *[(0, 0)] * 5, (1, 1), (4, 2),
    ]  # fmt: skip
    points = [(point.name, point.command_uses, point.command_people) for point in found.points]
    assert points == [("unknown", 1, 1), ("usage", 4, 2)]

    blocks = await reports.blocks(reader, **about)
    assert (blocks.blocked_people, blocks.unblocked_people) == (1, 1)
    by_day = [(point.blocked_people, point.unblocked_people) for point in blocks.points]
    assert by_day == [*[(0, 0)] * 5, (1, 0), (1, 1)]

    for filters, uses in (
        (Filters(chat_type="group"), 1),
        (Filters(language="en"), 4),
        (Filters(conditions=(Condition("is", "person", (2,)),)), 1),
        (Filters(model="small"), 0),
        (Filters(conditions=(Condition("is_not", "status", ("failed",)),)), 5),
        (Filters(conditions=(Condition("contains", "source", ("ads",)),)), 0),
    ):
        narrow = await reports.commands(reader, **about, filters=filters)
        assert narrow.command_uses == uses, filters
