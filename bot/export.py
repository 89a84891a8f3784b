"""A person's data, handed out whole. Knows no Telegram."""

from __future__ import annotations

import json
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

OWN_COLUMNS = frozenset(
    {"id", "version", "bot_id", "user_key", "dialog_id", "turn_id", "telegram_hmac"}
)
"""How the ledger's rows are found and copied: of the person they say nothing."""


class Export:
    """Hands out everything of a person."""

    def __init__(self, *, sessions: Sessions) -> None:
        self._sessions = sessions

    async def as_json(self, person: Person) -> bytes:
        """What is kept of a person and says something of them, as indented JSON.

        Each turn carries its attempts at the model, the failed ones too. Updates are those whose
        content is still kept: on their way, this wish included, or put aside.
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
            updates = await session.scalars(
                select(Update)
                .where(Update.user_key == person.key, Update.payload.is_not(None))
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
                "turns": [_turn(person, turn, attempts[turn.id]) for turn in turns],
                "updates": [_update(person, row) for row in updates],
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


def _update(person: Person, row: Update) -> dict[str, Any]:
    return {
        "at": row.received_at,
        "kind": row.kind,
        "outcome": row.outcome,
        "text": own_words(row.kind, _text(person, row.payload) if row.payload else None),
    }


def own_words(kind: str, payload: str | None) -> str | None:
    """What the person wrote, and nothing around it: a reply carries somebody else's message."""
    try:
        update = json.loads(payload or "{}")
    except (ValueError, RecursionError):
        return None
    content = update.get(kind) if isinstance(update, dict) else None
    if not isinstance(content, dict):
        return None
    words = [content.get(field) for field in ("text", "caption", "data")]
    return next((one for one in words if isinstance(one, str)), None)


def _text(person: Person, sealed: bytes) -> str | None:
    try:
        # JSON cannot hold half a surrogate pair.
        return person.sealer.open_text(sealed).encode("utf-8", "replace").decode()
    except UnreadableError:
        return None


def _turn(person: Person, row: Turn, attempts: Sequence[LlmCall]) -> dict[str, Any]:
    return {
        "dialog": row.dialog_id,
        **_ledger_row(row),
        "attempts": [_attempt(person, attempt) for attempt in attempts],
    }


def _attempt(person: Person, row: LlmCall) -> dict[str, Any]:
    sealed = row.provider_message
    return {**_ledger_row(row), "provider_message": _text(person, sealed) if sealed else None}


def _ledger_row(row: Base) -> dict[str, Any]:
    # Read from the table, not listed here: a column that is added later is handed out too.
    names = (column.key for column in row.__table__.columns)
    return {name: getattr(row, name) for name in names if name not in OWN_COLUMNS}
