"""Runs a turn for the messages of an update context, and warns about a nearly used budget."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import structlog

from bot.handlers.context import UpdateContext
from bot.handlers.recent import RecentNotices
from bot.turns.cancellation import StopSignal
from bot.turns.policy import Budget, TurnPolicy
from bot.turns.prompt import speaker_name
from bot.turns.question import QuestionMessage
from bot.turns.records import Question
from bot.turns.responder import UndeliverableError
from bot.turns.service import TurnResult, TurnService
from bot.users.blocks import BlockRecorder


class AnswerText:
    """Answers a user's messages with the model."""

    def __init__(
        self,
        *,
        turns: TurnService,
        policy: TurnPolicy,
        blocks: BlockRecorder,
        notices: RecentNotices,
    ) -> None:
        self._turns = turns
        self._policy = policy
        self._blocks = blocks
        self._notices = notices

    async def __call__(
        self,
        context: UpdateContext,
        messages: Sequence[QuestionMessage],
        *,
        is_repeated: bool = False,
        replaces: UUID | None = None,
        is_compaction: bool = False,
    ) -> TurnResult:
        """Run one turn for these messages and settle the context's updates."""
        is_admin = self._policy.is_admin(context.telegram_user.telegram_id)
        question = Question(
            user_key=context.user.key,
            account_id=context.telegram_user.telegram_id,
            sealer=context.user.sealer,
            chat_ref=context.chat_ref,
            messages=tuple(messages),
            update_ids=context.update_ids,
            received_at=context.received_at,
            sent_at=context.sent_at,
            language=context.telegram_user.language,
            is_repeated=is_repeated,
            first_name=speaker_name(context.telegram_user.first_name),
            replaces=replaces,
            is_admin=is_admin,
            is_compaction=is_compaction,
            command=context.command.name if context.command else None,
        )
        stop = StopSignal(user_key=context.user.key, fingerprints=context.fingerprints)
        context.responder.start_preview()
        try:
            with context.cancellation.while_running(stop):
                result = await self._turns.answer(question, context.responder, stop)
        finally:
            await context.responder.stop_preview()
        context.settled = True
        context.update_ids = result.update_ids
        if result.turn_id is not None:
            self._notices.forget((context.chat_key, context.user.key))
        if result.outcome.reason == "blocked" and context.chat.is_private:
            await self._blocks.record_refusal(context.user, context.update_ids[0])
        else:
            await self._warn(context, result, is_admin=is_admin)
        return result

    async def _warn(self, context: UpdateContext, result: TurnResult, *, is_admin: bool) -> None:
        if result.turn_id is None or result.outcome.answered_at is None:
            return
        limits = self._policy.limits(result.rules, is_admin=is_admin)
        for budget in await self._policy.nearly_used(context.user.key, result.turn_id, limits):
            try:
                await context.responder.send(_warning(budget, context))
            except UndeliverableError:
                structlog.stdlib.get_logger(__name__).info("budget notice could not be delivered")
                return


def _warning(budget: Budget, context: UpdateContext) -> str:
    _ = context.translate
    share = int(budget.used * 100 / budget.limit)
    match budget.name:
        case "daily_messages" | "daily_usd":
            return _("📊 You have used {share} % of your limit for today.", share=share)
        case _:
            return _("📊 You have used {share} % of your limit for this month.", share=share)
