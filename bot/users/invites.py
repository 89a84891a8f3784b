"""Checks invite codes. Wrong ones are slowed, of an account and in all, so that none is guessed."""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable, Sequence
from enum import Enum, auto

from bot.command_limit import CommandLimiter
from bot.metrics import Metrics

HOUR = 3600.0
MAX_WRONG_PER_ACCOUNT = 5
MAX_WRONG_IN_ALL = 100
_ALL = 0


class InviteVerdict(Enum):
    ACCEPTED = auto()
    WRONG = auto()
    SLOWED = auto()
    """Too many were wrong within an hour: the code was not looked at."""


class Invites:
    """The codes of mode `invite`.

    Counted in this process: several replicas let as many guesses through as there are of them.
    """

    def __init__(
        self,
        codes: Sequence[str],
        *,
        metrics: Metrics,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._codes = [code.encode() for code in codes]
        self._metrics = metrics
        self._of_account = CommandLimiter(MAX_WRONG_PER_ACCOUNT, window_seconds=HOUR, clock=clock)
        self._in_all = CommandLimiter(MAX_WRONG_IN_ALL, window_seconds=HOUR, clock=clock)

    def check(self, telegram_id: int, code: str) -> InviteVerdict:
        """What becomes of a code that an account presents."""
        if self._of_account.seconds_to_wait(telegram_id) or self._in_all.seconds_to_wait(_ALL):
            self._metrics.wrong_invites.inc()
            return InviteVerdict.SLOWED
        given = code.encode("utf-8", "surrogatepass")
        if not any(hmac.compare_digest(given, known) for known in self._codes):
            self._metrics.wrong_invites.inc()
            return InviteVerdict.WRONG
        self._of_account.take_back(telegram_id)
        self._in_all.take_back(_ALL)
        return InviteVerdict.ACCEPTED
