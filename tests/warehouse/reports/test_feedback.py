"""Verdicts by model, source and way of rating, as of a snapshot."""

from __future__ import annotations

from datetime import timedelta

from tests.warehouse.constants import NOW
from tests.warehouse.replica import Replica, turn
from warehouse import reports
from warehouse.clickhouse.client import ClickHouseReader, Writer
from warehouse.periods import Bucket, PeriodName, resolve
from warehouse.reports import Condition, Filters, RatedGroup
from warehouse.snapshot import resolve as resolve_snapshot


async def test_the_last_verdict_below_the_watermark_counts(
    replica: Replica, writer: Writer, reader: ClickHouseReader
) -> None:
    small, big = turn(NOW, user=1), turn(NOW, user=2, model_used="big")
    old = turn(NOW - timedelta(days=40))
    replica.store([small, big, old, turn(NOW, user=3)])
    replica.publish(NOW + timedelta(hours=1))
    rated = replica.rate(small)
    person = {
        "epoch": rated["epoch"], "user_key": 2, "version": 1, "is_deleted": 0, "source": "ads",
        "created_at": NOW, "updated_at": NOW,
    }  # fmt: skip
    writer.insert("people", [person])
    changed, withdrawn, gone = (replica.rate(small, user_key=key) for key in (4, 5, 6))
    replica.rate(big, verdict=-1)
    replica.rate(old)
    later, unpublished = changed["version"] + 1, 2**40
    writer.insert(
        "feedback",
        [
            changed | {"version": later, "verdict": -1, "given_by": "reaction"},
            changed | {"version": unpublished, "verdict": 1},
            withdrawn | {"version": later, "verdict": 0},
            gone | {"version": later, "is_deleted": 1},
        ],
    )
    replica.rate(big, user_key=9, version=unpublished)
    replica.store([turn(NOW)])
    replica.publish(NOW + timedelta(hours=2))
    snapshot = await resolve_snapshot(reader)
    period = resolve(PeriodName.WEEK, now=NOW, tz="UTC", bucket=Bucket.DAY)

    found = await reports.feedback(reader, snapshot=snapshot, period=period)

    assert (found.good_ratings, found.bad_ratings) == (1, 2)
    assert found.satisfaction == 1 / 3
    assert found.groups == (
        RatedGroup("model", small["model_used"], 1, 1, 0.5),
        RatedGroup("model", "big", 0, 1, 0.0),
        RatedGroup("source", None, 1, 1, 0.5),
        RatedGroup("source", "ads", 0, 1, 0.0),
        RatedGroup("given_by", "button", 1, 1, 0.5),
        RatedGroup("given_by", "reaction", 0, 1, 0.0),
    )
    narrow = Filters(conditions=(Condition("is", "model", ("big",)),))
    only_big = await reports.feedback(reader, snapshot=snapshot, period=period, filters=narrow)
    assert (only_big.good_ratings, only_big.bad_ratings) == (0, 1)
    nobody = Filters(model="absent")
    nothing = await reports.feedback(reader, snapshot=snapshot, period=period, filters=nobody)
    assert (nothing.satisfaction, nothing.groups) == (None, ())
