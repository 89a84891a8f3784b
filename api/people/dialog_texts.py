"""Reads and decrypts the texts of a dialog."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Row, Select, select, tuple_

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
    has_more: bool


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

    async def page(self, dialog_id: UUID, *, after: UUID | None, limit: int) -> OpenedDialog:
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
            statement = (
                self.messages()
                .where(MessageRow.dialog_id == dialog_id, MessageRow.deleted_at.is_(None))
                .order_by(MessageRow.created_at, MessageRow.id)
                .limit(limit + 1)
            )
            if after is not None:
                position = tuple_(MessageRow.created_at, MessageRow.id)
                after_message = select(MessageRow.created_at, MessageRow.id).where(
                    MessageRow.id == after, MessageRow.dialog_id == dialog_id
                )
                last = (await self._tables.run(session, "dialog_page", after_message)).one_or_none()
                if last is None:
                    raise NotFoundError("Message not found in this dialog.")
                statement = statement.where(position > (last.created_at, last.id))
            rows = (await self._tables.run(session, "dialog_texts", statement)).all()
        return OpenedDialog(
            id=dialog.id,
            chat_type=dialog.chat_type,
            started_at=dialog.started_at,
            closed_at=dialog.closed_at,
            messages=self.opened(rows[:limit]),
            has_more=len(rows) > limit,
        )

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
