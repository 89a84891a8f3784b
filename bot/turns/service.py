"""Runs one turn: prompt, completion attempts, ledger, delivery."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID

from structlog.contextvars import bound_contextvars

from bot.db.retry import retry_write
from bot.llm.client import ChatMessage, ModelClient
from bot.llm.completion import ModelError
from bot.llm.transcription import Transcriber
from bot.metrics import BotMetrics
from bot.settings import ModelSettings
from bot.turns.attachments import Remark
from bot.turns.bill import Bill, BillLimitError
from bot.turns.cancellation import StoppedError, StopSignal, until_stopped
from bot.turns.history import DialogHistory
from bot.turns.ledger import Ledger
from bot.turns.prompt import prompt_messages
from bot.turns.records import (
    SUMMARY,
    DialogContext,
    DialogSummary,
    InterruptedTurn,
    OpenTurn,
    Question,
    TurnOutcome,
)
from bot.turns.responder import Refusal, Responder, UndeliverableError
from bot.turns.rules import NO_RULES, AppliedRules, RuleReader
from bot.turns.steps.attempts import AttemptState, CompletionAttempts, TranscriptionAttempts
from bot.turns.steps.endings import (
    end_answered,
    end_compaction,
    end_failed,
    end_interrupted,
    end_over_bill,
    end_stopped,
    end_unreachable,
)
from bot.turns.steps.opening import AnswerPlan, TurnOpener, TurnRefusedError
from bot.turns.summaries.writer import SummaryWriter
from common.encryption.sealing import Sealer
from common.log import get_logger
from common.tracing import span
from common.vocabulary import TurnStatus

log = get_logger(__name__)


@dataclass(frozen=True)
class TurnResult:
    """How a turn ended. Without a `turn_id` it was rejected."""

    outcome: TurnOutcome
    turn_id: UUID | None = None
    update_ids: tuple[int, ...] = ()
    """The updates settled with it: only the first ones if a limit allowed no more."""
    rules: AppliedRules = NO_RULES
    """The rules under which it began."""


class TurnService:
    """Runs turns, and finishes those that a stopped process left behind."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        bill: Bill,
        history: DialogHistory,
        model: ModelClient,
        rules: RuleReader,
        transcriber: Transcriber,
        summaries: SummaryWriter,
        opener: TurnOpener,
        settings: ModelSettings,
        metrics: BotMetrics,
    ) -> None:
        self._ledger = ledger
        self._history = history
        self._attempts = CompletionAttempts(
            ledger=ledger,
            bill=bill,
            model=model,
            settings=settings,
            metrics=metrics,
        )
        self._rules = rules
        self._transcriptions = TranscriptionAttempts(
            ledger=ledger, bill=bill, transcriber=transcriber
        )
        self._summaries = summaries
        self._opener = opener
        self._settings = settings
        self._metrics = metrics

    async def answer(
        self, question: Question, responder: Responder, stop: StopSignal
    ) -> TurnResult:
        """Answer one question.

        Raises:
            UpdateConflictError: another process answers the question, or its user was erased.
        """
        context = await self._history.load_context(
            question.user_key,
            question.sealer,
            question.chat_ref,
            is_admin=question.is_admin,
        )
        if context.is_text_only:
            responder.use_text_only()
        remarks: tuple[Remark, ...] = ()
        try:
            if any(message.attachment for message in question.messages):
                question, remarks = await self._opener.prepare(question, context, stop)
            if task := await self._summaries.plan(question, context):
                context = replace(context, summary_task=task)
            plan = self._opener.plan(question, context, remarks)
            turn = await self._opener.open(question, context, plan)
        except TurnRefusedError as error:
            return await self._reject(question, context, error.refusal, responder)
        question = turn.question
        with (
            self._metrics.turns_in_flight.track_inprogress(),
            bound_contextvars(turn_id=str(turn.id), dialog_id=str(turn.dialog_id)),
            span("turn", turn_id=str(turn.id), dialog_id=str(turn.dialog_id), model=turn.model),
        ):

            def prompt(question: Question, summary: DialogSummary | None) -> list[ChatMessage]:
                return prompt_messages(
                    question,
                    context.summarised(summary) if summary else context,
                    default_prompt=self._settings.llm_system_prompt,
                    speaker=self._history.speaker(question, turn.dialog_id),
                    max_pictures=plan.pictures,
                )

            outcome = await self._answer(turn, plan, prompt, responder, stop)
            result = await self._finish(
                turn.id, question.update_ids, outcome, sealer=question.sealer
            )
            return replace(result, rules=context.rules)

    async def _reject(
        self, question: Question, context: DialogContext, refusal: Refusal, responder: Responder
    ) -> TurnResult:
        await self._opener.reject(question, context, refusal)
        self._metrics.turns_finished.labels(TurnStatus.REJECTED.value).inc()
        self._metrics.updates_settled.labels("turn").inc(len(question.update_ids))
        log.info("turn rejected", reason=refusal.reason)
        if refusal.reason != "cancelled" and (
            not context.rules.refusal
            or await self._rules.may_notify(
                question.user_key, question.chat_ref.chat_hmac, context.rules
            )
        ):
            await responder.send_refusal(refusal)
        return TurnResult(
            TurnOutcome(TurnStatus.REJECTED, reason=refusal.reason), update_ids=question.update_ids
        )

    async def resume(self, left: InterruptedTurn, responder: Responder) -> TurnResult:
        """Finish an interrupted turn: deliver its stored answer, or send a notice."""
        if left.is_text_only:
            responder.use_text_only()
        outcome = await end_interrupted(left, responder)
        return await self._finish(left.id, left.update_ids, outcome)

    async def _answer(
        self,
        turn: OpenTurn,
        plan: AnswerPlan,
        prompt: Callable[[Question, DialogSummary | None], list[ChatMessage]],
        responder: Responder,
        stop: StopSignal,
    ) -> TurnOutcome:
        state = AttemptState(turn, plan.models[0], plan.saving_model)
        started = asyncio.get_running_loop().time()

        def on_delta(text: str) -> None:
            if state.first_token_at is None:
                state.first_token_at = datetime.now(UTC)
                self._metrics.llm_first_token.labels(self._metrics.model(state.model)).observe(
                    asyncio.get_running_loop().time() - started
                )
            state.text = text
            state.answer.first_token_at = state.first_token_at
            responder.update_preview(text)

        try:
            models, summary = await self._prepare(state, plan, responder, stop)
            if turn.question.is_compaction:
                return await end_compaction(state, summary, responder)
            asked = prompt(state.turn.question, summary)
            completion = await until_stopped(
                self._attempts.run(state, models, asked, on_delta), stop
            )
        except BillLimitError as error:
            return await end_over_bill(state, error.limit.name, responder)
        except UndeliverableError as error:
            return end_unreachable(state, error)
        except StoppedError as stopped:
            return await end_stopped(self._ledger, state, stopped.reason, responder)
        except ModelError as error:
            return await end_failed(state, error, responder)
        return await end_answered(self._ledger, state, completion, responder)

    async def _prepare(
        self, state: AttemptState, plan: AnswerPlan, responder: Responder, stop: StopSignal
    ) -> tuple[list[str], DialogSummary | None]:
        """Transcribe and summarise, if the turn needs it.

        Returns:
            The models to ask, and the new summary.
        """
        if plan.remarks:
            # Before the answer, so that it is said also if the bot is killed meanwhile.
            await responder.send_remarks(plan.remarks)
        if state.turn.question.recordings:
            words = await until_stopped(self._transcriptions.run(state, plan.models), stop)
            await responder.send_transcript(words)
        summary = None
        if state.turn.purpose == SUMMARY:
            following = None if state.turn.question.is_compaction else plan.models[0]
            summary = await until_stopped(self._summaries.run(state, following), stop)
        return plan.models if state.model in plan.models else [state.model], summary

    async def _finish(
        self,
        turn_id: UUID,
        update_ids: Sequence[int],
        outcome: TurnOutcome,
        *,
        sealer: Sealer | None = None,
    ) -> TurnResult:
        with span("ledger finish_turn", status=outcome.status.value, reason=outcome.reason):
            await retry_write(
                lambda: self._ledger.finish(turn_id, update_ids, outcome, sealer=sealer)
            )
        self._metrics.turns_finished.labels(outcome.status.value).inc()
        self._metrics.updates_settled.labels("turn").inc(len(update_ids))
        log.info("turn finished", status=outcome.status.value, reason=outcome.reason)
        return TurnResult(outcome, turn_id, tuple(update_ids))
