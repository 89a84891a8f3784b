"""Values that the ledger reads and writes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from bot.llm.completion import CallReport
from bot.turns.attachments import Picture, Recording
from bot.turns.question import QuestionMessage, model_text, own_text
from bot.turns.rules import NO_RULES, AppliedRules
from common.encryption.sealing import Sealer
from common.errors import DialyticsError
from common.vocabulary import ChatType, Role, TurnStatus

TRANSCRIPTION = "transcription"
SUMMARY = "summary"
"""Purposes of attempts before that of the answer."""


class UpdateConflictError(DialyticsError):
    """The updates are in another turn, or their user was erased. Nothing was written."""


@dataclass(frozen=True)
class HistoryMessage:
    """An earlier message of the dialog."""

    role: Role
    text: str
    """Including quotes, as sent to the model."""
    turn_id: UUID | None = None
    speaker: str | None = None
    """The author's name for the model; None in a private chat and for answers."""
    pictures: tuple[Picture, ...] = ()
    message_id: UUID | None = None
    stored_at: datetime | None = None


@dataclass(frozen=True)
class DialogSummary:
    """The summary of a dialog's earliest messages."""

    text: str
    messages: int
    """How many messages it covers."""
    first_message_id: UUID
    covers_until: datetime
    """When the newest of them was stored."""


@dataclass(frozen=True)
class SummaryTask:
    """Messages to summarise, oldest first, together with the earlier summary."""

    model: str
    messages: tuple[HistoryMessage, ...]
    before: DialogSummary | None
    characters: int
    """The length of the prompt."""

    def summary(self, text: str) -> DialogSummary:
        """The summary of all, with this text."""
        first, last = self.messages[0], self.messages[-1]
        if first.message_id is None or last.stored_at is None:
            raise ValueError("only stored messages are summarised")
        before = self.before
        return DialogSummary(
            text=text,
            messages=len(self.messages) + (before.messages if before else 0),
            first_message_id=before.first_message_id if before else first.message_id,
            covers_until=last.stored_at,
        )


@dataclass(frozen=True)
class ChatRef:
    """A chat and topic as the ledger refers to them."""

    chat_hmac: bytes
    thread_id: int
    chat_type: ChatType

    @property
    def is_private(self) -> bool:
        return self.chat_type is ChatType.PRIVATE


@dataclass(frozen=True)
class DialogContext:
    """The state of a dialog that a turn needs. `history` is oldest first."""

    dialog_id: UUID | None
    history: tuple[HistoryMessage, ...]
    system_prompt: str | None
    model: str | None
    max_history_messages: int | None
    admitted_at: datetime | None
    is_text_only: bool = False
    """The user gets no rich messages."""
    is_undeliverable: bool = False
    """The chat refused the last answers: do not pay for another one."""
    rules: AppliedRules = NO_RULES
    summary: DialogSummary | None = None
    is_overfull: bool = False
    """Older messages of the dialog, which its summary does not cover, no longer fit."""
    summary_task: SummaryTask | None = None
    """To be done before the answer."""

    def summarised(self, summary: DialogSummary) -> DialogContext:
        """The context with this summary in place of the messages that it covers."""
        history = tuple(
            one
            for one in self.history
            if one.stored_at is None or one.stored_at > summary.covers_until
        )
        return replace(self, history=history, summary=summary, summary_task=None)


