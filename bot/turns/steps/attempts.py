"""Completion attempts of one turn: retries a model, then tries the next of `models_to_try`."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from bot.db.retry import retry_write
from bot.llm.client import ChatMessage, ModelClient
from bot.llm.completion import (
    FALLS_BACK,
    RETRYABLE,
    CallReport,
    Completion,
    ModelError,
)
from bot.llm.stream import AnswerStream
from bot.llm.transcription import Transcriber, Transcript
from bot.metrics import BotMetrics
from bot.settings import ModelSettings
from bot.turns.bill import Bill, BillLimitError
from bot.turns.ledger import Ledger
from bot.turns.records import SUMMARY, TRANSCRIPTION, OpenTurn, Question
from common.log import get_logger

MAX_WAIT_SECONDS = 3.0
"""If Retry-After is longer and a fallback exists, use the fallback now."""

log = get_logger(__name__)


@dataclass
class AttemptState:
    """The state of a turn's attempts."""

    turn: OpenTurn
    model: str
    """The current attempt's model."""
    saving_model: str | None = None
    """Asked once a limit of the bill is used up."""
    fallback_cause: str | None = None
    first_token_at: datetime | None = None
    text: str = ""
    answer: AnswerStream = field(default_factory=AnswerStream)
    """The current attempt's answer so far."""


@dataclass(frozen=True)
class EndedAttempt:
    """How the open attempt ended."""

    outcome: str
    report: CallReport
    transcribed: Question | None = None
    """The question with the words of a recording."""


class NextAttempt:
    """Closes a turn's open attempt and opens the next one."""

    def __init__(self, *, ledger: Ledger, bill: Bill) -> None:
        self._ledger = ledger
        self._bill = bill

    async def open(
        self, state: AttemptState, model: str, ended: EndedAttempt, *, purpose: str = "answer"
    ) -> None:
        """Open an attempt of `model`; `state` is updated.

        Raises:
            BillLimitError: a limit of the bill is used up; the open attempt is still open.
        """
        turn = state.turn
        state.turn = await retry_write(
            lambda: self._bill.decide(
                lambda: self._ledger.next_attempt(
                    turn,
                    outcome=ended.outcome,
                    report=ended.report,
                    model=model,
                    transcribed=ended.transcribed,
                    purpose=purpose,
                )
            )
        )

    async def open_answer(self, state: AttemptState, model: str, ended: EndedAttempt) -> None:
        """The same for the answer: by the saving model if the bill does not allow `model`."""
        try:
            await self.open(state, model, ended)
        except BillLimitError:
            if state.saving_model is None:
                raise
            await self.open(state, state.saving_model, ended)
        state.model = state.turn.model


class CompletionAttempts:
    """Tries the models in order; every attempt is recorded in the ledger."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        bill: Bill,
        model: ModelClient,
        settings: ModelSettings,
        metrics: BotMetrics,
    ) -> None:
        self._next = NextAttempt(ledger=ledger, bill=bill)
        self._model = model
        self._settings = settings
        self._metrics = metrics

    async def run(
        self,
        state: AttemptState,
        models: Sequence[str],
        messages: list[ChatMessage],
        on_delta: Callable[[str], None],
    ) -> Completion:
        """Return the first completion; `state` is updated on the way.

        Raises:
            ModelError: the last failure.
        """
        # No transaction is open here: a slow model must not hold a connection.
        clock = asyncio.get_running_loop().time
        deadline = clock() + self._settings.llm_timeout_seconds
        asked, attempts = 0, 1
        while True:
            state.answer = self._model.new_answer()
            try:
                return await self._model.complete(
                    models[asked],
                    messages,
                    state.answer,
                    seconds=max(deadline - clock(), 0),
                    on_text=on_delta,
                )
            except ModelError as error:
                log.warning(
                    "completion attempt failed",
                    model=models[asked],
                    cause=error.kind.value,
                    attempt=attempts,
                    http_status=error.report.http_status,
                    provider_code=error.report.provider_code,
                    generation_id=error.report.generation_id,
                )
                pause = self._pause(error, attempts)
                has_another = asked + 1 < len(models)
                is_worth_repeating = (
                    error.kind in RETRYABLE
                    and attempts < self._settings.llm_attempts
                    and clock() + pause < deadline
                    # If Retry-After is long and a fallback exists, use the fallback now.
                    and not (has_another and (error.retry_after or 0) > MAX_WAIT_SECONDS)
                )
                if error.is_adapted and clock() < deadline:
                    pass  # at once, without the rejected parameter
                elif is_worth_repeating:
                    await asyncio.sleep(pause)
                    attempts += 1
                elif error.kind in FALLS_BACK and has_another and clock() < deadline:
                    asked, attempts = asked + 1, 1
                    state.fallback_cause = error.kind.value
                    self._metrics.llm_fallback_used.inc()
                else:
                    raise
                ended = EndedAttempt(error.kind.value, error.report)
                try:
                    await self._next.open(state, models[asked], ended)
                except BillLimitError:
                    if state.saving_model is None:
                        raise error from None
                    models, asked, attempts = [state.saving_model], 0, 1
                    state.fallback_cause = error.kind.value
                    await self._next.open(state, models[asked], ended)
                state.model = models[asked]

    def _pause(self, error: ModelError, attempts: int) -> float:
        backoff: float = self._settings.llm_retry_seconds * 2 ** (attempts - 1)
        return (error.retry_after or 0) + backoff * (0.5 + random.random())  # noqa: S311 # no secret


class TranscriptionAttempts:
    """Transcribes the recordings of a question, one attempt each, which is not repeated."""

    def __init__(self, *, ledger: Ledger, bill: Bill, transcriber: Transcriber) -> None:
        self._next = NextAttempt(ledger=ledger, bill=bill)
        self._transcriber = transcriber

    async def run(self, state: AttemptState, models: Sequence[str]) -> str:
        """Return the words of all recordings.

        The next attempt, of the turn's summary or of the answer, is open then. `state` is
        updated on the way.

        Raises:
            ModelError: a recording could not be transcribed.
            BillLimitError: a limit of the bill is used up; the open attempt is still open.
        """
        words = []
        while recordings := state.turn.question.recordings:
            state.answer = self._transcriber.new_answer()
            transcript = await self._transcriber.transcribe(
                state.turn.model, recordings[0].content, state.answer, name=recordings[0].name
            )
            words.append(transcript.text)
            question = state.turn.question.transcribed(transcript.text)
            is_last = not question.recordings
            await self._open_next(state, transcript, question, models[0] if is_last else None)
        return "\n\n".join(words)

    async def _open_next(
        self, state: AttemptState, transcript: Transcript, question: Question, model: str | None
    ) -> None:
        """Store the words; open the attempt of the next recording, or of the summary or the answer.

        The answer is by `model`; None: there is another recording.
        """
        ended = EndedAttempt("answered", transcript.report, question)
        if model is None:
            await self._next.open(state, state.turn.model, ended, purpose=TRANSCRIPTION)
            return
        if task := state.turn.summary_task:
            # Without it the saving model may still answer.
            with suppress(BillLimitError):
                await self._next.open(state, task.model, ended, purpose=SUMMARY)
                return
        await self._next.open_answer(state, model, ended)
