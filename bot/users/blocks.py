"""Records that people block the bot, and that they come back."""

from __future__ import annotations

from datetime import UTC, datetime

from bot.db.statements import Statements
from bot.settings import CountingSettings
from bot.users.repository import User


class BlockRecorder:
    """Writes `users.blocked_at`, and an event where it changes: one per block, not per message.

    Of people who are not counted there is no event.
    """

    def __init__(self, bot_id: int, *, statements: Statements, counting: CountingSettings) -> None:
        self._bot_id = bot_id
        self._statements = statements
        self._counting = counting.model_dump()

    async def record_refusal(self, user: User, update_id: int) -> None:
        """Telegram refused a message because the user blocked the bot. Idempotent."""
        now = datetime.now(UTC)
        await self.record(user, update_id, blocked_at=now, occurred_at=now)

    async def record(
        self, user: User, update_id: int, *, blocked_at: datetime | None, occurred_at: datetime
    ) -> None:
        """Record when the user blocked the bot, or that they came back (None). Idempotent."""
        await self._statements.rows(
            "record_block",
            {
                "bot_id": self._bot_id,
                "user_key": user.key,
                "update_id": update_id,
                "kind": "unblocked" if blocked_at is None else "blocked",
                "blocked_at": blocked_at,
                "occurred_at": occurred_at,
                **self._counting,
            },
        )