@dataclass(frozen=True)
class Question:
    """A question to the model and its origin. One update per message, unless repeated."""

    user_key: int
    account_id: int
    """The Telegram id, for the policy only; never written."""
    sealer: Sealer
    chat_ref: ChatRef
    messages: tuple[QuestionMessage, ...]
    update_ids: tuple[int, ...]
    received_at: datetime
    sent_at: datetime | None
    language: str | None
    is_repeated: bool = False
    """The text is in the dialog already: it is answered again, but not counted again."""
    first_name: str | None = None
    replaces: UUID | None = None
    """The turn of the question before it was edited; it is withdrawn and not counted again."""
    is_admin: bool = False
    is_compaction: bool = False
    """No question, but the request for a summary of the dialog."""
    command: str | None = None
    """The name of the command that asks."""

    @property
    def user_messages(self) -> int:
        is_counted_before = self.is_repeated or self.replaces or self.is_compaction
        return 0 if is_counted_before else len(self.update_ids)

    def first(self, messages: int) -> Question | None:
        """The question limited to its first messages; a split long text is kept together."""
        while messages > 0 and self.messages[messages - 1].is_long:
            messages -= 1
        if messages <= 0:
            return None
        return self.cut(messages)

    def cut(self, messages: int) -> Question:
        """The question limited to its first messages."""
        return replace(
            self, messages=self.messages[:messages], update_ids=self.update_ids[:messages]
        )

    @property
    def text(self) -> str:
        """The user's own text."""
        return own_text(self.messages)

    @property
    def pictures(self) -> tuple[Picture, ...]:
        return tuple(message.picture for message in self.messages if message.picture)

    @property
    def speech_seconds(self) -> int:
        """Length of what is to be transcribed."""
        return sum(message.speech_seconds for message in self.messages)

    @property
    def recordings(self) -> list[Recording]:
        return [message.recording for message in self.messages if message.recording]

    def without_speech(self) -> Question | None:
        """The question without its recordings; None if nothing else is to be answered."""
        without = replace(
            self, messages=tuple(message.without_speech() for message in self.messages)
        )
        return None if without.is_empty else without

    @property
    def is_empty(self) -> bool:
        """Whether nothing in it can be answered."""
        return all(message.is_empty for message in self.messages)

    def transcribed(self, words: str) -> Question:
        """The question with the words of its first recording."""
        messages = list(self.messages)
        place = next(n for n, message in enumerate(messages) if message.recording)
        messages[place] = messages[place].transcribed(words)
        return replace(self, messages=tuple(messages))

    @property
    def model_text(self) -> str:
        """The text for the model, with quotes."""
        return model_text(self.messages)


@dataclass(frozen=True)
class OpenTurn:
    """A pending turn with its open attempt."""

    id: UUID
    dialog_id: UUID
    call_id: UUID
    question: Question
    model: str
    """The open attempt's model."""
    prompt_characters: int
    attempt: int = 1
    purpose: str = "answer"
    """The purpose of the open attempt."""
    message_id: UUID | None = None
    """The stored question; None if it was not stored again."""
    summary_task: SummaryTask | None = None
    """To be done before the answer."""


@dataclass(frozen=True)
class TurnOutcome:
    """How a turn ended."""

    status: TurnStatus
    reason: str | None = None
    call_id: UUID | None = None
    call_outcome: str | None = None
    """Outcome for the attempt that is still open, if any."""
    call_model: str | None = None
    """The model of the open attempt `call_id`."""
    report: CallReport | None = None
    """The facts about the open attempt `call_id`."""
    first_token_at: datetime | None = None
    answered_at: datetime | None = None
    fallback_cause: str | None = None
    finish_reason: str | None = None
    answer_chars: int = 0
    answer_parts: int = 0
    flood_wait_ms: int = 0
    pacing_wait_ms: int = 0
    generation_ms: int = 0
    """From the first to the last token of the answer."""
    message_hmacs: tuple[bytes, ...] = ()
    """See `Delivery`."""


@dataclass(frozen=True)
class InterruptedTurn:
    """A turn that a stopped process left behind.

    `answer`: the stored answer, if any. `is_text_only`: its user gets no rich messages.
    """

    id: UUID
    is_pending: bool
    update_ids: tuple[int, ...]
    answer: str | None
    call_outcome: str | None
    first_token_at: datetime | None = None
    finish_reason: str | None = None
    fallback_cause: str | None = None
    is_text_only: bool = False
