"""Records whose names an account sees, before they are shown."""

from __future__ import annotations

import time
from collections.abc import Callable

from cachetools import TTLCache

from api.accounts.scopes import Principal
from api.audit.events import AuditKind
from api.audit.trail import AuditTrail
from api.people.names import Names

HOUR_SECONDS = 3600.0
MAX_REMEMBERED = 1_000


class NameReadings:
    """Writes one event per account, report and hour for each name, however often a page asks.

    Args:
        trail: the audit trail.
        clock: monotonic seconds.
    """

    def __init__(self, trail: AuditTrail, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._trail = trail
        self._recorded: TTLCache[tuple[int, str], set[int]] = TTLCache(
            MAX_REMEMBERED, HOUR_SECONDS, timer=clock
        )

    async def record(self, principal: Principal, report: str, names: Names) -> None:
        """Record the names that this account has not seen in this report within the hour.

        Raises:
            SQLAlchemyError: it cannot be recorded: the names must not be shown.
        """
        if not names.people:
            return
        key = (principal.account_id, report)
        recorded = self._recorded.get(key, set())
        new = sorted(names.people.keys() - recorded)
        if not new:
            return
        await self._trail.record(AuditKind.NAMES_READ, report=report, user_keys=new)
        # Added to what is remembered, whose hour is not begun again.
        self._recorded.setdefault(key, recorded).update(new)
