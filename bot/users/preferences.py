"""A user's settings (history, model, system prompt), and the state of dialogs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from bot.db.sql import statement
from bot.db.tables import (
    Dialog,
    MessageRow,
    SummaryRow,
    UserRow,
    UserSettings,
    may_be_read,
)
from bot.settings import CountingSettings
from bot.turns.question import QuestionMessage, load_messages
from bot.turns.records import ChatRef
from bot.users.repository import User
from common.encryption import bindings
from common.encryption.sealing import UnreadableError
from common.postgres import Sessions, transaction
from common.settings import ConsentSettings
from common.vocabulary import ChatType, Role

MAX_SEARCHED_QUESTIONS = 200
"""The maximum of MAX_HISTORY_MESSAGES."""


@dataclass(frozen=True)
class AskedQuestion:
    """An earlier question. `is_last`: it is the last one, and its dialog is open."""

    turn_id: UUID
    messages: tuple[QuestionMessage, ...]
    asked_at: datetime
    is_last: bool


class Preferences:
    """Reads and writes `user_settings`, opens and closes dialogs."""

    def __init__(self, bot_id: int, *, sessions: Sessions) -> None:
        self._bot_id = bot_id
        self._sessions = sessions

    async def set_system_prompt(self, user: User, prompt: str | None) -> None:
        binding = bindings.system_prompt(user.key)
        sealed = None if prompt is None else user.sealer.seal_text(prompt, binding)
        await self._set(user, sealed_system_prompt=sealed)

    async def set_model(self, user: User, model: str | None) -> None:
        await self._set(user, model=model)

    async def set_text_only(self, user: User, *, is_text_only: bool) -> None:
        await self._set(user, is_text_only=is_text_only)

    async def set_history(self, user: User, messages: int | None) -> None:
        await self._set(user, max_history_messages=messages)

    async def set_readable(self, user: User, *, is_readable: bool) -> None:
        """Set whether analysts may read the user's texts; the API obeys at once."""
        await self._set(user, are_texts_readable=is_readable)

    async def set_counted(self, user: User, *, is_counted: bool) -> None:
        """Set whether the user's next turns are counted as a person's.

        Their private dialogs are closed with their summaries: one that went on would show whose the
        uncounted turns are.
        """
        closed = select(Dialog.id).where(Dialog.user_key == user.key, Dialog.closed_at.is_(None))
        async with transaction(self._sessions) as session:
            await session.execute(delete(SummaryRow).where(SummaryRow.dialog_id.in_(closed)))
            await session.execute(
                update(Dialog).where(Dialog.id.in_(closed)).values(closed_at=func.now())
            )
            await session.execute(_settings(user, is_counted=is_counted))

    async def is_counted(self, user: User, counting: CountingSettings) -> bool:
        """Whether the user's next turn is counted as a person's."""
        asked = select(
            func.is_counted(user.key, counting.counts_people, counting.counts_earlier_people)
        )
        async with self._sessions() as session:
            return bool(await session.scalar(asked))

    async def is_readable(self, user: User, consent: ConsentSettings) -> bool:
        """Whether analysts may read the user's texts."""
        asked = (
            select(may_be_read(consent))
            .select_from(UserRow)
            .outerjoin(UserSettings, UserSettings.user_key == UserRow.key)
            .where(UserRow.key == user.key)
        )
        async with self._sessions() as session:
            return bool(await session.scalar(asked))

    async def admit(self, session: AsyncSession, user: User) -> bool:
        """Record that the user gave a valid invite code.

        Returns:
            False: an earlier code had admitted the user.
        """
        admitted = (
            insert(UserSettings)
            .values(user_key=user.key, admitted_at=func.now())
            .on_conflict_do_update(
                index_elements=[UserSettings.user_key],
                set_={"admitted_at": func.now(), "updated_at": func.now()},
                where=UserSettings.admitted_at.is_(None),
            )
            .returning(UserSettings.user_key)
        )
        return await session.scalar(admitted) is not None

    async def admitted_at(self, user: User) -> datetime | None:
        """When the user gave a valid invite code, or None."""
        async with self._sessions() as session:
            asked = select(UserSettings.admitted_at).where(UserSettings.user_key == user.key)
            return await session.scalar(asked)

    async def close_dialog(self, chat_ref: ChatRef) -> None:
        """Close the dialog and delete its summary: the next message begins a new one."""
        async with transaction(self._sessions) as session:
            closed = select(Dialog.id).where(*self._is_open(chat_ref))
            await session.execute(delete(SummaryRow).where(SummaryRow.dialog_id.in_(closed)))
            await session.execute(
                update(Dialog).where(*self._is_open(chat_ref)).values(closed_at=func.now())
            )

    async def move_dialogs(self, old: bytes, new: bytes) -> None:
        """Move open dialogs and rules to the new id of a group that became a supergroup."""
        there = aliased(Dialog)
        is_taken = (
            select(there.id)
            .where(
                there.bot_id == self._bot_id,
                there.chat_hmac == new,
                there.thread_id == Dialog.thread_id,
                there.closed_at.is_(None),
            )
            .exists()
        )
        async with transaction(self._sessions) as session:
            await session.execute(
                update(Dialog)
                .where(
                    Dialog.bot_id == self._bot_id,
                    Dialog.chat_hmac == old,
                    Dialog.closed_at.is_(None),
                    ~is_taken,
                )
                .values(chat_hmac=new, chat_type=ChatType.SUPERGROUP.value)
            )
            await session.execute(statement("move_rules"), {"old": old, "new": new})

    async def withdraw_answer(
        self, user: User, chat_ref: ChatRef, *, turn_id: UUID | None = None
    ) -> tuple[QuestionMessage, ...] | None:
        """Withdraw the last answer of the open dialog; return the question that it answered.

        None: the last message is not this user's, there is none, or the last answer is not that of
        the given turn.
        """
        async with transaction(self._sessions) as session:
            last = await self._last_question(session, user, chat_ref, turn_id)
            if last is None:
                return None
            await session.execute(
                update(MessageRow)
                .where(
                    MessageRow.dialog_id == last.dialog_id,
                    MessageRow.role == Role.ASSISTANT.value,
                    MessageRow.created_at >= last.created_at,
                )
                .values(deleted_at=func.now())
            )
        return _question(user, last)

    async def is_last_answer(self, user: User, chat_ref: ChatRef, turn_id: UUID) -> bool:
        """Whether the open dialog ends with this turn's answer to this user."""
        async with self._sessions() as session:
            return await self._last_question(session, user, chat_ref, turn_id) is not None

    async def _last_question(
        self, session: AsyncSession, user: User, chat_ref: ChatRef, turn_id: UUID | None
    ) -> MessageRow | None:
        """The open dialog's last question, if it is this user's and the turn answered it last."""
        last = (
            await session.execute(
                select(MessageRow)
                .join(Dialog, Dialog.id == MessageRow.dialog_id)
                .where(
                    *self._is_open(chat_ref),
                    MessageRow.role == Role.USER.value,
                    MessageRow.deleted_at.is_(None),
                )
                .order_by(MessageRow.created_at.desc())
                .limit(1)
            )
        ).scalar_one_or_none()
        if last is None or last.user_key != user.key:
            return None
        if turn_id is None:
            return last
        # Including a withdrawn one: the button may be handled again after a crash.
        answered = (
            select(MessageRow.turn_id)
            .where(
                MessageRow.dialog_id == last.dialog_id,
                MessageRow.role == Role.ASSISTANT.value,
                MessageRow.created_at >= last.created_at,
            )
            .order_by(MessageRow.created_at.desc())
            .limit(1)
        )
        return last if await session.scalar(answered) == turn_id else None

    async def question_of_message(
        self, user: User, chat_ref: ChatRef, message_id: int | None
    ) -> AskedQuestion | None:
        """The user's question that this message belongs to, among the chat's latest."""
        async with self._sessions() as session:
            rows = await session.scalars(
                select(MessageRow)
                .join(Dialog, Dialog.id == MessageRow.dialog_id)
                .where(
                    Dialog.bot_id == self._bot_id,
                    Dialog.chat_hmac == chat_ref.chat_hmac,
                    Dialog.thread_id == chat_ref.thread_id,
                    MessageRow.role == Role.USER.value,
                )
                # Including withdrawn ones: an edit may be handled again after a crash.
                .order_by(MessageRow.created_at.desc())
                .limit(MAX_SEARCHED_QUESTIONS)
            )
            open_dialog = await session.scalar(select(Dialog.id).where(*self._is_open(chat_ref)))
        for number, row in enumerate(rows):
            if row.user_key != user.key:
                continue
            messages = _question(user, row) or ()
            if message_id in {message.message_id for message in messages}:
                is_last = number == 0 and row.dialog_id == open_dialog
                return AskedQuestion(row.turn_id, messages, row.created_at, is_last=is_last)
        return None

    async def _set(self, user: User, **values: Any) -> None:
        async with transaction(self._sessions) as session:
            await session.execute(_settings(user, **values))

    def _is_open(self, chat_ref: ChatRef) -> tuple[Any, ...]:
        return (
            Dialog.bot_id == self._bot_id,
            Dialog.chat_hmac == chat_ref.chat_hmac,
            Dialog.thread_id == chat_ref.thread_id,
            Dialog.closed_at.is_(None),
        )


def _settings(user: User, **values: Any) -> Insert:
    return (
        insert(UserSettings)
        .values(user_key=user.key, **values)
        .on_conflict_do_update(
            index_elements=[UserSettings.user_key], set_={**values, "updated_at": func.now()}
        )
    )


def _question(user: User, row: MessageRow) -> tuple[QuestionMessage, ...] | None:
    try:
        parts = None
        if row.sealed_parts:
            binding = bindings.parts(row.id, row.dialog_id)
            parts = user.sealer.open_text(row.sealed_parts, binding)
        text = user.sealer.open_text(row.content, bindings.text(row.id, row.dialog_id))
        return load_messages(text, parts)
    except UnreadableError:
        return None
