"""Notices to the operator between two digests: one for each anomaly, as soon as its hour is over.

From the same reports as the digest and the stats API. Each problem is reported once: an anomaly by
the hour in which it began, a failing check once a day.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from pipelines.operator.anomalies import (
    HISTORY_DAYS,
    HOUR,
    MAX_STREAK_HOURS,
    hour_anomalies,
)
from pipelines.operator.outbox import OperatorMessage, write
from pipelines.operator.texts import OperatorTexts
from pipelines.settings import PipelineSettings
from warehouse import reports
from warehouse.clickhouse.client import ClickHouseReader
from warehouse.periods import Bucket, Period, PeriodName
from warehouse.snapshot import Snapshot, resolve

HISTORY = timedelta(days=HISTORY_DAYS, hours=MAX_STREAK_HOURS)


def send_notices(settings: PipelineSettings, now: datetime) -> list[str]:
    """Write notices that were not written before. Returns their keys.

    Raises:
        WarehouseError: ClickHouse does not answer.
        SourceError: PostgreSQL does not.
    """
    messages = asyncio.run(make_notices(settings, now))
    return [message.key for message in write(settings.database, *messages)]


async def make_notices(settings: PipelineSettings, now: datetime) -> list[OperatorMessage]:
    """Anomalies and problems with the data now, at one snapshot."""
    texts = OperatorTexts.of(settings.pipelines.default_language)
    reader = ClickHouseReader(settings.warehouse)
    try:
        snapshot = await resolve(reader)
        figures = await _figures(reader, snapshot, texts, now)
        problems = texts.problems(await reports.quality(reader, snapshot=snapshot))
    finally:
        await reader.close()
    today = now.astimezone(ZoneInfo(settings.report.report_timezone)).date()
    return [
        *figures,
        *(
            OperatorMessage(key=f"notice {today} {about}", text=texts.problem(line, snapshot))
            for about, line in problems.items()
        ),
    ]


async def _figures(
    reader: ClickHouseReader, snapshot: Snapshot, texts: OperatorTexts, now: datetime
) -> list[OperatorMessage]:
    hour = now.astimezone(snapshot.zone).replace(minute=0, second=0, microsecond=0)
    until = hour.astimezone(UTC)
    if snapshot.data_through < until:
        # Half an hour of messages would look like a quiet hour. The lag has an alert of its own.
        return []
    period = Period(
        name=PeriodName.CUSTOM,
        since=until - HISTORY,
        until=until,
        tz=snapshot.zone.key,
        bucket=Bucket.HOUR,
    )
    points = (await reports.activity(reader, snapshot=snapshot, period=period)).points
    return [
        OperatorMessage(
            key=f"notice {one.since:%Y-%m-%dT%H:%MZ} {one.figure}",
            text=texts.anomaly_notice(one, hour=until - HOUR, snapshot=snapshot),
        )
        for one in hour_anomalies(points, snapshot.zone)
    ]
