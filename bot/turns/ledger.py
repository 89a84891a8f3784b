"""Writes turns, attempts and their messages to the ledger.

A turn is opened with its first attempt, before the request is sent, and finished once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4, uuid5

import asyncpg
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db.sql import statement
from bot.db.statements import Statements
from bot.llm.completion import CallReport, Completion
from bot.llm.prices import ModelPrices
from bot.settings import CountingSettings
from bot.turns.attempt_parameters import AttemptParameters, sealed_words
from bot.turns.bill import Bill
from bot.turns.prompt import prompt_characters
from bot.turns.records import (
    SUMMARY,
    TRANSCRIPTION,
    DialogContext,
    DialogSummary,
    InterruptedTurn,
    OpenTurn,
    Question,
    TurnOutcome,
    UpdateConflictError,
)
from common.encryption import bindings
from common.encryption.sealing import Sealer
from common.tracing import span
from common.vocabulary import Role, TurnStatus


class Ledger:
    """Turns, attempts and messages of one bot."""

    def __init__(
        self,
        bot_id: int,
        *,
        statements: Statements,
        prices: ModelPrices,
        bill: Bill,
        counting: CountingSettings,
        keeps_pictures: bool = False,
    ) -> None:
        self._bot_id = bot_id
        self._keeps_pictures = keeps_pictures
        self._statements = statements
        self._parameters = AttemptParameters(prices=prices, bill=bill)
        self._bill = bill
        self._counting = counting.model_dump()

    async def open(
        self,
        question: Question,
        context: DialogContext,
        *,
        model: str,
        transcription_model: str | None = None,
        session: AsyncSession | None = None,
    ) -> OpenTurn:
        """Write the turn, its text and its first attempt.

        With a `transcription_model` that attempt transcribes the first recording, otherwise it does
        the context's `summary_task`, if any.

        With a session, in the caller's transaction; without one, committed on return.

        Raises:
            UpdateConflictError: the updates are in another turn, or the user was erased or banned.
            BillLimitError: a limit of the bill is used up.
            MissingTotalError: see Bill.decide.
        """
        task = context.summary_task
        first, purpose = (task.model, SUMMARY) if task else (model, "answer")
        if transcription_model:
            first, purpose = transcription_model, TRANSCRIPTION
        turn = OpenTurn(
            id=uuid4(),
            dialog_id=context.dialog_id or uuid4(),
            call_id=uuid4(),
            question=question,
            model=first,
            prompt_characters=prompt_characters(question, context),
            purpose=purpose,
            summary_task=task,
        )
        message_id = uuid4()
        is_stored = not question.is_repeated and not question.is_compaction
        # Without retention they are in memory only, until the question is answered.
        pictures = question.pictures if self._keeps_pictures else ()
        earlier = sum(
            len(one.pictures)
            for one in context.history
            if question.replaces and one.turn_id == question.replaces
        )
        terms = self._parameters.opening(turn)
        rows = await self._take(
            "open_turn",
            question,
            {
                **terms,
                "turn_id": turn.id,
                "dialog_id": turn.dialog_id,
                "is_new_dialog": context.dialog_id is None,
                "call_id": turn.call_id,
                "message_id": message_id,
                "model_asked": model,
                **sealed_words(question if is_stored else None, message_id, turn.dialog_id),
                "content_length": len(question.text),
                "pictures": len(pictures) + earlier,
                "picture_ids": [one.id for one in pictures],
                "picture_contents": [
                    question.sealer.seal(one.jpeg, bindings.picture(one.id)) for one in pictures
                ],
                "replaces": question.replaces,
                "is_admin": question.is_admin,
            },
            session,
        )
        self._bill.check(rows, reserve=terms["reserve_usd"])
        _refuse_conflict(rows, question)
        return replace(turn, message_id=message_id if is_stored else None)

    async def reject(
        self, question: Question, context: DialogContext, *, reason: str, session: AsyncSession
    ) -> None:
        """Write a rejected turn, finished and without its text, in the caller's transaction.

        Raises:
            UpdateConflictError: the updates are in another turn.
        """
        rows = await self._take(
            "reject_turn",
            question,
            {
                "turn_id": uuid4(),
                "dialog_id": context.dialog_id or uuid4(),
                "is_new_dialog": context.dialog_id is None,
                "reason": reason,
            },
            session,
        )
        _refuse_conflict(rows, question)

    async def next_attempt(
        self,
        turn: OpenTurn,
        *,
        outcome: str,
        report: CallReport,
        model: str,
        transcribed: Question | None = None,
        purpose: str = "answer",
    ) -> OpenTurn:
        """Close the open attempt and open the next one.

        `transcribed`: the question with the words of a recording, which are stored.

        Raises:
            UpdateConflictError: another process finished the turn.
            BillLimitError: a limit of the bill is used up; the open attempt is still open.
            MissingTotalError: see Bill.decide.
        """
        following = replace(
            turn, call_id=uuid4(), attempt=turn.attempt + 1, model=model, purpose=purpose,
            question=transcribed or turn.question,
        )  # fmt: skip
        terms = self._parameters.opening(following)
        opened = await self._statements.rows(
            "next_call",
            {
                **terms,
                **sealed_words(transcribed, following.message_id, following.dialog_id),
                "message_id": following.message_id if transcribed else None,
                "content_length": len(transcribed.text) if transcribed else 0,
                **self._parameters.closing(turn, outcome, report),
                "next_call_id": following.call_id,
                "attempt": following.attempt,
            },
        )
        self._bill.check(opened, reserve=terms["reserve_usd"])
        if not opened:
            raise UpdateConflictError("the turn was finished by another process")
        return following

    async def record_answer(self, turn: OpenTurn, completion: Completion, *, outcome: str) -> None:
        """Store the answer before it is delivered. Idempotent."""
        question = turn.question
        message_id = uuid5(turn.id, Role.ASSISTANT)
        await self._statements.write(
            "record_answer",
            {
                **self._parameters.closing(turn, outcome, completion.report),
                "dialog_id": turn.dialog_id,
                "user_key": question.user_key,
                "message_id": message_id,
                "content": question.sealer.seal_text(
                    completion.text, bindings.text(message_id, turn.dialog_id)
                ),
                "content_length": len(completion.text),
            },
        )

    async def record_summary(
        self, turn: OpenTurn, summary: DialogSummary, report: CallReport
    ) -> None:
        """Close the attempt that summarised, and store the summary. Idempotent."""
        sealer = turn.question.sealer
        await self._statements.write(
            "record_summary",
            {
                **self._parameters.closing(turn, "answered", report),
                "dialog_id": turn.dialog_id,
                "user_key": turn.question.user_key,
                "first_message_id": summary.first_message_id,
                "covers_until": summary.covers_until,
                "messages": summary.messages,
                "content": sealer.seal_text(summary.text, bindings.summary(turn.dialog_id)),
            },
        )

    async def finish(
        self,
        turn_id: UUID,
        update_ids: Sequence[int],
        outcome: TurnOutcome,
        *,
        sealer: Sealer | None = None,
    ) -> None:
        """Finish the turn and settle its updates. Idempotent.

        `sealer` is the user's; without it the provider's message is not kept.
        """
        await self._statements.write(
            "finish_turn",
            {
                "bot_id": self._bot_id,
                **self._parameters.closing_by_id(
                    turn_id,
                    outcome.call_id,
                    model=outcome.call_model,
                    outcome=outcome.call_outcome,
                    report=outcome.report or CallReport(),
                    sealer=sealer,
                ),
                "update_ids": list(update_ids),
                "status": outcome.status.value,
                "reason": outcome.reason,
                "turn_first_token_at": outcome.first_token_at,
                "answered_at": outcome.answered_at,
                "fallback_cause": outcome.fallback_cause,
                "turn_finish_reason": outcome.finish_reason,
                "answer_chars": outcome.answer_chars,
                "answer_parts": outcome.answer_parts,
                "flood_wait_ms": outcome.flood_wait_ms,
                "pacing_wait_ms": outcome.pacing_wait_ms,
                "generation_ms": outcome.generation_ms,
                "message_hmacs": list(outcome.message_hmacs),
            },
        )

    async def thinking_models(self) -> list[str]:
        """Models that were seen thinking recently."""
        return [row["model"] for row in await self._statements.rows("thinking_models", {})]

    async def interrupted(self, turn_id: UUID, sealer: Sealer) -> InterruptedTurn | None:
        """The turn that a stopped process left behind."""
        rows = await self._statements.rows(
            "interrupted_turn", {"bot_id": self._bot_id, "turn_id": turn_id}
        )
        if not rows:
            return None
        row = rows[0]
        answer = None
        if row["content"]:
            binding = bindings.text(row["message_id"], row["dialog_id"])
            # An answer that cannot be opened counts as missing: the turn ends as interrupted.
            answer = sealer.open_text_or_none(row["content"], binding)
        return InterruptedTurn(
            id=row["id"],
            is_pending=row["status"] == TurnStatus.PENDING,
            update_ids=tuple(sorted(row["update_ids"])),
            answer=answer,
            call_outcome=row["call_outcome"],
            first_token_at=row["first_token_at"],
            finish_reason=row["finish_reason"],
            fallback_cause=row["fallback_cause"],
            is_text_only=row["is_text_only"],
        )

    async def _take(
        self, name: str, question: Question, values: dict[str, Any], session: AsyncSession | None
    ) -> Sequence[Mapping[str, Any]]:
        chat_ref = question.chat_ref
        parameters = {
            "bot_id": self._bot_id,
            "chat_hmac": chat_ref.chat_hmac,
            "thread_id": chat_ref.thread_id,
            "chat_type": chat_ref.chat_type.value,
            "dialog_owner": question.user_key if chat_ref.is_private else None,
            "user_key": question.user_key,
            "language": question.language,
            "user_messages": question.user_messages,
            "received_at": question.received_at,
            "sent_at": question.sent_at,
            "user_chars": len(question.text) if question.user_messages else 0,
            "update_ids": list(question.update_ids),
            "command": question.command,
            **self._counting,
            **values,
        }
        try:
            with span(f"ledger {name}", turn_id=str(values["turn_id"])):
                if session is None:
                    return await self._statements.write(name, parameters)
                rows = await session.execute(statement(name), parameters)
                return [dict(row) for row in rows.mappings()]
        except (IntegrityError, asyncpg.IntegrityConstraintViolationError) as error:
            raise UpdateConflictError("the user or the dialog was erased") from error


def _refuse_conflict(rows: Sequence[Mapping[str, Any]], question: Question) -> None:
    if len(rows) != len(question.update_ids):
        raise UpdateConflictError("the updates are in another turn")
