"""Summarises the part of a private dialog that no longer fits: one attempt, not repeated."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from cachetools import TTLCache

from bot.db.retry import retry_write
from bot.llm.client import ModelClient
from bot.llm.completion import CallReport, ModelError
from bot.llm.thinking import split_thinking
from bot.settings import ModelSettings
from bot.turns.bill import Bill
from bot.turns.history import DialogHistory
from bot.turns.ledger import Ledger
from bot.turns.prompt import models_to_try
from bot.turns.records import (
    DialogContext,
    DialogSummary,
    HistoryMessage,
    Question,
    SummaryTask,
)
from bot.turns.responder import Refusal
from bot.turns.steps.attempts import AttemptState, EndedAttempt, NextAttempt
from bot.turns.steps.opening import TurnRefusedError
from bot.turns.summaries.prompt import prompt_length, summary_messages
from common.log import get_logger
from common.vocabulary import Role

MAX_MESSAGES = 400
"""Older ones are forgotten without a summary: those of a dialog before summaries existed."""
MIN_KEPT_MESSAGES = 2
"""The last question and its answer, which may be withdrawn by an edit or /redo."""
MIN_HISTORY_MESSAGES = 6
"""With a shorter history every turn would need a summary."""
KEPT_SHARE = 0.5
"""The rest of the history's limits is room for the next messages, until the next summary."""
CHARACTERS_PER_TOKEN = 8
PAUSE_SECONDS = 600.0
"""After a failed summary of a dialog."""
MAX_REMEMBERED_DIALOGS = 5_000

log = get_logger(__name__)


class SummaryWriter:
    """Plans and writes summaries.

    Args:
        max_history_messages: of the settings.
        max_history_characters: of the settings.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        bill: Bill,
        history: DialogHistory,
        model: ModelClient,
        settings: ModelSettings,
        max_history_messages: int,
        max_history_characters: int,
    ) -> None:
        self._ledger = ledger
        self._next = NextAttempt(ledger=ledger, bill=bill)
        self._history = history
        self._model = model
        self._settings = settings
        self._max_messages = max_history_messages
        self._max_characters = max_history_characters
        self._failed: TTLCache[UUID, None] = TTLCache(MAX_REMEMBERED_DIALOGS, PAUSE_SECONDS)

    async def plan(self, question: Question, context: DialogContext) -> SummaryTask | None:
        """Messages to summarise before this question is answered, or for /compact.

        Raises:
            TurnRefusedError: nothing is left to summarise for /compact.
        """
        is_due = question.is_compaction or (context.is_overfull and self._may_begin(context))
        if not self._settings.llm_summary_tokens or not question.chat_ref.is_private or not is_due:
            return None
        if context.dialog_id is None:
            return None
        found = await self._history.load_unsummarised(
            context.dialog_id, question.chat_ref, limit=MAX_MESSAGES
        )
        kept = MIN_KEPT_MESSAGES if question.is_compaction else self._kept(found, context)
        messages = self._newest_that_fit(found[: len(found) - kept])
        if not messages:
            if question.is_compaction:
                raise TurnRefusedError(Refusal("cancelled"))
            return None
        [model, *_others] = models_to_try(context, self._settings)
        return SummaryTask(
            model=self._settings.llm_summary_model or model,
            messages=messages,
            before=context.summary,
            characters=prompt_length(messages, context.summary),
        )

    async def run(self, state: AttemptState, model: str | None) -> DialogSummary | None:
        """Do the turn's task, whose attempt is open; None: it failed.

        Then an attempt of `model` is open, if it is not None. `state` is updated on the way.

        Raises:
            ModelError: it failed, and there is no `model` to go on with.
            BillLimitError: a limit of the bill is used up; no attempt was opened.
        """
        turn, task = state.turn, state.turn.summary_task
        if task is None:
            raise ValueError("the turn has no summary to write")
        summary = None
        try:
            text, outcome, report = await self._ask(state, task)
            if text:
                summary = task.summary(text)
                await retry_write(lambda: self._ledger.record_summary(turn, summary, report))
        except ModelError as error:
            if model is None:
                raise
            outcome, report = error.kind.value, error.report
        if summary is None:
            self._failed[turn.dialog_id] = None
            log.warning("summary failed", model=turn.model, cause=outcome)
        if model is not None:
            await self._next.open_answer(state, model, EndedAttempt(outcome, report))
        return summary

    async def _ask(self, state: AttemptState, task: SummaryTask) -> tuple[str, str, CallReport]:
        """Text, outcome and facts; the text is empty if it is of no use."""
        most = self._settings.llm_summary_tokens
        state.answer = self._model.new_answer()
        completion = await self._model.complete(
            state.turn.model,
            summary_messages(task.messages, task.before, max_tokens=most),
            state.answer,
            seconds=self._settings.llm_timeout_seconds,
            on_text=lambda _text: None,
            answer_tokens=most,
        )
        is_useless = completion.outcome != "answered" or completion.is_thinking
        text = "" if is_useless else split_thinking(completion.text).answer.strip()
        return text[: most * CHARACTERS_PER_TOKEN], completion.outcome, completion.report

    def _may_begin(self, context: DialogContext) -> bool:
        limit = self._limit(context)
        has_failed = context.dialog_id in self._failed
        return limit >= MIN_HISTORY_MESSAGES and self._max_characters > 0 and not has_failed

    def _limit(self, context: DialogContext) -> int:
        own = context.max_history_messages
        return self._max_messages if own is None else min(own, self._max_messages)

    def _kept(self, messages: Sequence[HistoryMessage], context: DialogContext) -> int:
        """How many of the newest messages stay as they are."""
        most = int(self._limit(context) * KEPT_SHARE)
        room = int(self._max_characters * KEPT_SHARE)
        kept = _fitting(messages, room)
        kept = min(max(min(kept, most), MIN_KEPT_MESSAGES), len(messages))
        # Begin with a question: an answer without its question would be left out of the prompt.
        while kept > MIN_KEPT_MESSAGES and messages[-kept].role is Role.ASSISTANT:
            kept -= 1
        return kept

    def _newest_that_fit(self, messages: Sequence[HistoryMessage]) -> tuple[HistoryMessage, ...]:
        """One request summarises no more than the history may be long, but always one message."""
        fitting = max(_fitting(messages, self._max_characters), 1)
        return tuple(messages[max(len(messages) - fitting, 0) :])


def _fitting(messages: Sequence[HistoryMessage], characters: int) -> int:
    """How many of the newest messages have at most so many characters together."""
    count = 0
    for message in reversed(messages):
        characters -= len(message.text)
        if characters < 0:
            break
        count += 1
    return count
