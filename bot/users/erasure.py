"""A person's data erased by destroying the key. Knows no Telegram.

The ledger keeps its counts under a number that leads to nobody any more.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db.sql import statement
from bot.db.tables import (
    Dialog,
    LlmCall,
    Message,
    Turn,
    Update,
    User,
)
from bot.telegram.updates import Sender
from bot.turns.limits import Limits
from bot.users.repository import People, Person
from common import bindings
from common.log import get_logger
from common.postgres import Sessions, transaction
from common.sealing import UnreadableError
from common.vocabulary import UpdateOutcome

log = get_logger(__name__)


@dataclass(frozen=True)
class Receipt:
    """What was erased, and when."""

    number: str
    at: datetime
    messages: int
    dialogs: int


class Erasure:
    """Erases people.

    Args:
        interrupt: stops every running turn of a person, in every replica.
    """

    def __init__(
        self,
        bot_id: int,
        *,
        sessions: Sessions,
        people: People,
        limits: Limits,
        interrupt: Callable[[int, str], None],
    ) -> None:
        self._bot_id = bot_id
        self._sessions = sessions
        self._people = people
        self._limits = limits
        self._interrupt = interrupt

    async def erase(self, person: Person, sender: Sender, update_ids: Sequence[int]) -> Receipt:
        """Erase everything of this person; the given updates are settled with it.

        What the person sent after these updates is kept for their new self.
        """
        self._interrupt(person.key, "erased")
        async with transaction(self._sessions) as session:
            # Whoever is about to store something for this person waits here, then starts anew.
            await session.execute(select(User.key).where(User.key == person.key).with_for_update())
            messages = await session.scalar(
                select(func.count()).where(Message.user_key == person.key)
            )
            dialogs = await session.scalar(
                select(func.count()).where(Dialog.user_key == person.key)
            )
            await self._carry_budget(session, person)
            later = await self._later_updates(session, person, max(update_ids))
            await session.execute(
                statement("settle_updates"),
                {
                    "bot_id": self._bot_id,
                    "update_ids": list(update_ids),
                    "outcome": UpdateOutcome.COMMAND.value,
                    "error": None,
                },
            )
            await self._drop_updates(session, person, keep=[row.update_id for row in later])
            # The key goes with the person; what it had sealed need not stay either.
            await session.execute(
                update(LlmCall)
                .where(
                    LlmCall.provider_message.is_not(None),
                    LlmCall.turn_id == Turn.id,
                    Turn.user_key == person.key,
                )
                .values(provider_message=None)
            )
            await session.execute(delete(User).where(User.key == person.key))
            if later:
                await self._hand_over(session, person, sender, later)
        self._people.forget(sender.telegram_id)
        receipt = Receipt(
            number=secrets.token_hex(8),
            at=datetime.now(UTC),
            messages=messages or 0,
            dialogs=dialogs or 0,
        )
        log.info("person erased", receipt=receipt.number, user_key=person.key)
        return receipt

    async def _carry_budget(self, session: AsyncSession, person: Person) -> None:
        day, month = self._limits.periods()
        spending = await self._limits.spending_in(session, person.key)
        await session.execute(
            statement("carry_budget"),
            {
                "user_key": person.key,
                "periods": ["day", "month"],
                "starts": [day, month],
                "messages": [spending.day_messages, spending.month_messages],
                "costs": [spending.day_usd, spending.month_usd],
            },
        )

    async def _later_updates(
        self, session: AsyncSession, person: Person, update_id: int
    ) -> list[Update]:
        rows = await session.scalars(
            select(Update)
            .where(
                Update.bot_id == self._bot_id,
                Update.user_key == person.key,
                Update.outcome.is_(None),
                Update.turn_id.is_(None),
                Update.update_id > update_id,
            )
            .with_for_update()
        )
        return list(rows)

    async def _drop_updates(
        self, session: AsyncSession, person: Person, *, keep: Sequence[int]
    ) -> None:
        """What waited before the wish to be forgotten is not answered any more."""
        await session.execute(
            update(Update)
            .where(
                Update.bot_id == self._bot_id,
                Update.user_key == person.key,
                Update.outcome.is_(None),
                Update.turn_id.is_(None),
                Update.update_id.not_in(keep),
            )
            .values(
                outcome=UpdateOutcome.IGNORED.value,
                error="erased",
                payload=None,
                settled_at=func.now(),
            )
        )
        # A parked update has its outcome, but kept its payload. A lane is made from the id of a
        # chat: left here, it would lead from the ledger to whoever writes from that chat again.
        await session.execute(
            update(Update)
            .where(Update.user_key == person.key, Update.outcome.is_not(None))
            .values(payload=None, lane=b"", user_key=None)
        )

    async def _hand_over(
        self, session: AsyncSession, person: Person, sender: Sender, later: list[Update]
    ) -> None:
        new = await self._people.create_again(session, sender)
        for row in later:
            row.user_key = new.key
            if row.payload is None:
                continue
            binding = bindings.payload(row.bot_id, row.update_id)
            try:
                row.payload = new.sealer.seal(person.sealer.open(row.payload, binding), binding)
            except UnreadableError:
                # What nobody can read must not keep a person from being erased.
                row.payload, row.outcome = None, UpdateOutcome.PARKED
                row.error, row.settled_at = UnreadableError.__name__, func.now()
