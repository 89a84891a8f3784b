"""A person's data, handed out whole. Knows no Telegram."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import RowMapping, Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db.tables import (
    LlmCall,
    Message,
    SpentBudget,
    Turn,
    Update,
    User,
    UserSettings,
)
from bot.telegram.meaning import is_forward
from bot.users.repository import Person
from common import bindings
from common.bindings import Binding
from common.postgres import Base, Sessions
from common.sealing import UnreadableError

OWN_COLUMNS = frozenset(
    {"id", "version", "bot_id", "user_key", "dialog_id", "turn_id", "telegram_hmac"}
)
"""How the ledger's rows are found and copied: of the person they say nothing."""


PAGE = 20
"""Rows that are opened and written in one go: others are answered between two pages."""


class Export:
    """Hands out everything of a person."""

    def __init__(self, *, sessions: Sessions) -> None:
        self._sessions = sessions

    async def as_json(self, person: Person) -> tuple[bytes, int]:
        """What is kept of a person and says something of them, as indented JSON.

        Returns:
            The document, and how many of its texts cannot be opened: they are null.

        Each turn carries its attempts at the model, the failed ones too. Updates are those whose
        content is still kept: on their way, this wish included, or put aside.
        """
        reader = _Reader(person)
        async with self._sessions() as session:
            user = await session.get_one(User, person.key)
            settings = await session.get(UserSettings, person.key)
            first = {
                "exported_at": datetime.now(UTC),
                "profile": orjson.loads(
                    reader.text(user.sealed_profile, bindings.profile(user.telegram_hmac)) or "null"
                ),
                "language": user.language,
                "source": user.source,
                "first_seen_at": user.created_at,
                "blocked_at": user.blocked_at,
                "settings": _settings(reader, settings),
            }
            written = [_json(first).removesuffix(b"\n}")]
            kept = _rows_of(Update, Update.received_at).where(Update.payload.is_not(None))
            for name, rows, page_of in (
                ("messages", _rows_of(Message, Message.created_at), _messages),
                ("turns", _rows_of(Turn, Turn.received_at), _turns),
                ("updates", kept, _updates),
            ):
                # By its columns: objects of the mapper would take most of the time.
                mine = rows.where(rows.selected_columns["user_key"] == person.key)
                written += await _list(session, name, mine, partial(page_of, session, reader))
            spent = select(SpentBudget.__table__).where(
                SpentBudget.telegram_hmac == user.telegram_hmac
            )
            written += await _list(
                session,
                "spent_before_forget",
                spent.order_by(SpentBudget.period_start, SpentBudget.period),
                partial(_spent, session, reader),
            )
            written.append(b',\n  "unreadable": %d\n}' % reader.unreadable)
        return b"".join(written), reader.unreadable


class _Reader:
    """Opens the texts of one person, and counts those that cannot be opened."""

    def __init__(self, person: Person) -> None:
        self._sealer = person.sealer
        self.unreadable = 0

    def text(self, sealed: bytes | None, binding: Binding) -> str | None:
        if sealed is None:
            return None
        try:
            # JSON cannot hold half a surrogate pair.
            return self._sealer.open_text(sealed, binding).encode("utf-8", "replace").decode()
        except UnreadableError:
            self.unreadable += 1
            return None


Items = list[dict[str, Any]]


def _rows_of(table: type[Base], order: Any) -> Select[Any]:
    return select(table.__table__).order_by(order)


async def _list(
    session: AsyncSession,
    name: str,
    rows: Select[Any],
    page_of: Callable[[Sequence[RowMapping]], Awaitable[Items]],
) -> list[bytes]:
    """One member of the document, written page by page."""
    pieces = [b',\n  "' + name.encode() + b'": [']
    found = await session.stream(rows.execution_options(yield_per=PAGE))
    async for page in found.mappings().partitions():
        for item in await page_of(page):
            pieces.append(b"\n    " if len(pieces) == 1 else b",\n    ")
            pieces.append(_json(item).replace(b"\n", b"\n    "))
        await asyncio.sleep(0)
    pieces.append(b"]" if len(pieces) == 1 else b"\n  ]")
    return pieces


async def _messages(_session: object, reader: _Reader, page: Sequence[RowMapping]) -> Items:
    return [
        {
            "dialog": row["dialog_id"],
            "role": row["role"],
            "text": reader.text(row["content"], bindings.text(row["id"], row["dialog_id"])),
            "at": row["created_at"],
            "withdrawn_at": row["deleted_at"],
        }
        for row in page
    ]


async def _turns(session: AsyncSession, reader: _Reader, page: Sequence[RowMapping]) -> Items:
    calls = await session.execute(
        select(LlmCall.__table__)
        .where(LlmCall.turn_id.in_([turn["id"] for turn in page]))
        .order_by(LlmCall.attempt)
    )
    attempts: defaultdict[UUID, Items] = defaultdict(list)
    for call in calls.mappings():
        attempts[call["turn_id"]].append(_attempt(reader, call))
    return [
        {"dialog": turn["dialog_id"], **_ledger_row(turn), "attempts": attempts[turn["id"]]}
        for turn in page
    ]


async def _updates(_session: object, reader: _Reader, page: Sequence[RowMapping]) -> Items:
    return [
        {
            "at": row["received_at"],
            "kind": row["kind"],
            "outcome": row["outcome"],
            "text": own_words(
                row["kind"],
                reader.text(row["payload"], bindings.payload(row["bot_id"], row["update_id"])),
            ),
        }
        for row in page
    ]


async def _spent(_session: object, _reader: object, page: Sequence[RowMapping]) -> Items:
    return [_ledger_row(row) for row in page]


def _json(value: dict[str, Any]) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2, default=str)


def _settings(reader: _Reader, row: UserSettings | None) -> dict[str, Any]:
    if row is None:
        return {}
    return {
        "max_history_messages": row.max_history_messages,
        "system_prompt": reader.text(
            row.sealed_system_prompt, bindings.system_prompt(row.user_key)
        ),
        "model": row.model,
        "admitted_at": row.admitted_at,
    }


def own_words(kind: str, payload: str | None) -> str | None:
    """What the person wrote, and nothing around it: somebody else wrote what it replies to."""
    try:
        update = json.loads(payload or "{}")
    except (ValueError, RecursionError):
        return None
    content = update.get(kind) if isinstance(update, dict) else None
    if not isinstance(content, dict) or is_forward(content):
        return None
    words = [content.get(field) for field in ("text", "caption", "data")]
    return next((one for one in words if isinstance(one, str)), None)


def _attempt(reader: _Reader, row: RowMapping) -> dict[str, Any]:
    binding = bindings.provider_message(row["id"], row["turn_id"])
    return {**_ledger_row(row), "provider_message": reader.text(row["provider_message"], binding)}


def _ledger_row(row: RowMapping) -> dict[str, Any]:
    # Read from the table, not listed here: a column that is added later is handed out too.
    return {name: value for name, value in row.items() if name not in OWN_COLUMNS}
