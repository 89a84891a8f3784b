"""Exports a user's data."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import RowMapping, Select, TextClause, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db.sql import statement
from bot.db.tables import (
    FeedbackRow,
    LlmCall,
    MessageRow,
    PictureRow,
    SpentBudget,
    SummaryRow,
    Turn,
    UpdateRow,
    UserEvent,
    UserRow,
    UserSettings,
)
from bot.telegram.intent import is_forward
from bot.users.repository import User
from common.encryption import bindings
from common.encryption.bindings import Binding
from common.encryption.sealing import UnreadableError
from common.postgres import Base, Sessions
from common.text import without_surrogates

OWN_COLUMNS = frozenset(
    {"id", "version", "bot_id", "user_key", "dialog_id", "turn_id", "telegram_hmac"}
)
"""Internal columns of the ledger, which say nothing about the user."""


PAGE = 20
"""Rows per page; the event loop runs other tasks between pages."""


class UserExport:
    """Exports everything that is stored about a user."""

    def __init__(self, *, sessions: Sessions) -> None:
        self._sessions = sessions

    async def as_json(self, user: User) -> tuple[bytes, int]:
        """Everything stored about a user, as indented JSON.

        Returns:
            The document, and how many of its texts could not be opened and are null.

        Turns include all their attempts. Updates are those whose payload is still kept: open ones,
        including this /export, and parked ones.
        """
        reader = _Reader(user)
        async with self._sessions() as session:
            row = await session.get_one(UserRow, user.key)
            settings = await session.get(UserSettings, user.key)
            first = {
                "exported_at": datetime.now(UTC),
                "profile": orjson.loads(
                    reader.text(row.sealed_profile, bindings.profile(row.telegram_hmac)) or "null"
                ),
                "language": row.language,
                "source": row.source,
                "first_seen_at": row.created_at,
                "blocked_at": row.blocked_at,
                "settings": _settings(reader, settings),
            }
            written = [_json(first).removesuffix(b"\n}")]
            kept = _rows_of(UpdateRow, UpdateRow.received_at).where(UpdateRow.payload.is_not(None))
            for name, rows, page_of in (
                ("messages", _rows_of(MessageRow, MessageRow.created_at), _messages),
                ("summaries", _rows_of(SummaryRow, SummaryRow.written_at), _summaries),
                ("turns", _rows_of(Turn, Turn.received_at), _turns),
                ("ratings", _rows_of(FeedbackRow, FeedbackRow.given_at), _plain),
                ("events", _rows_of(UserEvent, UserEvent.occurred_at), _plain),
                ("updates", kept, _updates),
            ):
                # Columns only: building ORM objects would take most of the time.
                mine = rows.where(rows.selected_columns["user_key"] == user.key)
                written += await _list(session, name, mine, partial(page_of, session, reader))
            spent = select(SpentBudget.__table__).where(
                SpentBudget.telegram_hmac == row.telegram_hmac
            )
            written += await _list(
                session,
                "spent_before_forget",
                spent.order_by(SpentBudget.period_start, SpentBudget.period),
                partial(_plain, session, reader),
            )
            rules = statement("own_rules").bindparams(telegram_hmac=row.telegram_hmac)
            written += await _list(session, "rules", rules, partial(_plain, session, reader))
            written.append(b',\n  "unreadable": %d\n}' % reader.unreadable)
        return b"".join(written), reader.unreadable


class _Reader:
    """Opens a user's texts, and counts those that cannot be opened."""

    def __init__(self, user: User) -> None:
        self._sealer = user.sealer
        self.unreadable = 0

    def text(self, sealed: bytes | None, binding: Binding) -> str | None:
        if sealed is None:
            return None
        try:
            return without_surrogates(self._sealer.open_text(sealed, binding))
        except UnreadableError:
            self.unreadable += 1
            return None

    def encoded(self, sealed: bytes, binding: Binding) -> str | None:
        """A picture in base64."""
        try:
            return b64encode(self._sealer.open(sealed, binding)).decode()
        except UnreadableError:
            self.unreadable += 1
            return None


Items = list[dict[str, Any]]


def _rows_of(table: type[Base], order: Any) -> Select[Any]:
    return select(table.__table__).order_by(order)


async def _list(
    session: AsyncSession,
    name: str,
    rows: Select[Any] | TextClause,
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


async def _messages(session: AsyncSession, reader: _Reader, page: Sequence[RowMapping]) -> Items:
    with_pictures = [row["id"] for row in page if row["pictures"]]
    pictures: defaultdict[UUID, list[str | None]] = defaultdict(list)
    if with_pictures:
        kept = select(PictureRow.__table__).where(PictureRow.message_id.in_(with_pictures))
        rows = await session.execute(kept.order_by(PictureRow.number))
        for row in rows.mappings():
            jpeg = reader.encoded(row["content"], bindings.picture(row["id"]))
            pictures[row["message_id"]].append(jpeg)
    return [
        {
            "dialog": row["dialog_id"],
            "role": row["role"],
            "text": reader.text(row["content"], bindings.text(row["id"], row["dialog_id"])),
            "at": row["created_at"],
            "withdrawn_at": row["deleted_at"],
            **({"pictures": pictures[row["id"]]} if row["id"] in pictures else {}),
        }
        for row in page
    ]


async def _summaries(_session: object, reader: _Reader, page: Sequence[RowMapping]) -> Items:
    return [
        {
            "dialog": row["dialog_id"],
            "text": reader.text(row["content"], bindings.summary(row["dialog_id"])),
            "messages": row["messages"],
            "written_at": row["written_at"],
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
            "text": own_text(
                row["kind"],
                reader.text(row["payload"], bindings.payload(row["bot_id"], row["update_id"])),
            ),
        }
        for row in page
    ]


async def _plain(_session: object, _reader: object, page: Sequence[RowMapping]) -> Items:
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
        "is_text_only": row.is_text_only,
        "are_texts_readable": row.are_texts_readable,
        "is_counted": row.is_counted,
        "admitted_at": row.admitted_at,
    }


def own_text(kind: str, payload: str | None) -> str | None:
    """The user's own text, without the messages it replies to or forwards."""
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
    # All columns but the internal ones, so that columns added later are exported, too.
    return {name: value for name, value in row.items() if name not in OWN_COLUMNS}
