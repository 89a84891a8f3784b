"""Reads and writes alerts and their history. Each change is committed with its audit event."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, func, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.types import Text

from api.accounts.scopes import Principal, Scope
from api.alerts.schemas import AlertBody
from api.alerts.tables import AlertEventRow, AlertRow
from api.audit.events import AuditKind
from api.audit.trail import audited
from api.errors import NotFoundError, RefusedError
from common.postgres import Sessions

MAX_ALERTS = 100
MAX_DESTINATIONS = 7
# The pipelines name a message after its event (pipelines/operator/alert_evaluation.py).
MESSAGES = text(
    "SELECT key, channel, claimed_at, sent_at, problem FROM outbox WHERE key = ANY(:keys)"
    " ORDER BY key"
).bindparams(bindparam("keys", type_=ARRAY(Text)))
_HIDDEN = {"author_id", "updated_at"}
_OF_ALERT = ("name", "metric", "width")


class AlertRepository:
    """Alerts and their events.

    Args:
        sessions: of the API's database.
    """

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def all_alerts(self, reader: Principal) -> list[dict[str, Any]]:
        """All alerts, newest first."""
        last = (
            select(func.max(AlertEventRow.fired_at))
            .where(AlertEventRow.alert_id == AlertRow.id)
            .scalar_subquery()
        )
        async with self._sessions() as session:
            found = (
                await session.execute(select(AlertRow, last).order_by(AlertRow.id.desc()))
            ).all()
        return [_view(row, reader, last_fired_at=fired) for row, fired in found]

    async def add(self, body: AlertBody, author: Principal) -> dict[str, Any]:
        """Make an alert. It judges the windows that end after now.

        Raises:
            RefusedError: there are too many.
        """
        row = AlertRow(
            **body.model_dump(mode="json"), author_id=author.account_id, author=author.username
        )
        async with audited(self._sessions, AuditKind.ALERT_CREATED) as (session, details):
            if (await session.scalar(select(func.count(AlertRow.id))) or 0) >= MAX_ALERTS:
                raise RefusedError(f"At most {MAX_ALERTS} alerts.", code="too_many_alerts")
            session.add(row)
            await session.flush()
            await session.refresh(row)
            details.update(alert_id=row.id, name=row.name, metric=row.metric)
        return _view(row, author, last_fired_at=None)

    async def change(self, alert_id: int, body: AlertBody, author: Principal) -> dict[str, Any]:
        """Replace an alert; its history stays.

        Raises:
            NotFoundError: there is no such alert.
        """
        changes = {**body.model_dump(mode="json"), "updated_at": func.now()}
        return await self._update(
            alert_id, changes, author, kind=AuditKind.ALERT_CHANGED, metric=body.metric
        )

    async def mute(
        self, alert_id: int, until: datetime | None, author: Principal
    ) -> dict[str, Any]:
        """Write no messages until then.

        Raises:
            NotFoundError: there is no such alert.
        """
        return await self._update(
            alert_id,
            {"muted_until": until},
            author,
            kind=AuditKind.ALERT_MUTED,
            until=until and until.isoformat(),
        )

    async def _update(
        self,
        alert_id: int,
        changes: dict[str, Any],
        author: Principal,
        *,
        kind: AuditKind,
        **stated: Any,
    ) -> dict[str, Any]:
        statement = (
            update(AlertRow).where(AlertRow.id == alert_id).values(**changes).returning(AlertRow)
        )
        last = select(func.max(AlertEventRow.fired_at)).where(AlertEventRow.alert_id == alert_id)
        async with audited(self._sessions, kind, alert_id=alert_id) as (session, details):
            row = await session.scalar(statement)
            if row is None:
                raise NotFoundError("Alert not found.")
            details.update(name=row.name, **stated)
            return _view(row, author, last_fired_at=await session.scalar(last))

    async def remove(self, alert_id: int) -> None:
        """Delete an alert with its history.

        Raises:
            NotFoundError: there is no such alert.
        """
        statement = delete(AlertRow).where(AlertRow.id == alert_id).returning(AlertRow.name)
        async with audited(self._sessions, AuditKind.ALERT_REMOVED, alert_id=alert_id) as (
            session,
            details,
        ):
            name = await session.scalar(statement)
            if name is None:
                raise NotFoundError("Alert not found.")
            details.update(name=name)

    async def events(
        self, *, alert_id: int | None, before: int | None, limit: int
    ) -> list[dict[str, Any]]:
        """The newest events with an id below `before`."""
        statement = select(AlertEventRow).order_by(AlertEventRow.id.desc()).limit(limit)
        if alert_id is not None:
            statement = statement.where(AlertEventRow.alert_id == alert_id)
        if before is not None:
            statement = statement.where(AlertEventRow.id < before)
        async with self._sessions() as session:
            return await self._events(session, list(await session.scalars(statement)))

    async def acknowledge(self, event_id: int, reader: Principal) -> dict[str, Any]:
        """Note that somebody takes care; the first one stays noted.

        While the windows after it fire without a gap, no further message is written.

        Raises:
            NotFoundError: there is no such event.
        """
        statement = (
            update(AlertEventRow)
            .where(AlertEventRow.id == event_id, AlertEventRow.acknowledged_at.is_(None))
            .values(acknowledged_at=func.now(), acknowledged_by=reader.username)
        )
        async with self._sessions() as session:
            known = await session.get(AlertEventRow, event_id)
            if known is None:
                raise NotFoundError("Event not found.")
            if known.acknowledged_at is not None:
                return (await self._events(session, [known]))[0]
        async with audited(
            self._sessions,
            AuditKind.ALERT_ACKNOWLEDGED,
            alert_id=known.alert_id,
            event_id=event_id,
        ) as (session, _details):
            await session.execute(statement)
        async with self._sessions() as session:
            row = await session.get(AlertEventRow, event_id)
            if row is None:
                raise NotFoundError("Event not found.")
            return (await self._events(session, [row]))[0]

    async def _events(
        self, session: AsyncSession, rows: Sequence[AlertEventRow]
    ) -> list[dict[str, Any]]:
        ids = {row.alert_id for row in rows}
        alerts = {
            alert.id: alert
            for alert in await session.scalars(select(AlertRow).where(AlertRow.id.in_(ids)))
        }
        keys = [f"alert {row.id} {number}" for row in rows for number in range(MAX_DESTINATIONS)]
        messages: dict[str, list[dict[str, Any]]] = {}
        for key, *message in (await session.execute(MESSAGES, {"keys": keys})).all():
            messages.setdefault(key.rpartition(" ")[0], []).append(_message(*message))
        return [
            {
                **_columns(row),
                **{name: getattr(alerts[row.alert_id], name) for name in _OF_ALERT},
                "messages": messages.get(f"alert {row.id}", []),
            }
            for row in rows
            if row.alert_id in alerts
        ]


def _columns(row: AlertRow | AlertEventRow) -> dict[str, Any]:
    return {column.name: getattr(row, column.name) for column in row.__table__.columns}


def _view(row: AlertRow, reader: Principal, *, last_fired_at: datetime | None) -> dict[str, Any]:
    """An alert as the reader may see it: where it is sent is for admins."""
    found = {name: value for name, value in _columns(row).items() if name not in _HIDDEN}
    destinations = row.to_operator + len(row.chat_ids) + (row.webhook_url is not None)
    if not reader.may(Scope.ADMIN):
        found |= {"chat_ids": None, "webhook_url": None}
    return {**found, "destinations": destinations, "last_fired_at": last_fired_at}


def _message(
    channel: str, claimed_at: datetime | None, sent_at: datetime | None, problem: str | None
) -> dict[str, Any]:
    if sent_at is not None:
        state = "sent"
    elif claimed_at is None:
        state = "waiting"
    else:
        state = "failed" if problem else "unconfirmed"
    return {"channel": channel, "state": state, "problem": problem}
