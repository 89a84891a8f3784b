"""Metrics that the catalogue calls additive over a dimension add up over it, for any ledger."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from hypothesis import given

from tests.warehouse.random_ledger import QUESTIONS, Ledger, property_test, seeds
from warehouse import query, reports
from warehouse.catalogue import BY_NAME, DIMENSIONS
from warehouse.clickhouse.client import ClickHouseReader, Writer
from warehouse.periods import Bucket, Period
from warehouse.query.request import MAX_METRICS
from warehouse.reports.metric_values import METRIC_VALUES
from warehouse.snapshot import Snapshot
from warehouse.snapshot import resolve as resolve_snapshot

ADDITIVE = [name for name in METRIC_VALUES if BY_NAME[name].additive_over]
assert len(ADDITIVE) <= MAX_METRICS


async def rows(
    reader: ClickHouseReader,
    snapshot: Snapshot,
    period: Period,
    *,
    dimensions: list[str],
    filters: list[Any],
) -> list[tuple[Any, ...]]:
    body = {
        "metrics": ADDITIVE,
        "date_range": [period.since.isoformat(), period.until.isoformat()],
        "dimensions": dimensions,
        "filters": filters,
        "pagination": {"limit": 1000},
        "tz": period.tz,
    }
    request = query.parse(body, now=period.until, default_tz="UTC")
    answer = await query.run(reader, request, snapshot=snapshot)
    assert not answer.has_more
    return [row.metrics for row in answer.results]


def added_up(found: list[tuple[Any, ...]]) -> list[Any]:
    """Each metric's sum over the rows; an unknown cost is zero."""
    return [sum((value or Decimal(0)) for value in column) for column in zip(*found, strict=True)]


@property_test
@given(seed=seeds)
async def test_groups_and_buckets_add_up_to_the_whole_where_the_catalogue_says_so(
    writer: Writer, reader: ClickHouseReader, seed: int
):
    ledger = Ledger(writer, seed)
    snapshot = await resolve_snapshot(reader)
    chance = ledger.chance
    for _ in range(QUESTIONS):
        period = ledger.period(chance.choice([Bucket.DAY, Bucket.WEEK, Bucket.MONTH, Bucket.HOUR]))
        # New people are additive where nothing but bots is filtered.
        filters = chance.choice([[], [["is", "bot", [7]]]])
        (whole,) = await rows(reader, snapshot, period, dimensions=[], filters=filters)
        for dimension in DIMENSIONS:
            name = f"time:{period.bucket.value}" if dimension == "time" else dimension
            groups = await rows(reader, snapshot, period, dimensions=[name], filters=filters)
            parts = added_up(groups)
            for metric, total, part in zip(ADDITIVE, whole, parts or [0] * len(whole), strict=True):
                if dimension in BY_NAME[metric].additive_over:
                    assert part == (total or 0), (metric, dimension, period, filters)
    await activated_people_add_up_over_time(reader, snapshot, ledger)


async def activated_people_add_up_over_time(
    reader: ClickHouseReader, snapshot: Snapshot, ledger: Ledger
):
    assert BY_NAME["activated"].additive_over == ("time",)
    for _ in range(QUESTIONS):
        period = ledger.period(Bucket.DAY)
        middle = max(period.since, ledger.chance.choice(period.bucket_starts()))
        parts = [
            replace(period, since=since, until=until)
            for since, until in ((period.since, middle), (middle, period.until))
            if since < until
        ]
        whole = await reports.funnel(reader, snapshot=snapshot, period=period)
        halves = [await reports.funnel(reader, snapshot=snapshot, period=part) for part in parts]
        assert whole.total.activated.users == sum(half.total.activated.users for half in halves)
