"""Writes audit events.

Events that a stranger or a polling script can repeat at will are counted: the first of its kind is
written at once, its repetitions as one row each ten minutes. So a flood of failed logins cannot
fill the disk: a process writes at most `MAX_KEYS_PER_HOUR` rows per ten minutes and kind.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from api.audit.events import NO_ORIGIN, AuditKind, Origin, current_origin
from api.audit.tables import AuditEvent
from common.log import get_logger
from common.postgres import DRIVER_ERRORS, Sessions, transaction
from common.text import clean_text

MAX_NAME_CHARACTERS = 64
WINDOW_SECONDS = 600.0
HOUR_SECONDS = 3600.0
MAX_KEYS_PER_HOUR = 100
"""Different repeated events of one kind; further ones are counted together."""
FLUSH_SECONDS = 1.0

log = get_logger(__name__)


def make_event(
    kind: AuditKind,
    details: dict[str, Any],
    *,
    origin: Origin | None = None,
    occurrences: int = 1,
) -> AuditEvent:
    """A row for an event of the current request, or of another `origin`."""
    origin = origin or current_origin.get()
    actor = origin.actor
    if origin.key_id is not None:
        details = {"by_key": origin.key_id, **details}
    if origin.person_key is not None:
        details = {"by_user_key": origin.person_key, **details}
    return AuditEvent(
        kind=kind.value,
        actor_id=origin.actor_id,
        actor=None if actor is None else clean_text(actor)[:MAX_NAME_CHARACTERS],
        address=origin.address,
        request_id=origin.request_id,
        occurrences=occurrences,
        details=details,
    )


async def add_event(session: AsyncSession, event: AuditEvent) -> dict[str, Any]:
    """Add an event to a transaction.

    Returns:
        The fields of its log line. Names and addresses are in the table alone.
    """
    session.add(event)
    await session.flush()
    return {
        "event_id": event.id,
        "kind": event.kind,
        "actor_id": event.actor_id,
        "occurrences": event.occurrences,
        "details": event.details,
    }


def log_event(logged: dict[str, Any]) -> None:
    """Log a committed event."""
    log.info("audit", **logged)


@asynccontextmanager
async def audited(
    sessions: Sessions, kind: AuditKind, **details: Any
) -> AsyncIterator[tuple[AsyncSession, dict[str, Any]]]:
    """One unit of work that is committed together with its event.

    Yields the session, and the details, which may be completed within the block.
    """
    async with transaction(sessions) as session:
        yield session, details
        logged = await add_event(session, make_event(kind, details))
    log_event(logged)


@dataclass(slots=True)
class _Repeated:
    """An event that may repeat, and how often it did since its last row."""

    kind: AuditKind
    origin: Origin
    details: dict[str, Any]
    unwritten: int
    due_at: float


class AuditTrail:
    """Writes events of one process.

    Args:
        sessions: of the API's database.
        clock: monotonic seconds.
    """

    def __init__(self, sessions: Sessions, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._sessions = sessions
        self._clock = clock
        self._repeated: dict[Hashable, _Repeated] = {}
        self._opened: dict[AuditKind, tuple[float, int]] = {}

    async def record(self, kind: AuditKind, **details: Any) -> None:
        """Write an event of the current request. When this returns it is committed."""
        async with audited(self._sessions, kind, **details):
            pass

    def count(self, kind: AuditKind, *, origin: Origin | None = None, **details: Any) -> None:
        """Count an event that may repeat; `run` writes it."""
        origin = origin or current_origin.get()
        actor = clean_text(origin.actor or "")[:MAX_NAME_CHARACTERS]
        key: Hashable = (kind, actor, origin.address, origin.key_id, *sorted(details.items()))
        now = self._clock()
        known = self._repeated.get(key)
        if known is None and not self._may_open(kind, now):
            key, origin, details = kind, NO_ORIGIN, {"others": True}
            known = self._repeated.get(key)
        if known is not None:
            known.unwritten += 1
            return
        self._repeated[key] = _Repeated(
            kind, replace(origin, actor=actor or None), details, unwritten=1, due_at=now
        )

    def _may_open(self, kind: AuditKind, now: float) -> bool:
        since, opened = self._opened.get(kind, (now, 0))
        if now - since >= HOUR_SECONDS:
            since, opened = now, 0
        if opened >= MAX_KEYS_PER_HOUR:
            return False
        self._opened[kind] = (since, opened + 1)
        return True

    async def run(self) -> None:
        """Write counted events until cancelled."""
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            try:
                await self.flush()
            except DRIVER_ERRORS as error:
                log.warning("audit_events_delayed", error=type(error).__name__)

    async def close(self) -> None:
        """Write everything that was counted, before the process ends."""
        try:
            await self.flush(is_last=True)
        except DRIVER_ERRORS as error:
            lost = sum(one.unwritten for one in self._repeated.values())
            log.warning("audit_events_lost", error=type(error).__name__, occurrences=lost)

    async def flush(self, *, is_last: bool = False) -> None:
        """Write what is due; everything if no other call follows.

        Raises:
            SQLAlchemyError: it could not be written, and stays counted.
        """
        now = self._clock()
        due = [key for key, one in self._repeated.items() if is_last or one.due_at <= now]
        for key in due:
            one = self._repeated[key]
            if not one.unwritten:
                del self._repeated[key]  # it did not repeat for a whole window
                continue
            count = one.unwritten
            event = make_event(one.kind, one.details, origin=one.origin, occurrences=count)
            async with transaction(self._sessions) as session:
                logged = await add_event(session, event)
            log_event(logged)
            one.unwritten -= count
            one.due_at = now + WINDOW_SECONDS
