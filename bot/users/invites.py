"""Accepts invite codes, of the settings and of invitations made at run time.

Wrong codes are limited per account and in total, against guessing.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable, Sequence
from enum import Enum, auto

from sqlalchemy import func, select

from bot.metrics import BotMetrics
from bot.users.preferences import Preferences
from bot.users.repository import User
from bot.window_limiter import WindowLimiter
from common.log import get_logger
from common.postgres import Sessions, transaction
from common.tables.invitations import CODE_PREFIX, InvitationKind, use_invitation

HOUR = 3600.0
MAX_WRONG_PER_ACCOUNT = 5
MAX_WRONG_IN_ALL = 100
_ALL = 0

log = get_logger(__name__)


class InviteVerdict(Enum):
    ACCEPTED = auto()
    WRONG = auto()
    SLOWED = auto()
    """Too many wrong codes within an hour: the code was not checked."""


class InviteCodes:
    """The codes of mode `invite`.

    Wrong codes are counted per process: each replica allows the full number.
    """

    def __init__(
        self,
        codes: Sequence[str],
        *,
        preferences: Preferences,
        sessions: Sessions,
        metrics: BotMetrics,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._codes = [code.encode() for code in codes]
        self._preferences = preferences
        self._sessions = sessions
        self._metrics = metrics
        self._of_account = WindowLimiter(MAX_WRONG_PER_ACCOUNT, window_seconds=HOUR, clock=clock)
        self._in_all = WindowLimiter(MAX_WRONG_IN_ALL, window_seconds=HOUR, clock=clock)

    def is_code(self, payload: str) -> bool:
        """Whether a payload is a code, valid or not: a code is no source of a user."""
        return payload.startswith(CODE_PREFIX) or self._is_shared(payload)

    async def redeem(self, user: User, telegram_id: int, code: str) -> InviteVerdict:
        """Admit a user who presents a valid code."""
        if self._of_account.seconds_to_wait(telegram_id) or self._in_all.seconds_to_wait(_ALL):
            self._metrics.wrong_invites.inc()
            return InviteVerdict.SLOWED
        if not await self._admit(user, code):
            self._metrics.wrong_invites.inc()
            return InviteVerdict.WRONG
        self._of_account.refund(telegram_id)
        self._in_all.refund(_ALL)
        return InviteVerdict.ACCEPTED

    def _is_shared(self, code: str) -> bool:
        given = code.encode("utf-8", "surrogatepass")
        return any(hmac.compare_digest(given, known) for known in self._codes)

    async def _admit(self, user: User, code: str) -> bool:
        async with transaction(self._sessions) as session:
            invitation = None
            if not self._is_shared(code):
                if not code.startswith(CODE_PREFIX):
                    return False
                invitation = await use_invitation(session, code, InvitationKind.BOT)
                if invitation is None:
                    return False
            is_new = await self._preferences.admit(session, user)
            if invitation is None:
                return True
            if not is_new:
                # Admitted in another chat meanwhile: that took a use already.
                await session.rollback()
                return True
            await session.execute(select(func.record_invitation_use(invitation.id, user.key)))
        log.info(
            "audit",
            kind="invitation_used",
            details={"invitation_id": invitation.id, "user_key": user.key},
        )
        return True
