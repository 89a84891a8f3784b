"""Names for the accounts that may see them, each recorded before it is shown."""

from __future__ import annotations

from collections.abc import Iterable

from cachetools import TTLCache

from api.accounts.scopes import Principal, Scope
from api.audit.events import AuditKind
from api.audit.trail import AuditTrail
from api.people.names import NO_NAMES, Names, UserNames

HOUR_SECONDS = 3600.0
MAX_REMEMBERED = 1_000


class ShownNames:
    """Writes one event per account, report and hour for each name, however often a page asks.

    Args:
        names: all names.
        trail: the audit trail.
    """

    def __init__(self, names: UserNames, trail: AuditTrail) -> None:
        self._names = names
        self._trail = trail
        self._recorded: TTLCache[tuple[int, str], set[int]] = TTLCache(MAX_REMEMBERED, HOUR_SECONDS)

    async def fetch(self, principal: Principal, report: str, keys: Iterable[int | None]) -> Names:
        """Names by key, as in `UserNames`; none for an account that may see none.

        Names that the account has not seen in this report within the hour are recorded.

        Raises:
            SQLAlchemyError: they cannot be recorded.
        """
        if not principal.may(Scope.NAMES_READ):
            return NO_NAMES
        names = await self._names.fetch({key for key in keys if key is not None})
        if not names.people:
            return names
        key = (principal.account_id, report)
        recorded = self._recorded.get(key, set())
        new = sorted(names.people.keys() - recorded)
        if new:
            await self._trail.record(AuditKind.NAMES_READ, report=report, user_keys=new)
            # Added to what is remembered, whose hour is not begun again.
            self._recorded.setdefault(key, recorded).update(new)
        return names
