"""A person's data, handed out whole. Knows no Telegram."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import select

from bot.people import Person
from bot.tables import LlmCall, Message, SpentBudget, Turn, Update, User, UserSettings
from common.postgres import Base, Sessions
from common.sealing import UnreadableError
from common.vocabulary import UpdateOutcome

OWN_COLUMNS = frozenset(
    {"id", "version", "bot_id", "user_key", "dialog_id", "turn_id", "telegram_hmac"}
)
"""How the ledger's rows are found and copied: of the person they say nothing."""


class Export:
    """Hands out everything of a person."""

    def __init__(self, *, sessions: Sessions) -> None:
        self._sessions = sessions

    async def as_json(self, person: Person) -> bytes:
        """All that is kept of a person, as indented JSON: also what no command shows.

        Each turn carries its attempts at the model, the failed ones too; what was put aside is
        handed out as Telegram sent it.
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
            parked = await session.scalars(
                select(Update)
                .where(Update.user_key == person.key, Update.payload.is_not(None))
                .where(Update.outcome == UpdateOutcome.PARKED.value)
                .order_by(Update.received_at)
            )
            spent = await session.scalars(
                select(SpentBudget)
                .where(SpentBudget.telegram_hmac == user.telegram_hmac)
                .order_by(SpentBudget.period_start, SpentBudget.period)
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
                "put_aside": [_put_aside(person, row) for row in parked],
                "spent_before_forget": [_ledger_row(row) for row in spent],
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


def _put_aside(person: Person, row: Update) -> dict[str, Any]:
    # As text: whatever made the bot fail on it must not make this fail.
    text = _text(person, row.payload) if row.payload else None
    return {"at": row.received_at, "kind": row.kind, "update": text}


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
