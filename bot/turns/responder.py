"""The protocol through which a turn responds to its user."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from bot.llm.completion import ErrorKind, ModelError
from bot.llm.thinking import split_thinking
from bot.turns.attachments import Remark
from common.errors import DialyticsError


class Notice(StrEnum):
    """A notice sent instead of an answer, or after one."""

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
    """Thinking used up the token limit before the answer."""
    NOT_TRANSCRIBED = "not_transcribed"
    NOTHING_HEARD = "nothing_heard"
    NOTHING_SUMMARISED = "nothing_summarised"
    SUMMARISED = "summarised"


@dataclass(frozen=True)
class Delivery:
    """How an answer was delivered.

    `flood_wait_ms` is time waited on Telegram's demand, `pacing_wait_ms` for the bot's own limits.
    """

    parts: int = 0
    flood_wait_ms: int = 0
    pacing_wait_ms: int = 0
    message_hmacs: tuple[bytes, ...] = ()
    """Keyed hashes of the sent messages' ids: a reaction to one of them rates the answer."""


class UndeliverableError(DialyticsError):
    """The chat cannot be reached: `reason` is `blocked` or `undeliverable`.

    `is_refusal`: Telegram refused the message; otherwise Telegram was unavailable.
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
    """When the turn may begin."""
    messages_left: int = 0
    """How many messages of the question would be allowed."""
    remarks: tuple[Remark, ...] = ()
    """The files that could not be read."""

    @property
    def is_of_money(self) -> bool:
        """Whether a limit of spending is the reason."""
        return self.reason.endswith("usd")


class Responder(Protocol):
    """Responds to the user of a turn."""

    def update_preview(self, text: str) -> None:
        """Show the answer so far; may be called often."""

    def use_text_only(self) -> None:
        """Send no rich messages: this user's client does not show them."""

    async def send_answer(
        self, text: str, notice: Notice | None = None, *, turn_id: UUID
    ) -> Delivery:
        """Send the whole answer with its buttons. Raises UndeliverableError."""

    async def send_notice(self, notice: Notice, *, seconds: float | None = None) -> Delivery:
        """Send a notice instead of an answer, and when to ask again.

        Raises UndeliverableError.
        """

    async def send_refusal(self, refusal: Refusal) -> None: ...

    async def send_remarks(self, remarks: Sequence[Remark]) -> None:
        """Say which files were not read, or only in part. Raises UndeliverableError."""

    async def send_transcript(self, words: str) -> None:
        """Show the words of a recording, folded. Raises UndeliverableError."""


_NOTICES = {
    notice.value: notice
    for notice in (Notice.RATE_LIMITED, Notice.TOO_LONG, Notice.MODERATION, Notice.TIMEOUT)
}


def failure_notice(error: ModelError, purpose: str) -> Notice:
    """The notice instead of an answer. `purpose`: of the attempt that failed."""
    if purpose == "transcription":
        is_silent = error.kind is ErrorKind.EMPTY
        return Notice.NOTHING_HEARD if is_silent else Notice.NOT_TRANSCRIBED
    if purpose == "summary":
        return Notice.NOTHING_SUMMARISED
    if error.limit_used_by_thinking:
        return Notice.THINKING
    return _NOTICES.get(error.kind, Notice.FAILED)


def notice_of(outcome: str | None, finish_reason: str | None, answer: str) -> Notice | None:
    """The notice after an answer, if any."""
    if outcome == "cancelled":
        return Notice.STOPPED
    if outcome == "incomplete":
        return Notice.INCOMPLETE
    if finish_reason != "length":
        return None
    return Notice.THINKING if split_thinking(answer).is_open else Notice.LENGTH
