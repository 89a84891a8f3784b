"""What the ledger takes and gives: plain values, no statements."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from bot.llm.completion import CallReport
from bot.turns.question import Words, model_text, own_text
from common.errors import DialyticsError
from common.sealing import Sealer
from common.vocabulary import ChatType, Role, TurnStatus


class TakenError(DialyticsError):
    """The updates are in another turn already, or their person is gone: nothing was written."""


@dataclass(frozen=True)
class Earlier:
    """One earlier message of the dialog."""

    role: Role
    text: str
    """As the model reads it: with what was quoted."""
    turn_id: UUID | None = None
    speaker: str | None = None
    """Who wrote it, as the model is told; None in a private chat and for answers."""


@dataclass(frozen=True)
class Room:
    """Where a conversation happens, as the ledger knows it."""

    chat_hmac: bytes
    thread_id: int
    chat_type: ChatType

    @property
    def is_private(self) -> bool:
        return self.chat_type is ChatType.PRIVATE


@dataclass(frozen=True)
class Context:
    """What a turn needs to know before it begins. `earlier` is oldest first."""

    dialog_id: UUID | None
    earlier: tuple[Earlier, ...]
    system_prompt: str | None
    model: str | None
    max_history_messages: int | None
    admitted_at: datetime | None
    is_undeliverable: bool = False
    """The chat refused the last answers: another one would be paid for in vain."""


@dataclass(frozen=True)
class Question:
    """What the model is asked, and where it came from. One update per message, unless repeated."""

    user_key: int
    account_id: int
    """The asking account, for the gate alone; never written."""
    sealer: Sealer
    room: Room
    messages: tuple[Words, ...]
    update_ids: tuple[int, ...]
    received_at: datetime
    sent_at: datetime | None
    language: str | None
    is_repeated: bool = False
    """The text stands in the dialog already: it is answered again, and counted once."""
    first_name: str | None = None
    replaces: UUID | None = None
    """The turn of the same question before it was edited: it is taken back, and counted once."""

    @property
    def user_messages(self) -> int:
        is_counted_before = self.is_repeated or self.replaces
        return 0 if is_counted_before else len(self.update_ids)

    def first(self, messages: int) -> Question | None:
        """The question of its first messages alone; a long text that was cut stays together."""
        while messages > 0 and self.messages[messages - 1].is_long:
            messages -= 1
        if messages <= 0:
            return None
        return replace(
            self, messages=self.messages[:messages], update_ids=self.update_ids[:messages]
        )

    @property
    def text(self) -> str:
        """The person's own words."""
        return own_text(self.messages)

    @property
    def model_text(self) -> str:
        """All that the model reads of it."""
        return model_text(self.messages)


@dataclass(frozen=True)
class OpenTurn:
    """A turn that was written `pending`, with its open attempt."""

    id: UUID
    dialog_id: UUID
    call_id: UUID
    question: Question
    attempt: int = 1


@dataclass(frozen=True)
class Ending:
    """How a turn ended."""

    status: TurnStatus
    reason: str | None = None
    call_id: UUID | None = None
    call_outcome: str | None = None
    """For the attempt that is still open, if there is one."""
    report: CallReport | None = None
    """What is known of the attempt `call_id`, if it is the one still open."""
    first_token_at: datetime | None = None
    answered_at: datetime | None = None
    fallback_cause: str | None = None
    finish_reason: str | None = None
    answer_chars: int = 0
    answer_parts: int = 0
    flood_wait_ms: int = 0
    pacing_wait_ms: int = 0


@dataclass(frozen=True)
class Interrupted:
    """A turn left behind by a process that stopped. `answer`: the model had given one."""

    id: UUID
    is_pending: bool
    update_ids: tuple[int, ...]
    answer: str | None
    call_outcome: str | None
    first_token_at: datetime | None = None
    finish_reason: str | None = None
    fallback_cause: str | None = None
