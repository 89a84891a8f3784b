"""Ends a turn: stores what the model said, delivers an answer or a notice, says how it ended.

The outcomes that the functions return are not in the ledger yet.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

from bot.db.retry import retry_write
from bot.llm.completion import CallReport, Completion, ModelError
from bot.turns.cancellation import BY_BUTTON, BY_COMMAND
from bot.turns.ledger import Ledger
from bot.turns.records import DialogSummary, InterruptedTurn, TurnOutcome
from bot.turns.responder import (
    Delivery,
    Notice,
    Refusal,
    Responder,
    UndeliverableError,
    failure_notice,
    notice_of,
)
from bot.turns.steps.attempts import AttemptState
from common.tracing import span
from common.vocabulary import TurnStatus

INTERRUPTED = "interrupted"


async def end_answered(
    ledger: Ledger, state: AttemptState, completion: Completion, responder: Responder
) -> TurnOutcome:
    """End with the model's answer."""
    await _record(ledger, state, completion, completion.outcome)
    return await _send_answer(
        TurnOutcome(
            TurnStatus.ANSWERED,
            reason=completion.shortfall or ("refusal" if completion.is_refusal else None),
            first_token_at=state.first_token_at,
            fallback_cause=state.fallback_cause,
            finish_reason=completion.report.finish_reason,
            generation_ms=state.answer.generation_ms,
        ),
        state.turn.id,
        completion.text,
        responder,
        notice_of(completion.outcome, completion.report.finish_reason, completion.text),
    )


async def end_failed(state: AttemptState, error: ModelError, responder: Responder) -> TurnOutcome:
    """End without an answer: no model gave one."""
    kind = error.kind.value
    outcome = replace(
        _outcome(state, TurnStatus.FAILED, kind, call_outcome=kind, report=error.report),
        fallback_cause=state.fallback_cause,
        finish_reason=error.report.finish_reason,
    )
    notice = failure_notice(error, state.turn.purpose)
    return await _send_notice(outcome, responder, notice, seconds=error.retry_after)


async def end_stopped(
    ledger: Ledger, state: AttemptState, reason: str, responder: Responder
) -> TurnOutcome:
    """End with the answer as far as it is known."""
    outcome = replace(
        _outcome(
            state,
            TurnStatus.CANCELLED,
            BY_COMMAND if reason == BY_BUTTON else reason,
            call_outcome="cancelled",
        ),
        first_token_at=state.first_token_at,
        fallback_cause=state.fallback_cause,
        generation_ms=state.answer.generation_ms,
    )
    if reason == "erased":
        return outcome
    # /stop sends its own confirmation; after a button and a shutdown a notice is due.
    notice = Notice.STOPPED if reason == BY_BUTTON else None
    if reason == "shutdown":
        outcome = replace(outcome, status=TurnStatus.FAILED, reason=INTERRUPTED)
        notice = Notice.INTERRUPTED
    if not state.text.strip():
        return await _send_notice(outcome, responder, notice) if notice else outcome
    report = state.answer.report()
    partial = Completion(state.text, replace(report, model_used=report.model_used or state.model))
    await _record(ledger, state, partial, "cancelled")
    if reason == "edited":
        return outcome
    return await _send_answer(outcome, state.turn.id, state.text, responder, notice)


async def end_compaction(
    state: AttemptState, summary: DialogSummary | None, responder: Responder
) -> TurnOutcome:
    """End a request for a summary of the dialog."""
    outcome = _outcome(
        state,
        TurnStatus.ANSWERED if summary else TurnStatus.FAILED,
        None if summary else "no_summary",
        call_outcome="incomplete",
    )
    outcome = replace(outcome, answer_chars=len(summary.text) if summary else 0)
    notice = Notice.SUMMARISED if summary else Notice.NOTHING_SUMMARISED
    return await _send_notice(outcome, responder, notice)


