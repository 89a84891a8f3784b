"""Checks invite codes; limits wrong codes per account and in total, against guessing."""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable, Sequence
from enum import Enum, auto

from bot.metrics import BotMetrics
from bot.window_limiter import WindowLimiter

HOUR = 3600.0
MAX_WRONG_PER_ACCOUNT = 5
MAX_WRONG_IN_ALL = 100
_ALL = 0


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
        metrics: BotMetrics,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._codes = [code.encode() for code in codes]
        self._metrics = metrics
        self._of_account = WindowLimiter(MAX_WRONG_PER_ACCOUNT, window_seconds=HOUR, clock=clock)
        self._in_all = WindowLimiter(MAX_WRONG_IN_ALL, window_seconds=HOUR, clock=clock)

    def check(self, telegram_id: int, code: str) -> InviteVerdict:
        """Check a code that an account presents."""
        if self._of_account.seconds_to_wait(telegram_id) or self._in_all.seconds_to_wait(_ALL):
            self._metrics.wrong_invites.inc()
            return InviteVerdict.SLOWED
        given = code.encode("utf-8", "surrogatepass")
        if not any(hmac.compare_digest(given, known) for known in self._codes):
            self._metrics.wrong_invites.inc()
            return InviteVerdict.WRONG
        self._of_account.refund(telegram_id)
        self._in_all.refund(_ALL)
        return InviteVerdict.ACCEPTED
