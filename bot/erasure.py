"""A person's data: handed out whole, or erased by destroying the key. Knows no Telegram.

The ledger keeps its counts under a number that leads to nobody any more.
"""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.limits import Limits
from bot.people import People, Person, Sender
from bot.sql import statement
from bot.tables import Dialog, LlmCall, Message, Turn, Update, User, UserSettings
from common.log import get_logger
from common.postgres import Base, Sessions, transaction
from common.sealing import UnreadableError
from common.vocabulary import UpdateOutcome

log = get_logger(__name__)

OWN_COLUMNS = frozenset({"id", "version", "bot_id", "user_key", "dialog_id", "turn_id"})
"""How the ledger's rows are found and copied: of the person they say nothing."""


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
            if row.payload is not None:
                row.payload = new.sealer.seal(person.sealer.open(row.payload))
            row.user_key = new.key


class Export:
    """Hands out everything of a person."""

    def __init__(self, *, sessions: Sessions) -> None:
        self._sessions = sessions

    async def as_json(self, person: Person) -> bytes:
        """Profile, settings, messages and the ledger's rows, as indented JSON.

        Each turn carries its attempts at the model, the failed ones too.
        """
        async with self._sessions() as session:
            user = await session.get_one(User, person.key)
            settings = await session.get(UserSettings, person.key)
            messages = await session.scalars(
                select(Message).where(Message.user_key == person.key).order_by(Message.created_at)
            )
            turns = await session.scalars(
                select(Turn).where(Turn.user_key == person.key).order_by(Turn.received_at)
            )
            calls = await session.scalars(
                select(LlmCall)
                .join(Turn, Turn.id == LlmCall.turn_id)
                .where(Turn.user_key == person.key)
                .order_by(LlmCall.attempt)
            )
            attempts: defaultdict[UUID, list[LlmCall]] = defaultdict(list)
            for call in calls:
                attempts[call.turn_id].append(call)
            document = {
                "exported_at": datetime.now(UTC),
                "profile": orjson.loads(person.sealer.open(user.sealed_profile)),
                "language": user.language,
                "source": user.source,
                "first_seen_at": user.created_at,
                "blocked_at": user.blocked_at,
                "settings": _settings(person, settings),
                "messages": [_message(person, message) for message in messages],
                "turns": [_turn(turn, attempts[turn.id]) for turn in turns],
            }
        return orjson.dumps(document, option=orjson.OPT_INDENT_2, default=str)


def _settings(person: Person, row: UserSettings | None) -> dict[str, Any]:
    if row is None:
        return {}
    sealed = row.sealed_system_prompt
    return {
        "max_history_messages": row.max_history_messages,
        "system_prompt": _text(person, sealed) if sealed else None,
        "model": row.model,
        "admitted_at": row.admitted_at,
    }


def _message(person: Person, row: Message) -> dict[str, Any]:
    return {
        "dialog": row.dialog_id,
        "role": row.role,
        "text": _text(person, row.content),
        "at": row.created_at,
        "withdrawn_at": row.deleted_at,
    }


def _text(person: Person, sealed: bytes) -> str | None:
    try:
        # JSON cannot hold half a surrogate pair.
        return person.sealer.open_text(sealed).encode("utf-8", "replace").decode()
    except UnreadableError:
        return None


def _turn(row: Turn, attempts: Sequence[LlmCall]) -> dict[str, Any]:
    return {
        "dialog": row.dialog_id,
        **_ledger_row(row),
        "attempts": [_ledger_row(attempt) for attempt in attempts],
    }


def _ledger_row(row: Base) -> dict[str, Any]:
    # Read from the table, not listed here: a column that is added later is handed out too.
    names = (column.key for column in row.__table__.columns)
    return {name: getattr(row, name) for name in names if name not in OWN_COLUMNS}