async def end_over_bill(state: AttemptState, limit_name: str, responder: Responder) -> TurnOutcome:
    """End a turn that the bill does not let go on after its transcription or summary."""
    outcome = _outcome(state, TurnStatus.FAILED, limit_name, call_outcome="answered")
    try:
        await responder.send_refusal(Refusal(limit_name))
    except UndeliverableError as error:
        return replace(outcome, reason=error.reason)
    return replace(outcome, answered_at=datetime.now(UTC))


def end_unreachable(state: AttemptState, error: UndeliverableError) -> TurnOutcome:
    """End a turn whose chat cannot be reached; the model was not asked."""
    return _outcome(
        state,
        TurnStatus.FAILED,
        error.reason,
        call_outcome="cancelled",
        report=CallReport(has_left=False),
    )


async def end_interrupted(left: InterruptedTurn, responder: Responder) -> TurnOutcome:
    """End a turn that a stopped process left: deliver its stored answer, or send a notice."""
    if left.answer is None:
        outcome = TurnOutcome(
            TurnStatus.FAILED,
            reason=INTERRUPTED,
            call_outcome=INTERRUPTED,
            fallback_cause=left.fallback_cause,
        )
        return await _send_notice(outcome, responder, Notice.INTERRUPTED)
    notice = notice_of(left.call_outcome, left.finish_reason, left.answer)
    outcome = TurnOutcome(
        TurnStatus.CANCELLED if notice is Notice.STOPPED else TurnStatus.ANSWERED,
        reason=_reason_of(left),
        first_token_at=left.first_token_at,
        fallback_cause=left.fallback_cause,
        finish_reason=left.finish_reason,
    )
    return await _send_answer(outcome, left.id, left.answer, responder, notice)


async def _record(
    ledger: Ledger, state: AttemptState, completion: Completion, outcome: str
) -> None:
    await retry_write(lambda: ledger.record_answer(state.turn, completion, outcome=outcome))


def _outcome(
    state: AttemptState,
    status: TurnStatus,
    reason: str | None,
    *,
    call_outcome: str,
    report: CallReport | None = None,
) -> TurnOutcome:
    """The outcome of a turn whose last attempt is still open."""
    return TurnOutcome(
        status,
        reason=reason,
        call_id=state.turn.call_id,
        call_model=state.turn.model,
        call_outcome=call_outcome,
        report=report or state.answer.report(),
    )


def _reason_of(left: InterruptedTurn) -> str | None:
    """The reason of a turn whose answer was stored but not delivered."""
    reasons = {"cancelled": "cancelled", "incomplete": "incomplete", "refused": "refusal"}
    own = reasons.get(left.call_outcome or "")
    return own or ("length" if left.finish_reason == "length" else None)


async def _send_answer(
    outcome: TurnOutcome, turn_id: UUID, text: str, responder: Responder, notice: Notice | None
) -> TurnOutcome:
    outcome = replace(outcome, answer_chars=len(text))
    return await _delivered(outcome, lambda: responder.send_answer(text, notice, turn_id=turn_id))


async def _send_notice(
    outcome: TurnOutcome, responder: Responder, notice: Notice, *, seconds: float | None = None
) -> TurnOutcome:
    return await _delivered(outcome, lambda: responder.send_notice(notice, seconds=seconds))


async def _delivered(outcome: TurnOutcome, send: Callable[[], Awaitable[Delivery]]) -> TurnOutcome:
    try:
        with span("deliver") as sending:
            delivery = await send()
            sending.set(
                parts=delivery.parts,
                flood_wait_ms=delivery.flood_wait_ms,
                pacing_wait_ms=delivery.pacing_wait_ms,
            )
    except UndeliverableError as error:
        return replace(outcome, status=TurnStatus.FAILED, reason=error.reason)
    return replace(
        outcome,
        answered_at=datetime.now(UTC),
        answer_parts=delivery.parts,
        flood_wait_ms=delivery.flood_wait_ms,
        pacing_wait_ms=delivery.pacing_wait_ms,
        message_hmacs=delivery.message_hmacs,
    )
