"""Texts for the model: from a visit to a turn, and a word about the budget afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import structlog

from bot.handlers.context import Visit
from bot.handlers.recent import RecentNotices
from bot.turns.cancellation import StopSignal
from bot.turns.limits import Budget, Limits
from bot.turns.prompt import speaker_name
from bot.turns.question import Words
from bot.turns.records import Question
from bot.turns.responder import UndeliverableError
from bot.turns.service import Finished, Turns
from bot.users.repository import People


class Talk:
    """Gives a visitor's text to the model."""

    def __init__(
        self, *, turns: Turns, limits: Limits, people: People, notices: RecentNotices
    ) -> None:
        self._turns = turns
        self._limits = limits
        self._people = people
        self._notices = notices

    async def answer(
        self,
        visit: Visit,
        messages: Sequence[Words],
        *,
        is_repeated: bool = False,
        replaces: UUID | None = None,
    ) -> Finished:
        """One turn, from the visit's updates; they are settled with it."""
        question = Question(
            user_key=visit.person.key,
            account_id=visit.sender.telegram_id,
            sealer=visit.person.sealer,
            room=visit.room,
            messages=tuple(messages),
            update_ids=visit.update_ids,
            received_at=visit.received_at,
            sent_at=visit.sent_at,
            language=visit.sender.language,
            is_repeated=is_repeated,
            first_name=speaker_name(visit.sender.first_name),
            replaces=replaces,
        )
        stop = StopSignal(user_key=visit.person.key, fingerprints=visit.fingerprints)
        visit.conversation.start_preview()
        try:
            with visit.cancellation.while_running(stop):
                finished = await self._turns.take(question, visit.conversation, stop)
        finally:
            await visit.conversation.stop_preview()
        visit.settled = True
        visit.update_ids = finished.update_ids
        if finished.turn_id is not None:
            self._notices.forget((visit.lane, visit.person.key))
        if finished.ending.reason == "blocked" and visit.place.is_private:
            await self._people.set_blocked(visit.person, at=datetime.now(UTC))
        elif not self._limits.is_admin(visit.sender.telegram_id):
            await self._warn(visit, finished)
        return finished

    async def _warn(self, visit: Visit, finished: Finished) -> None:
        if finished.turn_id is None or finished.ending.answered_at is None:
            return
        for budget in await self._limits.nearly_used(visit.person.key, finished.turn_id):
            try:
                await visit.conversation.say(_warning(budget, visit))
            except UndeliverableError:
                structlog.stdlib.get_logger(__name__).info("budget notice not delivered")
                return


def _warning(budget: Budget, visit: Visit) -> str:
    _ = visit.translate
    share = int(budget.used * 100 / budget.limit)
    match budget.name:
        case "daily_messages" | "daily_usd":
            return _("📊 You have used {share} % of your limit for today.", share=share)
        case _:
            return _("📊 You have used {share} % of your limit for this month.", share=share)
