"""Reads and decrypts the texts of a dialog."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from api.errors import NotFoundError
from api.people.bot_database import BotTables
from api.people.schemas import FailedCallView, TextMessage
from bot.db.tables import (
    Dialog,
    LlmCall,
    MessageRow,
    Turn,
    UserRow,
    UserSettings,
    may_be_read,
)
from common.encryption import bindings
from common.encryption.bindings import Binding
from common.encryption.sealing import UnreadableError, Vault
from common.settings import ConsentSettings
from common.text import without_surrogates

ANSWERS = ("answered", "incomplete", "refused", "cancelled")
"""Outcomes of attempts that did not fail."""


@dataclass(frozen=True, slots=True)
class OpenedDialog:
    id: UUID
    chat_type: str
    started_at: datetime
    closed_at: datetime | None
    messages: list[TextMessage]
    has_older: bool
    has_newer: bool


@dataclass(frozen=True, slots=True)
class PagePlace:
    """Where a page of a dialog lies; at most one is stated, without any it is the oldest."""

    after: UUID | None = None
    """It begins after this message."""
    before: UUID | None = None
    """It ends before this message."""
    turn: UUID | None = None
    """It shows the texts of this turn, after a few older ones; the newest, if there are none."""
    is_newest: bool = False


OLDEST = PagePlace()


@dataclass(frozen=True, slots=True)
class _Rows:
    rows: Sequence[Row[MessageRow, bytes, bytes, bool]] = ()
    has_more: bool = False


class DialogTexts:
    """Reads dialogs with the reader's role and decrypts them with the vault.

    Texts of users who closed them to analysts are withheld: their choice is read with each text.
    """

    def __init__(self, tables: BotTables, vault: Vault, consent: ConsentSettings) -> None:
        self._tables = tables
        self._vault = vault
        self._consent = consent

    def messages(self) -> Select[MessageRow, bytes, bytes, bool]:
        """Texts with what `opened` needs."""
        return (
            select(
                MessageRow, UserRow.wrapped_key, UserRow.telegram_hmac, may_be_read(self._consent)
            )
            .join(UserRow, UserRow.key == MessageRow.user_key)
            .outerjoin(UserSettings, UserSettings.user_key == UserRow.key)
        )

    async def page(self, dialog_id: UUID, *, place: PagePlace, limit: int) -> OpenedDialog:
        """A page of a dialog, oldest first, without deleted messages.

        Raises:
            NotFoundError: no such dialog, or it was erased.
        """
        async with self._tables.read_only() as session:
            found = await self._tables.run(
                session, "dialog", select(Dialog).where(Dialog.id == dialog_id)
            )
            dialog = found.scalar_one_or_none()
            if dialog is None:
                raise NotFoundError("Dialog not found. It may have been erased.")
            older, newer = await self._around(session, dialog_id, place=place, limit=limit)
        return OpenedDialog(
            id=dialog.id,
            chat_type=dialog.chat_type,
            started_at=dialog.started_at,
            closed_at=dialog.closed_at,
            messages=self.opened([*reversed(older.rows), *newer.rows]),
            has_older=older.has_more,
            has_newer=newer.has_more,
        )

    async def _around(
        self, session: AsyncSession, dialog_id: UUID, *, place: PagePlace, limit: int
    ) -> tuple[_Rows, _Rows]:
        """The texts before the place, newest first, and those after it, oldest first."""
        position = tuple_(MessageRow.created_at, MessageRow.id)
        here = (
            self.messages()
            .where(MessageRow.dialog_id == dialog_id, MessageRow.deleted_at.is_(None))
            .order_by(MessageRow.created_at, MessageRow.id)
        )
        back = here.order_by(None).order_by(MessageRow.created_at.desc(), MessageRow.id.desc())
        if place.after is not None:
            last = await self._position(session, dialog_id, place.after)
            newer = await self._take(session, here.where(position > last), limit)
            return _Rows(has_more=True), newer
        if place.before is not None:
            first = await self._position(session, dialog_id, place.before)
            older = await self._take(session, back.where(position < first), limit)
            return older, _Rows(has_more=True)
        if place.turn is not None:
            start = await self._find(session, dialog_id, MessageRow.turn_id == place.turn)
            if start is not None:
                older = await self._take(session, back.where(position < start), limit // 4)
                rest = limit - len(older.rows)
                return older, await self._take(session, here.where(position >= start), rest)
        if place.is_newest or place.turn is not None:
            return await self._take(session, back, limit), _Rows()
        return _Rows(), await self._take(session, here, limit)

    async def _take(
        self, session: AsyncSession, statement: Select[MessageRow, bytes, bytes, bool], limit: int
    ) -> _Rows:
        rows = (await self._tables.run(session, "dialog_texts", statement.limit(limit + 1))).all()
        return _Rows(rows[:limit], has_more=len(rows) > limit)

    async def _find(
        self, session: AsyncSession, dialog_id: UUID, condition: ColumnElement[bool]
    ) -> tuple[datetime, UUID] | None:
        """The position of the first such message of the dialog; None: it has none."""
        statement = (
            select(MessageRow.created_at, MessageRow.id)
            .where(MessageRow.dialog_id == dialog_id, condition)
            .order_by(MessageRow.created_at, MessageRow.id)
            .limit(1)
        )
        found = (await self._tables.run(session, "dialog_page", statement)).one_or_none()
        return None if found is None else (found.created_at, found.id)

    async def _position(
        self, session: AsyncSession, dialog_id: UUID, message_id: UUID
    ) -> tuple[datetime, UUID]:
        """The position of a message.

        Raises:
            NotFoundError: it is not in this dialog.
        """
        found = await self._find(session, dialog_id, MessageRow.id == message_id)
        if found is None:
            raise NotFoundError("Message not found in this dialog.")
        return found

    async def failures(self, dialog_id: UUID, *, limit: int) -> list[FailedCallView]:
        """The newest failed attempts of a dialog, newest first.

        Raises:
            NotFoundError: no such dialog, or it was erased.
        """
        columns = (LlmCall.id, LlmCall.turn_id, LlmCall.attempt, LlmCall.model, LlmCall.started_at,
                   LlmCall.outcome, LlmCall.http_status, LlmCall.provider_code,
                   LlmCall.generation_id, LlmCall.provider_message)  # fmt: skip
        statement = (
            select(
                *columns,
                Turn.user_key,
                UserRow.wrapped_key,
                UserRow.telegram_hmac,
                may_be_read(self._consent).label("is_readable"),
            )
            .join(Turn, Turn.id == LlmCall.turn_id)
            .outerjoin(UserRow, UserRow.key == Turn.user_key)
            .outerjoin(UserSettings, UserSettings.user_key == UserRow.key)
            .where(Turn.dialog_id == dialog_id, LlmCall.outcome.not_in(ANSWERS))
            .order_by(LlmCall.started_at.desc(), LlmCall.attempt.desc())
            .limit(limit)
        )
        async with self._tables.read_only() as session:
            dialog = select(Dialog.id).where(Dialog.id == dialog_id)
            found = await self._tables.run(session, "dialog", dialog)
            if found.scalar_one_or_none() is None:
                raise NotFoundError("Dialog not found. It may have been erased.")
            rows = (await self._tables.run(session, "dialog_failures", statement)).all()
        return [
            FailedCallView(
                turn_id=row.turn_id,
                user_key=row.user_key,
                attempt=row.attempt,
                model=row.model,
                started_at=row.started_at,
                outcome=row.outcome,
                http_status=row.http_status,
                provider_code=row.provider_code,
                generation_id=row.generation_id,
                message=self._text(
                    row.provider_message if row.is_readable else None,
                    bindings.provider_message(row.id, row.turn_id),
                    row.wrapped_key,
                    row.telegram_hmac,
                ),
                is_withheld=row.provider_message is not None and not row.is_readable,
            )
            for row in rows
        ]

    def _text(
        self,
        sealed: bytes | None,
        binding: Binding,
        wrapped_key: bytes | None,
        telegram_hmac: bytes | None,
    ) -> str | None:
        if sealed is None or wrapped_key is None or telegram_hmac is None:
            return None
        try:
            opened = self._vault.user_sealer(wrapped_key, telegram_hmac).open_text(sealed, binding)
        except UnreadableError:
            return None
        return without_surrogates(opened)

    def opened(self, rows: Iterable[Row[MessageRow, bytes, bytes, bool]]) -> list[TextMessage]:
        """Decrypt rows of `messages`."""
        return [
            self._open(message, wrapped_key, telegram_hmac, is_readable=is_readable)
            for message, wrapped_key, telegram_hmac, is_readable in rows
        ]

    def _open(
        self, message: MessageRow, wrapped_key: bytes, telegram_hmac: bytes, *, is_readable: bool
    ) -> TextMessage:
        """Decrypt one text, unless it is withheld."""
        binding = bindings.text(message.id, message.dialog_id)
        return TextMessage(
            id=message.id,
            turn_id=message.turn_id,
            user_key=message.user_key,
            role=message.role,
            text=self._text(
                message.content if is_readable else None, binding, wrapped_key, telegram_hmac
            ),
            is_withheld=not is_readable,
            created_at=message.created_at,
        )
