"""Judges the alerts that were made in the dashboard, and writes what fired into the outbox.

Each window of an alert is judged once it is over and counted. Its event and its messages are one
transaction, and a window has at most one event: so it has at most one message for each destination,
whatever is killed and however many evaluators run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from psycopg.rows import class_row

from common.log import get_logger
from common.settings import DatabaseSettings
from pipelines.errors import SourceError
from pipelines.operator.outbox import WRITE, OperatorMessage
from pipelines.operator.texts import OperatorTexts
from pipelines.settings import PipelineSettings
from warehouse.alerting import (
    AlertRule,
    AlertTest,
    JudgedWindow,
    NoData,
    WindowVerdict,
    counted_windows,
    judge_windows,
)
from warehouse.clickhouse.client import ClickHouseReader
from warehouse.clickhouse.reader import Reader
from warehouse.periods import Bucket, TimeRange
from warehouse.query import InvalidQueryError
from warehouse.snapshot import Snapshot, resolve

CAUGHT_UP = {Bucket.HOUR: timedelta(days=1), Bucket.DAY: timedelta(days=7)}
MAX_LATE = timedelta(days=14)
"""How long ago a window may have ended that is still judged, after an interruption."""
READ = """
SELECT id, name, metric, filters, width, test, threshold, no_data, quiet_from, quiet_until,
       to_operator, chat_ids, webhook_url, coalesce(muted_until > now(), false) AS is_muted,
       judged_through
FROM alerts ORDER BY id
"""
# The window before was acknowledged: somebody takes care of it.
ADD_EVENT = """
INSERT INTO alert_events (alert_id, window_start, window_end, value, low, high, silence,
                          acknowledged_at, acknowledged_by)
SELECT %(alert_id)s, %(since)s, %(until)s, %(value)s::float8, %(low)s::float8, %(high)s::float8,
       CASE WHEN %(is_late)s THEN 'late' WHEN %(is_muted)s THEN 'muted'
            WHEN earlier.acknowledged_at IS NOT NULL THEN 'acknowledged' END,
       CASE WHEN earlier.acknowledged_at IS NOT NULL THEN now() END, earlier.acknowledged_by
FROM (SELECT) AS one
LEFT JOIN alert_events AS earlier
    ON earlier.alert_id = %(alert_id)s AND earlier.window_end = %(since)s
