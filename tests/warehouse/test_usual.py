"""The usual range of a metric in the windows of a period: that of the alerts."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from tests.warehouse.constants import NOW, REPORT_ZONE
from tests.warehouse.replica import Replica, turn
from warehouse.alerting import AlertRule, AlertTest, NoData, judge_windows
from warehouse.clickhouse.client import ClickHouseReader
from warehouse.periods import Bucket, Period, PeriodName, resolve
from warehouse.snapshot import Snapshot
from warehouse.snapshot import resolve as resolve_snapshot
from warehouse.usual import WindowedMetric, usual_band, usual_windows

MESSAGES = WindowedMetric("user_messages", (), Bucket.DAY)
TURNS_BY_WEEK = (3, 5, 4, 6, 5, 4, 7, 3)
"""On this weekday, newest week first."""


def week(tz: str = REPORT_ZONE, bucket: Bucket = Bucket.DAY) -> Period:
    return resolve(PeriodName.WEEK, now=NOW, tz=tz, bucket=bucket)


async def published(replica: Replica, reader: ClickHouseReader, *moments: datetime) -> Snapshot:
    replica.store([turn(moment) for moment in moments])
    replica.publish(NOW)
    return await resolve_snapshot(reader)


def weeks_ago(weeks: int, turns: int) -> list[datetime]:
    return [NOW - timedelta(weeks=weeks, minutes=minute) for minute in range(1, turns + 1)]


@pytest.mark.parametrize("tz", [REPORT_ZONE, "Asia/Kathmandu"])
async def test_each_day_that_has_begun_has_the_band_of_its_weekday(
    tz: str, replica: Replica, reader: ClickHouseReader
) -> None:
    moments = [
        moment for weeks, turns in enumerate(TURNS_BY_WEEK, 1) for moment in weeks_ago(weeks, turns)
    ]
    # Nine weeks ago is not compared with, but makes the days since then known.
    snapshot = await published(replica, reader, *moments, *weeks_ago(9, 50), *weeks_ago(0, 2))
    windows = await usual_windows(reader, MESSAGES, snapshot=snapshot, period=week(tz))
    assert [window.since for window in windows] == week(tz).bucket_starts()
    bands = [(window.low, window.high) for window in windows]
    assert bands[-1] == usual_band(TURNS_BY_WEEK, is_count=True)
    assert bands[:-1] == [usual_band([0] * 8, is_count=True)] * 6


async def test_the_band_is_the_one_outside_of_which_an_alert_fires(
    replica: Replica, reader: ClickHouseReader
) -> None:
    moments = [moment for weeks in range(1, 7) for moment in weeks_ago(weeks, weeks)]
    snapshot = await published(replica, reader, *moments)
    rule = AlertRule(
        "user_messages", (), Bucket.HOUR, AlertTest.UNUSUAL, threshold=None, no_data=NoData.ZERO
    )
    period = week(bucket=Bucket.HOUR)
    judged = await judge_windows(reader, rule, snapshot=snapshot, span=period.span)
    windows = await usual_windows(reader, rule, snapshot=snapshot, period=period)
    assert len(judged) > 100
    # The running hour has a band, and no verdict yet.
    assert [(window.since, window.low, window.high) for window in windows[: len(judged)]] == [
        (window.since, window.low, window.high) for window in judged
    ]
    assert len(windows) == len(judged) + 1


async def test_more_hours_than_one_question_may_have_are_read_in_parts(
    replica: Replica, reader: ClickHouseReader
) -> None:
    moments = [moment for weeks in range(1, 26) for moment in weeks_ago(weeks, weeks)]
    snapshot = await published(replica, reader, *moments)
    since = NOW.replace(minute=0, second=0, microsecond=0) - timedelta(days=100)
    period = resolve(
        PeriodName.CUSTOM,
        now=NOW,
        tz="UTC",
        since=since,
        until=since + timedelta(days=100),
        bucket=Bucket.HOUR,
    )
    hourly = replace(MESSAGES, width=Bucket.HOUR)
    windows = await usual_windows(reader, hourly, snapshot=snapshot, period=period)
    assert len(windows) == 2400
    # The turns of 14 weeks ago are compared with those of the 8 weeks before them.
    first_week = [(window.low, window.high) for window in windows[: 7 * 24]]
    assert usual_band(list(range(15, 23)), is_count=True) in first_week


async def test_less_than_four_weeks_have_no_band_and_an_unknown_value_is_no_zero(
    replica: Replica, reader: ClickHouseReader
) -> None:
    moments = [moment for weeks in range(4) for moment in weeks_ago(weeks, 2)]
    snapshot = await published(replica, reader, *moments)
    windows = await usual_windows(reader, MESSAGES, snapshot=snapshot, period=week())
    assert {(window.low, window.high) for window in windows} == {(None, None)}
    replica.store([turn(moment) for moment in weeks_ago(8, 1)])
    replica.publish(NOW + timedelta(seconds=1))
    snapshot = await resolve_snapshot(reader)
    rate = WindowedMetric("error_rate", (), Bucket.DAY)
    windows = await usual_windows(reader, rate, snapshot=snapshot, period=week())
    assert [window.high is None for window in windows] == [True] * 6 + [False]
    everything = resolve(PeriodName.ALL, now=NOW, tz=REPORT_ZONE, bucket=Bucket.WEEK)
    weekly = WindowedMetric("turns", (), Bucket.WEEK)
    assert await usual_windows(reader, weekly, snapshot=snapshot, period=everything)
