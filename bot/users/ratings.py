"""Records what people think of answers."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from bot.buttons import AnswerVerdict
from bot.db.statements import Statements
from bot.settings import CountingSettings
from bot.turns.records import ChatRef
from bot.users.repository import User

BUTTON, REACTION = "button", "reaction"


class Ratings:
    """Writes `feedback`: one verdict per person and turn, the last one."""

    def __init__(self, bot_id: int, *, statements: Statements, counting: CountingSettings) -> None:
        self._bot_id = bot_id
        self._counting = counting.model_dump()
        self._statements = statements

    async def rate(
        self,
        user: User,
        chat_ref: ChatRef,
        verdict: AnswerVerdict,
        *,
        given_at: datetime,
        turn_id: UUID | None = None,
        message_hmac: bytes | None = None,
    ) -> bool:
        """Record a verdict on the answer of a turn, or on that of a message. Idempotent.

        Returns:
            False: this chat has no such answer.
        """
        rows = await self._statements.rows(
            "rate_answer",
            {
                "bot_id": self._bot_id,
                "chat_hmac": chat_ref.chat_hmac,
                "user_key": user.key,
                "turn_id": turn_id,
                "message_hmac": message_hmac,
                "verdict": verdict.value,
                "given_by": REACTION if turn_id is None else BUTTON,
                "given_at": given_at,
                **self._counting,
            },
        )
        return bool(rows)
