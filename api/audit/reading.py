"""Reads the audit trail."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, or_, select

from api.audit.events import AuditKind
from api.audit.tables import AuditEvent
from common.postgres import Sessions
from common.text import clean_text


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which events; None: all."""

    who: str | None = None
    """The name of an account, or the name that a failed login gave."""
    what: Collection[str] = ()
    """Any of these kinds."""
    user_key: int | None = None
    """A person: the one it is about, or the operator who acted through the bot."""
    since: datetime | None = None
    until: datetime | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        found: list[ColumnElement[bool]] = []
        if self.who is not None:
            given = clean_text(self.who)
            normalised = unicodedata.normalize("NFKC", given).casefold()
            found.append(AuditEvent.actor.in_({given, normalised}))
        if self.what:
            found.append(AuditEvent.kind.in_(self.what))
        if self.user_key is not None:
            key = self.user_key
            states: list[dict[str, object]] = [
                {"user_key": key},
                {"by_user_key": key},
                {"user_keys": [key]},
            ]
            found.append(or_(*(AuditEvent.details.contains(stated) for stated in states)))
        if self.since is not None:
            found.append(AuditEvent.occurred_at >= self.since)
        if self.until is not None:
            found.append(AuditEvent.occurred_at < self.until)
        return found


@dataclass(frozen=True, slots=True)
class Release:
    """The first start of a bot with another version than before."""

    version: str
    started_at: datetime


class AuditReader:
    """Reads events, newest first."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def page(
        self, wanted: AuditFilter, *, before: int | None, limit: int
    ) -> Sequence[AuditEvent]:
        """The newest events with an id below `before`."""
        statement = (
            select(AuditEvent)
            .where(*wanted.conditions())
            .order_by(AuditEvent.id.desc())
            .limit(limit)
        )
        if before is not None:
            statement = statement.where(AuditEvent.id < before)
        async with self._sessions() as session:
            return (await session.scalars(statement)).all()

    async def has_more_than(self, wanted: AuditFilter, count: int) -> bool:
        """Whether there are more events than `count`."""
        some = select(AuditEvent.id).where(*wanted.conditions()).limit(count + 1).subquery()
        async with self._sessions() as session:
            return bool((await session.scalar(select(func.count()).select_from(some)) or 0) > count)

    async def releases(self, limit: int) -> list[Release]:
        """The newest changes of versions, newest first, as all accounts may see them.

        Bots that follow each other with the same version are one.
        """
        version = AuditEvent.details["after"].astext
        before = func.lag(version).over(order_by=AuditEvent.id)
        changed = (
            select(
                AuditEvent.id,
                AuditEvent.occurred_at,
                version.label("version"),
                before.label("before"),
            )
            .where(AuditEvent.kind == AuditKind.VERSION_CHANGED)
            .subquery()
        )
        newest = (
            select(changed.c.version, changed.c.occurred_at)
            .where(changed.c.version.is_distinct_from(changed.c.before))
            .order_by(changed.c.id.desc())
            .limit(limit)
        )
        async with self._sessions() as session:
            return [Release(*row) for row in await session.execute(newest)]