ON CONFLICT (alert_id, window_start) DO NOTHING
RETURNING id, silence
"""
JUDGED = "UPDATE alerts SET judged_through = %s WHERE id = %s AND judged_through < %s"

Judged = Sequence[JudgedWindow]

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class StoredAlert:
    """One alert as it is stored; `api/alerts/tables.py` describes its fields."""

    id: int
    name: str
    metric: str
    filters: list[Any]
    width: str
    test: str
    threshold: float | None
    no_data: str
    quiet_from: int | None
    quiet_until: int | None
    to_operator: bool
    chat_ids: list[int]
    webhook_url: str | None
    is_muted: bool
    judged_through: datetime

    @property
    def rule(self) -> AlertRule:
        return AlertRule(
            metric=self.metric,
            filters=self.filters,
            width=Bucket(self.width),
            test=AlertTest(self.test),
            threshold=self.threshold,
            no_data=NoData(self.no_data),
        )

    def span(self, data_through: datetime) -> TimeRange:
        """The time of the windows that are not judged yet."""
        oldest = data_through - CAUGHT_UP.get(Bucket(self.width), MAX_LATE)
        return TimeRange(max(self.judged_through, oldest).astimezone(UTC), data_through)

    def quiet_end(self, now: datetime, snapshot: Snapshot) -> datetime | None:
        """The end of the quiet hours that run now; None: none do."""
        begin, end = self.quiet_from, self.quiet_until
        if begin is None or end is None:
            return None
        local = now.astimezone(snapshot.zone)
        quiet_hours = (end - begin) % 24
        if (local.hour - begin) % 24 >= quiet_hours:
            return None
        last = local.replace(hour=end, minute=0, second=0, microsecond=0, fold=0)
        return (last if last > local else last + timedelta(days=1)).astimezone(UTC)


def are_alerts_due(settings: PipelineSettings) -> bool:
    """Whether a window of an alert is over and counted, and not judged yet.

    Raises:
        WarehouseError: ClickHouse does not answer.
        SourceError: PostgreSQL does not.
    """
    alerts = read_alerts(settings.database)
    if not alerts:
        return False
    snapshot = asyncio.run(_with_reader(settings, resolve))
    return bool(list(_due(alerts, snapshot)))


def evaluate_alerts(settings: PipelineSettings, now: datetime) -> list[str]:
    """Judge what is due. Returns the keys of the messages that were written.

    Raises:
        WarehouseError: ClickHouse does not answer.
        SourceError: PostgreSQL does not.
    """
    alerts = read_alerts(settings.database)
    if not alerts:
        return []

    async def judge_all(reader: Reader) -> tuple[Snapshot, list[tuple[StoredAlert, Judged]]]:
        snapshot = await resolve(reader)
        return snapshot, [
            (alert, judged)
            for alert in _due(alerts, snapshot)
            if (judged := await _judge(reader, alert, snapshot))
        ]

    snapshot, found = asyncio.run(_with_reader(settings, judge_all))
    texts = OperatorTexts.of(settings.pipelines.default_language)
    written: list[str] = []
    for alert, judged in found:
        messages = _Messages(alert, texts=texts, snapshot=snapshot, now=now)
        written += _write(settings.database, messages, judged)
    return written


def read_alerts(settings: DatabaseSettings) -> list[StoredAlert]:
    """All alerts.

    Raises:
        SourceError: PostgreSQL does not answer.
    """
    try:
        with (
            psycopg.connect(settings.libpq_url, connect_timeout=10) as connection,
            connection.cursor(row_factory=class_row(StoredAlert)) as cursor,
        ):
            return cursor.execute(READ).fetchall()
    except psycopg.Error as error:
        raise SourceError(f"alerts were not read: {type(error).__name__}") from error


def _due(alerts: Iterable[StoredAlert], snapshot: Snapshot) -> Iterable[StoredAlert]:
    if snapshot.is_empty:
        return
    for alert in alerts:
        span = alert.span(snapshot.data_through)
        if span.since < span.until and counted_windows(snapshot, span, Bucket(alert.width)):
            yield alert


async def _judge(reader: Reader, alert: StoredAlert, snapshot: Snapshot) -> Judged:
    rule, span = alert.rule, alert.span(snapshot.data_through)
    try:
        return await judge_windows(reader, rule, snapshot=snapshot, span=span)
    except InvalidQueryError as error:
        # Made by a later version. It counts as judged, so that it is not tried again and again.
        log.warning("alert_not_judged", alert_id=alert.id, cause=str(error))
        windows = counted_windows(snapshot, span, rule.width)
        return [JudgedWindow(one.since, one.until, WindowVerdict.NO_DATA, None) for one in windows]


async def _with_reader(settings: PipelineSettings, work: Any) -> Any:
    reader = ClickHouseReader(settings.warehouse)
    try:
        return await work(reader)
    finally:
        await reader.close()


@dataclass(frozen=True, slots=True)
class _Messages:
    """The messages about a window in which an alert fired."""

    alert: StoredAlert
    texts: OperatorTexts
    snapshot: Snapshot
    now: datetime

    def about(self, event_id: int, window: JudgedWindow) -> list[OperatorMessage]:
        """One for each destination."""
        alert = self.alert
        text = self.texts.alert(alert.name, window, width=alert.width, snapshot=self.snapshot)
        destinations: list[tuple[str, dict[str, Any]]] = []
        if alert.to_operator:
            destinations.append(("operator", {}))
        destinations += [("chat", {"chat_id": chat}) for chat in alert.chat_ids]
        if alert.webhook_url:
            body = {
                "alert_id": alert.id,
                "event_id": event_id,
                "name": alert.name,
                "metric": alert.metric,
                "window": {"since": window.since.isoformat(), "until": window.until.isoformat()},
                "value": window.value,
                "low": window.low,
                "high": window.high,
                "text": text,
            }
            destinations.append(("webhook", {"url": alert.webhook_url, "body": body}))
        message = OperatorMessage(
            key="",
            text=text,
            resends=False,
            send_after=alert.quiet_end(self.now, self.snapshot),
        )
        return [
            replace(message, key=f"alert {event_id} {number}", channel=channel, details=details)
            for number, (channel, details) in enumerate(destinations)
        ]


def _write(settings: DatabaseSettings, messages: _Messages, judged: Judged) -> list[str]:
    """Add the events with their messages, and remember that the windows were judged."""
    alert, through = messages.alert, judged[-1].until
    fired = [window for window in judged if window.verdict is WindowVerdict.FIRED]
    written = []
    try:
        with psycopg.connect(settings.libpq_url, connect_timeout=10) as connection:
            for window in fired:
                event = connection.execute(
                    ADD_EVENT,
                    {
                        "alert_id": alert.id,
                        "since": window.since,
                        "until": window.until,
                        "value": window.value,
                        "low": window.low,
                        "high": window.high,
                        "is_muted": alert.is_muted,
                        "is_late": window is not fired[-1],
                    },
                ).fetchone()
                if event is None or event[1] is not None:
                    continue
                for message in messages.about(event[0], window):
                    connection.execute(WRITE, message.values())
                    written.append(message.key)
            connection.execute(JUDGED, (through, alert.id, through))
    except psycopg.errors.ForeignKeyViolation:
        return []  # it was deleted meanwhile
    except psycopg.Error as error:
        raise SourceError(f"alerts were not written: {type(error).__name__}") from error
    return written
