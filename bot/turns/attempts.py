"""Asks models for one turn: again after a passing failure, another one after a lasting failure."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from bot.db.retry import persist
from bot.llm.client import ChatMessage, Model
from bot.llm.completion import (
    FALLS_BACK,
    RETRYABLE,
    Completion,
    ModelError,
)
from bot.llm.stream import AnswerStream
from bot.metrics import Metrics
from bot.settings import ModelSettings
from bot.turns.ledger import Ledger
from bot.turns.records import OpenTurn
from common.log import get_logger

LONGEST_WAIT_SECONDS = 3.0
"""What a provider may ask for before another model, when there is one, is asked instead."""

log = get_logger(__name__)


@dataclass
class Course:
    """What happened while the model was asked."""

    turn: OpenTurn
    model: str
    """Who is being asked."""
    fallback_cause: str | None = None
    first_token_at: datetime | None = None
    text: str = ""
    answer: AnswerStream = field(default_factory=AnswerStream)
    """What has arrived of the attempt that is open."""


class Asking:
    """Asks until someone answers or nobody is left; every attempt is a call of the ledger."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        model: Model,
        settings: ModelSettings,
        metrics: Metrics,
        jitter: Callable[[], float],
    ) -> None:
        self._ledger = ledger
        self._model = model
        self._settings = settings
        self._metrics = metrics
        self._jitter = jitter

    async def ask(
        self,
        course: Course,
        models: Sequence[str],
        messages: list[ChatMessage],
        grow: Callable[[str], None],
    ) -> Completion:
        """The first answer; `course` follows what happens on the way.

        Raises:
            ModelError: the last failure.
        """
        # No transaction is open here: a slow model must not hold a connection.
        clock = asyncio.get_running_loop().time
        deadline = clock() + self._settings.llm_timeout_seconds
        asked, attempts = 0, 1
        while True:
            course.answer = self._model.new_answer()
            try:
                return await self._model.ask(
                    models[asked],
                    messages,
                    course.answer,
                    seconds=max(deadline - clock(), 0),
                    on_text=grow,
                )
            except ModelError as error:
                log.warning(
                    "model failed",
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
                    # A person waits: who is told to come back later asks somebody else first.
                    and not (has_another and (error.retry_after or 0) > LONGEST_WAIT_SECONDS)
                )
                if error.is_adapted and clock() < deadline:
                    pass  # at once, and without what the model refused
                elif is_worth_repeating:
                    await asyncio.sleep(pause)
                    attempts += 1
                elif error.kind in FALLS_BACK and has_another and clock() < deadline:
                    asked, attempts = asked + 1, 1
                    course.model = models[asked]
                    course.fallback_cause = error.kind.value
                    self._metrics.llm_fallback_used.inc()
                else:
                    raise
                course.turn = await self._next(course.turn, error, models[asked])

    async def _next(self, turn: OpenTurn, error: ModelError, model: str) -> OpenTurn:
        return await persist(
            lambda: self._ledger.next_attempt(
                turn, outcome=error.kind.value, report=error.report, model=model
            )
        )

    def _pause(self, error: ModelError, attempts: int) -> float:
        backoff: float = self._settings.llm_retry_seconds * 2 ** (attempts - 1)
        return (error.retry_after or 0) + backoff * (0.5 + self._jitter())
