"""Applies retention: texts, parked updates, ended budgets, tombstones, watermarks, audit events.

Texts live in PostgreSQL only. Erasing them changes no figure: the ledger holds none.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime

import psycopg

from common.log import get_logger
from common.zones import zone_named
from pipelines.cycle import exclusive_run
from pipelines.replication.watermark import Watermarks
from pipelines.settings import PipelineSettings
from warehouse.clickhouse.client import Writer

ROWS_AT_ONCE = 10_000
WATERMARK_DAYS = 7

ERASE_TEXTS = """
DELETE FROM messages WHERE id IN (
    SELECT id FROM messages
    WHERE created_at < now() - make_interval(days => %(days)s) LIMIT %(rows)s
)
"""
ERASE_PAYLOADS = "SELECT FROM erase_parked_payloads(%(days)s, %(rows)s)"
ERASE_PROVIDER_MESSAGES = "SELECT FROM erase_provider_messages(%(days)s, %(rows)s)"
ERASE_TOMBSTONES = """
DELETE FROM tombstones WHERE id IN (
    SELECT id FROM tombstones
    WHERE deleted_at < now() - make_interval(days => %(days)s)
        AND version < %(watermark)s::text::xid8
    LIMIT %(rows)s
)
"""
# An erased person's spent budget counts until its period ends, then it is deleted.
ERASE_BUDGETS = """
DELETE FROM spent_budgets WHERE ctid IN (
    SELECT ctid FROM spent_budgets
    WHERE period_start < CASE period WHEN 'day' THEN %(today)s::date ELSE %(month)s::date END
    LIMIT %(rows)s
)
"""
# The database keeps younger ones than 30 days, whatever is asked.
ERASE_AUDIT_EVENTS = """
DELETE FROM audit_events WHERE id IN (
    SELECT id FROM audit_events
    WHERE occurred_at < now() - make_interval(days => greatest(%(days)s, 30)) LIMIT %(rows)s
)
"""
ERASE_WATERMARKS = f"""
ALTER TABLE watermarks DELETE
WHERE written_at < now() - INTERVAL {WATERMARK_DAYS} DAY AND sequence < {{last:UInt64}}
SETTINGS mutations_sync = 1
"""

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Erased:
    """How many rows were deleted or emptied."""

    texts: int
    payloads: int
    """Payloads of parked updates: their rows stay."""
    provider_messages: int
    """Provider messages of failed attempts: their rows stay."""
    budgets: int
    tombstones: int
    audit_events: int


def apply_retention(settings: PipelineSettings) -> Erased:
    """Erase texts older than MESSAGE_RETENTION_DAYS (0: none) and records past their use."""
    section = settings.pipelines
    with (
        exclusive_run(settings) as pipeline_run,
        psycopg.connect(settings.database.libpq_url) as connection,
    ):
        state = pipeline_run.state()
        texts = payloads = provider_messages = audit_events = 0
        if days := section.message_retention_days:
            texts = _erase(connection, ERASE_TEXTS, days=days)
            payloads = _erase(connection, ERASE_PAYLOADS, days=days)
            provider_messages = _erase(connection, ERASE_PROVIDER_MESSAGES, days=days)
        today = datetime.now(zone_named(settings.report.report_timezone)).date()
        budgets = _erase(connection, ERASE_BUDGETS, today=today, month=today.replace(day=1))
        tombstones = _erase(
            connection,
            ERASE_TOMBSTONES,
            days=section.tombstone_retention_days,
            watermark=str(state.watermark),
        )
        if days := section.audit_retention_days:
            audit_events = _erase(connection, ERASE_AUDIT_EVENTS, days=days)
        _erase_watermarks(pipeline_run.writer)
    erased = Erased(
        texts=texts,
        payloads=payloads,
        provider_messages=provider_messages,
        budgets=budgets,
        tombstones=tombstones,
        audit_events=audit_events,
    )
    log.info("retention applied", **asdict(erased))
    return erased


def _erase(connection: psycopg.Connection, statement: str, **parameters: object) -> int:
    """Erase in small transactions: a large one would hold replication's horizon back."""
    erased = 0
    while True:
        with connection.transaction():
            rows = connection.execute(
                statement.encode(), {**parameters, "rows": ROWS_AT_ONCE}
            ).rowcount
        erased += rows
        if rows < ROWS_AT_ONCE:
            return erased


def _erase_watermarks(writer: Writer) -> None:
    last = Watermarks(writer).last()
    if last is not None:
        writer.run("erase old watermarks", {"last": last.sequence}, sql=ERASE_WATERMARKS)
