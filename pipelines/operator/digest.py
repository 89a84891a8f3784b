"""The operator's daily message: yesterday's numbers, what was unusual, a chart.

The numbers are those of the stats API: the same reports at one snapshot. Knows no Telegram.
"""

from __future__ import annotations

import asyncio
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from pipelines.operator.anomalies import HISTORY_DAYS, unusual_day
from pipelines.operator.outbox import Message, write
from pipelines.operator.texts import WORDS
from pipelines.settings import Stores
from warehouse import reports
from warehouse.clickhouse.client import Reader
from warehouse.periods import Bucket, Period, PeriodName, midnight
from warehouse.snapshot import resolve

CHART_DAYS = 14


def send_digest(stores: Stores, day: date) -> bool:
    """Write the day's digest; False when it was written before.

    Raises:
        WarehouseError: ClickHouse does not answer.
        SourceError: PostgreSQL does not.
    """
    return bool(write(stores.database, asyncio.run(make_digest(stores, day))))


def yesterday(stores: Stores, now: datetime) -> date:
    """The last whole day of the report zone."""
    zone = ZoneInfo(stores.report.report_timezone)
    return now.astimezone(zone).date() - timedelta(days=1)


async def make_digest(stores: Stores, day: date) -> Message:
    """The digest of one day of the report zone, at one snapshot."""
    zone = ZoneInfo(stores.report.report_timezone)
    reader = Reader(stores.warehouse)
    try:
        snapshot = await resolve(reader)
        totals = (
            await reports.summary(
                reader, snapshot=snapshot, period=_days(day, day, zone), compare=False
            )
        ).current
        points = (
            await reports.activity(
                reader,
                snapshot=snapshot,
                period=_days(day - timedelta(days=HISTORY_DAYS), day, zone),
            )
        ).points
        quality = await reports.quality(reader, snapshot=snapshot)
    finally:
        await reader.close()
    words = WORDS[stores.pipelines.default_language]
    days = tuple(
        (point.start.astimezone(zone).date(), point.user_messages) for point in points[-CHART_DAYS:]
    )
    return Message(
        key=f"digest {day}",
        text=words.digest(day, totals, unusual_day(points), quality, snapshot),
        chart=(words.texts["chart"], days),
    )


def _days(first: date, last: date, zone: ZoneInfo) -> Period:
    return Period(
        name=PeriodName.CUSTOM,
        since=midnight(first, zone),
        until=midnight(last + timedelta(days=1), zone),
        tz=zone.key,
        bucket=Bucket.DAY,
    )
