"""Whoever reads an answer, and what can be said to them. Knows no transport."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from common.errors import DialyticsError


class Notice(StrEnum):
    """What a person is told instead of an answer, or after one."""

    INCOMPLETE = "incomplete"
    LENGTH = "length"
    STOPPED = "stopped"
    INTERRUPTED = "interrupted"
    FAILED = "failed"
    RATE_LIMITED = "rate_limited"
    TOO_LONG = "context_length"
    MODERATION = "moderation"
    TIMEOUT = "timeout"
    THINKING = "thinking"
    """Thinking used up the limit before the answer."""


@dataclass(frozen=True)
class Delivery:
    """What it took to deliver.

    `flood_wait_ms` is the time that Telegram asked for, `pacing_wait_ms` that of the bot's own
    pacing.
    """

    parts: int = 0
    flood_wait_ms: int = 0
    pacing_wait_ms: int = 0


class UndeliverableError(DialyticsError):
    """Nobody can be reached there any more: `reason` is `blocked` or `undeliverable`.

    `is_refusal`: Telegram refused it, rather than that Telegram was away.
    """

    def __init__(self, reason: str, *, is_refusal: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.is_refusal = is_refusal


@dataclass(frozen=True)
class Refusal:
    """Why a turn may not begin."""

    reason: str
    retry_seconds: float | None = None
    """When it may."""
    messages_left: int = 0
    """So many messages of the question would be let in."""


class Audience(Protocol):
    """Whoever reads the answer."""

    def show(self, text: str) -> None:
        """The answer so far; may be called often."""

    async def deliver(self, text: str, notice: Notice | None = None) -> Delivery:
        """The whole answer. Raises UndeliverableError."""

    async def tell(self, notice: Notice, *, seconds: float | None = None) -> Delivery:
        """No answer, but a word about it, and after how long to ask again.

        Raises UndeliverableError.
        """

    async def refuse(self, refusal: Refusal) -> None: ...
