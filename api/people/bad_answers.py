"""Reads the answers that people rated as bad, with the questions."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select, tuple_

from api.errors import NotFoundError
from api.people.bot_database import BotTables
from api.people.dialog_texts import DialogTexts
from api.people.schemas import BadAnswerView
from bot.db.tables import FeedbackRow, MessageRow, Turn
from common.vocabulary import Role


class BadAnswers:
    """Lists verdicts, newest first."""

    def __init__(self, tables: BotTables, texts: DialogTexts) -> None:
        self._tables = tables
        self._texts = texts

    async def page(self, *, after: UUID | None, limit: int) -> tuple[list[BadAnswerView], bool]:
        """A page, and whether there are more.

        Raises:
            NotFoundError: `after` is no verdict any more.
        """
        order = tuple_(FeedbackRow.given_at, FeedbackRow.id)
        statement = (
            select(FeedbackRow, Turn.user_key, Turn.model_used)
            .join(Turn, Turn.id == FeedbackRow.turn_id)
            .where(FeedbackRow.verdict < 0)
            .order_by(FeedbackRow.given_at.desc(), FeedbackRow.id.desc())
            .limit(limit + 1)
        )
        async with self._tables.read_only() as session:
            if after is not None:
                place = select(FeedbackRow.given_at, FeedbackRow.id).where(FeedbackRow.id == after)
                last = (await self._tables.run(session, "rating", place)).one_or_none()
                if last is None:
                    raise NotFoundError("Rating not found. It may have been changed.")
                statement = statement.where(order < (last.given_at, last.id))
            rows = (await self._tables.run(session, "bad_answers", statement)).all()
            shown = rows[:limit]
            of_turns = self._texts.messages().where(
                MessageRow.turn_id.in_([row.FeedbackRow.turn_id for row in shown])
            )
            found = (await self._tables.run(session, "bad_answer_texts", of_turns)).all()
        opened = self._texts.opened(found)
        texts = {(each.turn_id, each.role): each for each in opened}
        withheld = {each.turn_id for each in opened if each.is_withheld}

        def text(turn_id: UUID, role: Role) -> str | None:
            found = texts.get((turn_id, role.value))
            return found.text if found else None

        answers = [
            BadAnswerView(
                id=rating.id,
                turn_id=rating.turn_id,
                dialog_id=rating.dialog_id,
                user_key=user_key,
                rated_by=rating.user_key,
                given_by=rating.given_by,
                given_at=rating.given_at,
                model=model,
                question=text(rating.turn_id, Role.USER),
                answer=text(rating.turn_id, Role.ASSISTANT),
                is_withheld=rating.turn_id in withheld,
            )
            for rating, user_key, model in shown
        ]
        return answers, len(rows) > limit
