"""Records whose names an account sees, before they are shown."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

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
        self._clock = clock
        self._recorded: OrderedDict[tuple[int, str], tuple[float, set[int]]] = OrderedDict()

    async def record(self, principal: Principal, report: str, names: Names) -> None:
        """Record the names that this account has not seen in this report within the hour.

        Raises:
            SQLAlchemyError: it cannot be recorded: the names must not be shown.
        """
        if not names.people:
            return
        now, key = self._clock(), (principal.account_id, report)
        since, recorded = self._recorded.get(key, (now, set()))
        if now - since >= HOUR_SECONDS:
            since, recorded = now, set()
        new = sorted(names.people.keys() - recorded)
        if not new:
            return
        await self._trail.record(AuditKind.NAMES_READ, report=report, user_keys=new)
        recorded.update(new)
        self._recorded[key] = (since, recorded)
        self._recorded.move_to_end(key)
        while len(self._recorded) > MAX_REMEMBERED:
            self._recorded.popitem(last=False)
