"""The operator's messages of a day, week and month: numbers, what was unusual, a chart.

The numbers are those of the stats API: the same reports at one snapshot.
"""

from __future__ import annotations

import asyncio
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from pipelines.operator.anomalies import HISTORY_DAYS, day_anomalies
from pipelines.operator.outbox import OperatorMessage, write
from pipelines.operator.texts import OperatorTexts, ReportSpan
from pipelines.settings import PipelineSettings
from warehouse import reports
from warehouse.clickhouse.client import ClickHouseReader
from warehouse.comparison import Comparison
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


def send_report(settings: PipelineSettings, span: ReportSpan, now: datetime) -> bool:
    """Write the report on the last whole week or month; False when it was written before.

    Raises:
        WarehouseError: ClickHouse does not answer.
        SourceError: PostgreSQL does not.
    """
    return bool(write(settings.database, asyncio.run(make_report(settings, span, now))))


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
            await reports.summary(reader, snapshot=snapshot, period=_days(day, day, zone))
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
    texts = OperatorTexts.of(settings.pipelines.default_language)
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
        chart=(texts.chart, days),
    )


async def make_report(
    settings: PipelineSettings, span: ReportSpan, now: datetime
) -> OperatorMessage:
    """The report on the last whole week (from Monday) or month of the report zone."""
    zone = ZoneInfo(settings.report.report_timezone)
    first, last = last_whole(span, now.astimezone(zone).date())
    period = _days(first, last, zone)
    reader = ClickHouseReader(settings.warehouse)
    try:
        snapshot = await resolve(reader)
        summary = await reports.summary(
            reader, snapshot=snapshot, period=period, compared_with=Comparison.BEFORE
        )
        points = (await reports.activity(reader, snapshot=snapshot, period=period)).points
    finally:
        await reader.close()
    texts = OperatorTexts.of(settings.pipelines.default_language)
    return OperatorMessage(
        key=f"{span} {first}",
        text=texts.report(
            span, first, current=summary.current, previous=summary.previous, snapshot=snapshot
        ),
        chart=(
            texts.chart,
            tuple((point.start.astimezone(zone).date(), point.user_messages) for point in points),
        ),
    )


def last_whole(span: ReportSpan, today: date) -> tuple[date, date]:
    """The first and the last day of the week or month before today's."""
    begins = today.replace(day=1) if span == "month" else today - timedelta(days=today.weekday())
    last = begins - timedelta(days=1)
    return (last.replace(day=1) if span == "month" else last - timedelta(days=6)), last


def _days(first: date, last: date, zone: ZoneInfo) -> Period:
    return Period(
        name=PeriodName.CUSTOM,
        since=midnight(first, zone),
        until=midnight(last + timedelta(days=1), zone),
        tz=zone.key,
        bucket=Bucket.DAY,
    )
