"""Parameters of the statements that open and close attempts."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any
from uuid import UUID

from bot.llm.completion import CallReport
from bot.llm.prices import ModelPrices
from bot.turns.bill import Bill
from bot.turns.question import dump_messages
from bot.turns.records import SUMMARY, TRANSCRIPTION, OpenTurn, Question
from common.encryption import bindings
from common.encryption.sealing import Sealer


class AttemptParameters:
    """The facts about an attempt that the ledger writes when it is opened and when it is closed."""

    def __init__(self, *, prices: ModelPrices, bill: Bill) -> None:
        self._prices = prices
        self._bill = bill

    def opening(self, turn: OpenTurn) -> dict[str, Any]:
        """The parameters of the attempt that is to be opened."""
        seconds = None
        if turn.purpose == TRANSCRIPTION:
            seconds = turn.question.recordings[0].seconds
            reserve = self._prices.speech_cost(seconds)
        else:
            task = turn.summary_task if turn.purpose == SUMMARY else None
            characters = task.characters if task else turn.prompt_characters
            reserve = self._prices.reserve(turn.model, characters=characters)
        return {
            **self._bill.terms(turn.model, reserve=reserve),
            "model": turn.model,
            "purpose": turn.purpose,
            "opened_seconds": seconds,
        }

    def closing(self, turn: OpenTurn, outcome: str, report: CallReport) -> dict[str, Any]:
        """The parameters of `close_call` for the turn's open attempt."""
        return self.closing_by_id(
            turn.id,
            turn.call_id,
            model=turn.model,
            outcome=outcome,
            report=report,
            sealer=turn.question.sealer,
        )

    def closing_by_id(
        self,
        turn_id: UUID,
        call_id: UUID | None,
        *,
        model: str | None,
        outcome: str | None,
        report: CallReport,
        sealer: Sealer | None,
    ) -> dict[str, Any]:
        """The same for a turn of which only this is known; without `call_id` no attempt is closed.

        The provider's message is kept only with its user's `sealer`.
        """
        usage, message, sealed = report.usage, report.provider_message, None
        if message and sealer and call_id:
            sealed = sealer.seal_text(message, bindings.provider_message(call_id, turn_id))
        return {
            "turn_id": turn_id,
            "call_id": call_id,
            "outcome": outcome,
            "model_used": report.model_used,
            "first_token_at": report.first_token_at,
            "finish_reason": report.finish_reason,
            **asdict(usage),
            "estimated_usd": self._prices.estimated_cost(usage, report.model_used, model),
            "is_unpriced": report.is_unpriced,
            "http_status": report.http_status,
            "provider_code": report.provider_code,
            "generation_id": report.generation_id,
            "provider_message": sealed,
        }


def sealed_words(
    question: Question | None, message_id: UUID | None, dialog_id: UUID
) -> dict[str, bytes | None]:
    """The text of a question and its parts, for the message that stores them, if any."""
    if question is None or message_id is None:
        return {"content": None, "sealed_parts": None}
    seal, parts = question.sealer.seal_text, dump_messages(question.messages)
    return {
        "content": seal(question.text, bindings.text(message_id, dialog_id)),
        "sealed_parts": seal(parts, bindings.parts(message_id, dialog_id)),
    }
