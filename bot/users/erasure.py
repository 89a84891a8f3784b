"""Erases a user's data by destroying their key.

The ledger keeps its counts under a number that can no longer be linked to anyone. A trigger
leaves a tombstone, with which `pipelines/replication/batch.py` erases the copy in ClickHouse.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db.events import command_parameters
from bot.db.sql import statement
from bot.db.tables import (
    Dialog,
    LlmCall,
    MessageRow,
    Turn,
    UpdateRow,
    UserRow,
)
from bot.telegram.updates import TelegramUser
from bot.turns.policy import TurnPolicy
from bot.users.repository import User, UserRepository
from common.encryption import bindings
from common.encryption.sealing import UnreadableError
from common.log import get_logger
from common.postgres import Sessions, transaction
from common.vocabulary import UpdateOutcome

log = get_logger(__name__)


@dataclass(frozen=True)
class ErasureReceipt:
    """Counts of the erased data, and the time of the erasure."""

    number: str
    at: datetime
    messages: int
    dialogs: int


class Erasure:
    """Erases users.

    Args:
        interrupt: stops every running turn of a user, in every replica.
    """

    def __init__(
        self,
        bot_id: int,
        *,
        sessions: Sessions,
        users: UserRepository,
        policy: TurnPolicy,
        interrupt: Callable[[int, str], None],
    ) -> None:
        self._bot_id = bot_id
        self._sessions = sessions
        self._users = users
        self._policy = policy
        self._interrupt = interrupt

    async def erase(
        self, user: User, telegram_user: TelegramUser, update_ids: Sequence[int]
    ) -> ErasureReceipt:
        """Erase this user's data and settle the given updates.

        Updates sent after these are handed over to a new user with the same account.
        """
        self._interrupt(user.key, "erased")
        async with transaction(self._sessions) as session:
            # Processes about to store something for this user wait here, then find them erased.
            await session.execute(
                select(UserRow.key).where(UserRow.key == user.key).with_for_update()
            )
            messages = await session.scalar(
                select(func.count()).where(MessageRow.user_key == user.key)
            )
            dialogs = await session.scalar(select(func.count()).where(Dialog.user_key == user.key))
            await self._carry_budget(session, user)
            later = await self._later_updates(session, user, max(update_ids))
            await session.execute(
                statement("settle_updates"),
                {
                    "bot_id": self._bot_id,
                    "update_ids": list(update_ids),
                    "outcome": UpdateOutcome.COMMAND.value,
                    "error": None,
                    **command_parameters(),
                },
            )
            await self._drop_updates(session, user, keep=[row.update_id for row in later])
            # Unreadable without the user's key, and therefore deleted.
            await session.execute(
                update(LlmCall)
                .where(
                    LlmCall.provider_message.is_not(None),
                    LlmCall.turn_id == Turn.id,
                    Turn.user_key == user.key,
                )
                .values(provider_message=None)
            )
            await session.execute(delete(UserRow).where(UserRow.key == user.key))
            if later:
                await self._hand_over(session, user, telegram_user, later)
        self._users.forget(telegram_user.telegram_id)
        receipt = ErasureReceipt(
            number=secrets.token_hex(8),
            at=datetime.now(UTC),
            messages=messages or 0,
            dialogs=dialogs or 0,
        )
        log.info("user erased", receipt=receipt.number, user_key=user.key)
        return receipt

    async def _carry_budget(self, session: AsyncSession, user: User) -> None:
        day, month = self._policy.periods()
        spending = await self._policy.spending_in(session, user.key)
        await session.execute(
            statement("carry_budget"),
            {
                "user_key": user.key,
                "periods": ["day", "month"],
                "starts": [day, month],
                "messages": [spending.day_messages, spending.month_messages],
                "costs": [spending.day_usd, spending.month_usd],
            },
        )

    async def _later_updates(
        self, session: AsyncSession, user: User, update_id: int
    ) -> list[UpdateRow]:
        rows = await session.scalars(
            select(UpdateRow)
            .where(
                UpdateRow.bot_id == self._bot_id,
                UpdateRow.user_key == user.key,
                UpdateRow.outcome.is_(None),
                UpdateRow.turn_id.is_(None),
                UpdateRow.update_id > update_id,
            )
            .with_for_update()
        )
        return list(rows)

    async def _drop_updates(
        self, session: AsyncSession, user: User, *, keep: Sequence[int]
    ) -> None:
        """Settle the updates that were waiting before the erasure, unanswered."""
        await session.execute(
            update(UpdateRow)
            .where(
                UpdateRow.bot_id == self._bot_id,
                UpdateRow.user_key == user.key,
                UpdateRow.outcome.is_(None),
                UpdateRow.turn_id.is_(None),
                UpdateRow.update_id.not_in(keep),
            )
            .values(
                outcome=UpdateOutcome.IGNORED.value,
                error="erased",
                payload=None,
                settled_at=func.now(),
            )
        )
        # Parked updates kept their payload. The lane is derived from the chat id: it would link
        # the ledger to the account if it writes again.
        await session.execute(
            update(UpdateRow)
            .where(UpdateRow.user_key == user.key, UpdateRow.outcome.is_not(None))
            .values(payload=None, lane=b"", user_key=None)
        )

    async def _hand_over(
        self, session: AsyncSession, user: User, telegram_user: TelegramUser, later: list[UpdateRow]
    ) -> None:
        new = await self._users.create_again(session, telegram_user)
        for row in later:
            row.user_key = new.key
            if row.payload is None:
                continue
            binding = bindings.payload(row.bot_id, row.update_id)
            try:
                row.payload = new.sealer.seal(user.sealer.open(row.payload, binding), binding)
            except UnreadableError:
                # An unreadable update must not prevent the erasure.
                row.payload, row.outcome = None, UpdateOutcome.PARKED
                row.error, row.settled_at = UnreadableError.__name__, func.now()
