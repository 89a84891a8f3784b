"""The operator's daily message: yesterday's numbers, what was unusual, a chart.

The numbers are those of the stats API: the same reports at one snapshot.
"""

from __future__ import annotations

import asyncio
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from pipelines.operator.anomalies import HISTORY_DAYS, day_anomalies
from pipelines.operator.outbox import OperatorMessage, write
from pipelines.operator.texts import TEXTS
from pipelines.settings import PipelineSettings
from warehouse import reports
from warehouse.clickhouse.client import ClickHouseReader
from warehouse.periods import Bucket, Period, PeriodName, midnight
from warehouse.snapshot import resolve

CHART_DAYS = 14


def send_digest(settings: PipelineSettings, day: date) -> bool:
    """Write the day's digest; False when it was written before.

    Raises:
        WarehouseError: ClickHouse does not answer.
        SourceError: PostgreSQL does not.
    """
    return bool(write(settings.database, asyncio.run(make_digest(settings, day))))


def yesterday(settings: PipelineSettings, now: datetime) -> date:
    """The last whole day of the report zone."""
    zone = ZoneInfo(settings.report.report_timezone)
    return now.astimezone(zone).date() - timedelta(days=1)


async def make_digest(settings: PipelineSettings, day: date) -> OperatorMessage:
    """The digest of one day of the report zone, at one snapshot."""
    zone = ZoneInfo(settings.report.report_timezone)
    reader = ClickHouseReader(settings.warehouse)
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
        forecast = await reports.forecast(reader, snapshot=snapshot)
    finally:
        await reader.close()
    texts = TEXTS[settings.pipelines.default_language]
    days = tuple(
        (point.start.astimezone(zone).date(), point.user_messages) for point in points[-CHART_DAYS:]
    )
    return OperatorMessage(
        key=f"digest {day}",
        text=texts.digest(
            day,
            totals,
            day_anomalies(points),
            quality=quality,
            forecast=forecast,
            snapshot=snapshot,
        ),
        chart=(texts.phrases["chart"], days),
    )


def _days(first: date, last: date, zone: ZoneInfo) -> Period:
    return Period(
        name=PeriodName.CUSTOM,
        since=midnight(first, zone),
        until=midnight(last + timedelta(days=1), zone),
        tz=zone.key,
        bucket=Bucket.DAY,
    )
