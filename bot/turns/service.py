"""One turn of a conversation: ask the model, keep the answer, deliver it. Knows no Telegram."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from structlog.contextvars import bound_contextvars

from bot.db.retry import persist
from bot.llm.client import ChatMessage, Model
from bot.llm.completion import Completion, ModelError
from bot.llm.thinking import split_thinking
from bot.metrics import Metrics
from bot.settings import ModelSettings
from bot.turns.attempts import Asking, Course
from bot.turns.cancellation import StoppedError, StopSignal, until_stopped
from bot.turns.history import DialogHistory
from bot.turns.ledger import Ledger
from bot.turns.prompt import messages_for, models_for
from bot.turns.records import (
    Context,
    Ending,
    Interrupted,
    OpenTurn,
    Question,
)
from bot.turns.responder import (
    Audience,
    Delivery,
    Notice,
    Refusal,
    UndeliverableError,
)
from common.log import get_logger
from common.postgres import Sessions, transaction
from common.sealing import Sealer
from common.tracing import span
from common.vocabulary import TurnStatus

INTERRUPTED = "interrupted"

log = get_logger(__name__)


@dataclass(frozen=True)
class Finished:
    """How a turn ended. Without an id: it was rejected, and used nothing."""

    ending: Ending
    turn_id: UUID | None = None
    update_ids: tuple[int, ...] = ()
    """The updates that ended with it: the first ones, when a limit lets no more in."""


class Gate(Protocol):
    """Decides whether a turn may begin."""

    def is_open(self, question: Question, context: Context) -> bool: ...

    async def refusal(
        self, session: AsyncSession, question: Question, context: Context, *, model: str
    ) -> Refusal | None: ...


class Turns:
    """Runs turns, and ends those that a stopped process left behind."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        history: DialogHistory,
        model: Model,
        gate: Gate,
        sessions: Sessions,
        settings: ModelSettings,
        metrics: Metrics,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._ledger = ledger
        self._history = history
        self._asking = Asking(
            ledger=ledger, model=model, settings=settings, metrics=metrics, jitter=jitter
        )
        self._gate = gate
        self._sessions = sessions
        self._settings = settings
        self._metrics = metrics
        self._now = now

    async def take(self, question: Question, audience: Audience, stop: StopSignal) -> Finished:
        """Answer one question.

        Raises:
            TakenError: the question is being answered elsewhere, or its person is gone.
        """
        context = await self._history.context(question.user_key, question.sealer, question.room)
        models = models_for(context, self._settings)
        turn = await self._open(question, context, model=models[0])
        if isinstance(turn, Refusal):
            refusal = turn
            self._metrics.turns_finished.labels(TurnStatus.REJECTED.value).inc()
            self._metrics.updates_settled.labels("turn").inc(len(question.update_ids))
            log.info("turn rejected", reason=refusal.reason)
            await audience.refuse(refusal)
            return Finished(
                Ending(TurnStatus.REJECTED, reason=refusal.reason), update_ids=question.update_ids
            )
        question = turn.question
        with (
            self._metrics.turns_in_flight.track_inprogress(),
            bound_contextvars(turn_id=str(turn.id), dialog_id=str(turn.dialog_id)),
            span("turn", turn_id=str(turn.id), dialog_id=str(turn.dialog_id), model=models[0]),
        ):
            messages = messages_for(
                question,
                context,
                standard=self._settings.llm_system_prompt,
                speaker=self._history.speaker(question, turn.dialog_id),
            )
            ending = await self._answer(turn, models, messages, audience, stop)
            return await self._finish(turn.id, question.update_ids, ending, sealer=question.sealer)

    async def _open(
        self, question: Question, context: Context, *, model: str
    ) -> OpenTurn | Refusal:
        if self._gate.is_open(question, context):
            return await self._ledger.open(question, context, model=model)
        async with transaction(self._sessions) as session:
            let_in = question
            while refusal := await self._gate.refusal(session, let_in, context, model=model):
                # The messages that a limit leaves room for are answered, the others refused.
                fewer = let_in.first(refusal.messages_left)
                if fewer is None:
                    break
                let_in = fewer
            if refusal is None:
                return await self._ledger.open(let_in, context, model=model, session=session)
            await self._ledger.reject(question, context, reason=refusal.reason, session=session)
        return refusal

    async def resume(self, left: Interrupted, audience: Audience) -> Finished:
        """End a turn whose process stopped: deliver its answer, or say that there is none."""
        if left.answer is not None:
            notice = _notice_of(left.call_outcome, left.finish_reason, left.answer)
            status = TurnStatus.CANCELLED if notice is Notice.STOPPED else TurnStatus.ANSWERED
            ending = await self._deliver(
                Ending(
                    status,
                    reason=_reason_of(left),
                    first_token_at=left.first_token_at,
                    fallback_cause=left.fallback_cause,
                    finish_reason=left.finish_reason,
                ),
                left.answer,
                audience,
                notice,
            )
        else:
            ending = await self._tell(
                Ending(
                    TurnStatus.FAILED,
                    reason=INTERRUPTED,
                    call_outcome=INTERRUPTED,
                    fallback_cause=left.fallback_cause,
                ),
                audience,
                Notice.INTERRUPTED,
            )
        return await self._finish(left.id, left.update_ids, ending)

    async def _answer(
        self,
        turn: OpenTurn,
        models: Sequence[str],
        messages: list[ChatMessage],
        audience: Audience,
        stop: StopSignal,
    ) -> Ending:
        course = Course(turn, models[0])
        started = asyncio.get_running_loop().time()

        def grow(text: str) -> None:
            if course.first_token_at is None:
                course.first_token_at = self._now()
                self._metrics.llm_first_token.labels(self._metrics.model(course.model)).observe(
                    asyncio.get_running_loop().time() - started
                )
            course.text = text
            course.answer.first_token_at = course.first_token_at
            audience.show(text)

        try:
            completion = await until_stopped(self._asking.ask(course, models, messages, grow), stop)
        except StoppedError as stopped:
            return await self._end_stopped(course, stopped.reason, audience)
        except ModelError as error:
            return await self._tell(
                Ending(
                    TurnStatus.FAILED,
                    reason=error.kind.value,
                    call_id=course.turn.call_id,
                    call_outcome=error.kind.value,
                    report=error.report,
                    fallback_cause=course.fallback_cause,
                    finish_reason=error.report.finish_reason,
                ),
                audience,
                Notice.THINKING if error.is_eaten else _NOTICES.get(error.kind, Notice.FAILED),
                seconds=error.retry_after,
            )
        await persist(
            lambda: self._ledger.record_answer(course.turn, completion, outcome=completion.outcome)
        )
        return await self._deliver(
            Ending(
                TurnStatus.ANSWERED,
                reason=completion.shortfall or ("refusal" if completion.is_refusal else None),
                first_token_at=course.first_token_at,
                fallback_cause=course.fallback_cause,
                finish_reason=completion.report.finish_reason,
            ),
            completion.text,
            audience,
            _notice_of(completion.outcome, completion.report.finish_reason, completion.text),
        )

    async def _end_stopped(self, course: Course, reason: str, audience: Audience) -> Ending:
        ending = Ending(
            TurnStatus.CANCELLED,
            reason=reason,
            call_id=course.turn.call_id,
            call_outcome="cancelled",
            report=course.answer.report(),
            first_token_at=course.first_token_at,
            fallback_cause=course.fallback_cause,
        )
        if reason == "erased":
            return ending
        # Who asked to stop is answered by the command; who did not must be told.
        notice = None
        if reason == "shutdown":
            ending = replace(ending, status=TurnStatus.FAILED, reason=INTERRUPTED)
            notice = Notice.INTERRUPTED
        if not course.text.strip():
            return await self._tell(ending, audience, notice) if notice else ending
        report = course.answer.report()
        partial = Completion(
            course.text, replace(report, model_used=report.model_used or course.model)
        )
        await persist(lambda: self._ledger.record_answer(course.turn, partial, outcome="cancelled"))
        if reason == "edited":
            return ending
        return await self._deliver(ending, course.text, audience, notice)

    async def _deliver(
        self, ending: Ending, text: str, audience: Audience, notice: Notice | None
    ) -> Ending:
        ending = replace(ending, answer_chars=len(text))
        return await self._delivered(ending, lambda: audience.deliver(text, notice))

    async def _tell(
        self,
        ending: Ending,
        audience: Audience,
        notice: Notice,
        *,
        seconds: float | None = None,
    ) -> Ending:
        return await self._delivered(ending, lambda: audience.tell(notice, seconds=seconds))

    async def _delivered(self, ending: Ending, send: Callable[[], Awaitable[Delivery]]) -> Ending:
        try:
            with span("deliver") as sending:
                delivery = await send()
                sending.set(
                    parts=delivery.parts,
                    flood_wait_ms=delivery.flood_wait_ms,
                    pacing_wait_ms=delivery.pacing_wait_ms,
                )
        except UndeliverableError as error:
            return replace(ending, status=TurnStatus.FAILED, reason=error.reason)
        return replace(
            ending,
            answered_at=self._now(),
            answer_parts=delivery.parts,
            flood_wait_ms=delivery.flood_wait_ms,
            pacing_wait_ms=delivery.pacing_wait_ms,
        )

    async def _finish(
        self,
        turn_id: UUID,
        update_ids: Sequence[int],
        ending: Ending,
        *,
        sealer: Sealer | None = None,
    ) -> Finished:
        with span("ledger finish_turn", status=ending.status.value, reason=ending.reason):
            await persist(lambda: self._ledger.finish(turn_id, update_ids, ending, sealer=sealer))
        self._metrics.turns_finished.labels(ending.status.value).inc()
        self._metrics.updates_settled.labels("turn").inc(len(update_ids))
        log.info("turn finished", status=ending.status.value, reason=ending.reason)
        return Finished(ending, turn_id, tuple(update_ids))


_NOTICES = {
    notice.value: notice
    for notice in (Notice.RATE_LIMITED, Notice.TOO_LONG, Notice.MODERATION, Notice.TIMEOUT)
}


def _notice_of(outcome: str | None, finish_reason: str | None, answer: str) -> Notice | None:
    """What is said after an answer."""
    if outcome == "cancelled":
        return Notice.STOPPED
    if outcome == "incomplete":
        return Notice.INCOMPLETE
    if finish_reason != "length":
        return None
    return Notice.THINKING if split_thinking(answer).is_open else Notice.LENGTH


def _reason_of(left: Interrupted) -> str | None:
    """The reason of a turn whose answer was kept and not delivered."""
    reasons = {"cancelled": "cancelled", "incomplete": "incomplete", "refused": "refusal"}
    own = reasons.get(left.call_outcome or "")
    return own or ("length" if left.finish_reason == "length" else None)
