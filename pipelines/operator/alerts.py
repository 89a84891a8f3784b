"""Notices to the operator between two digests: one for each anomaly, as soon as its hour is over.

From the same reports as the digest and the stats API. What lasts is told once: an anomaly by the
hour in which it began, a failing check once a day. Knows no Telegram.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from pipelines.operator.anomalies import (
    HISTORY_DAYS,
    HOUR,
    LONGEST_STREAK_HOURS,
    unusual_hour,
)
from pipelines.operator.outbox import Message, write
from pipelines.operator.texts import WORDS, Words
from pipelines.settings import Stores
from warehouse import reports
from warehouse.clickhouse.client import Reader
from warehouse.periods import Bucket, Period, PeriodName
from warehouse.snapshot import Snapshot, resolve

LOOKS_BACK = timedelta(days=HISTORY_DAYS, hours=LONGEST_STREAK_HOURS)


def send_notices(stores: Stores, now: datetime) -> list[str]:
    """Write what the operator was not told before; its keys.

    Raises:
        WarehouseError: ClickHouse does not answer.
        SourceError: PostgreSQL does not.
    """
    messages = asyncio.run(make_notices(stores, now))
    return [message.key for message in write(stores.database, *messages)]


async def make_notices(stores: Stores, now: datetime) -> list[Message]:
    """What is unusual or wrong now, at one snapshot."""
    words = WORDS[stores.pipelines.default_language]
    reader = Reader(stores.warehouse)
    try:
        snapshot = await resolve(reader)
        figures = await _figures(reader, snapshot, words, now)
        problems = words.problems(await reports.quality(reader, snapshot=snapshot))
    finally:
        await reader.close()
    today = now.astimezone(ZoneInfo(stores.report.report_timezone)).date()
    return [
        *figures,
        *(
            Message(key=f"notice {today} {about}", text=words.problem(line, snapshot))
            for about, line in problems.items()
        ),
    ]


async def _figures(
    reader: Reader, snapshot: Snapshot, words: Words, now: datetime
) -> list[Message]:
    hour = now.astimezone(snapshot.zone).replace(minute=0, second=0, microsecond=0)
    until = hour.astimezone(UTC)
    if snapshot.data_through < until:
        # Half an hour of messages would look like a quiet hour. The lag has an alert of its own.
        return []
    period = Period(
        name=PeriodName.CUSTOM,
        since=until - LOOKS_BACK,
        until=until,
        tz=snapshot.zone.key,
        bucket=Bucket.HOUR,
    )
    points = (await reports.activity(reader, snapshot=snapshot, period=period)).points
    return [
        Message(
            key=f"notice {one.since:%Y-%m-%dT%H:%MZ} {one.figure}",
            text=words.unusual_hour(one, hour=until - HOUR, snapshot=snapshot),
        )
        for one in unusual_hour(points, snapshot.zone)
    ]
