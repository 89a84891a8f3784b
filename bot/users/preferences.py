"""What a person chose: history, model, instruction. Also the state of dialogs. No Telegram."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import aliased

from bot.db.tables import Dialog, Message, UserSettings
from bot.turns.question import Words, load
from bot.turns.records import Room
from bot.users.repository import Person
from common import bindings
from common.postgres import Sessions, transaction
from common.sealing import UnreadableError
from common.vocabulary import ChatType, Role

MAX_SEARCHED_QUESTIONS = 200
"""As many messages as a dialog may remember."""


@dataclass(frozen=True)
class Asked:
    """An earlier question. `is_last`: nothing was asked after it, and its dialog is open."""

    turn_id: UUID
    messages: tuple[Words, ...]
    asked_at: datetime
    is_last: bool


class Preferences:
    """Reads and writes `user_settings`, opens and closes dialogs."""

    def __init__(self, bot_id: int, *, sessions: Sessions) -> None:
        self._bot_id = bot_id
        self._sessions = sessions

    async def set_system_prompt(self, person: Person, prompt: str | None) -> None:
        binding = bindings.system_prompt(person.key)
        sealed = None if prompt is None else person.sealer.seal_text(prompt, binding)
        await self._set(person, sealed_system_prompt=sealed)

    async def set_model(self, person: Person, model: str | None) -> None:
        await self._set(person, model=model)

    async def set_history(self, person: Person, messages: int | None) -> None:
        await self._set(person, max_history_messages=messages)

    async def admit(self, person: Person) -> None:
        """The person gave a valid invite code."""
        await self._set(person, admitted_at=func.now())

    async def admitted_at(self, person: Person) -> datetime | None:
        """When the person gave a valid invite code; None: never."""
        async with self._sessions() as session:
            asked = select(UserSettings.admitted_at).where(UserSettings.user_key == person.key)
            return await session.scalar(asked)

    async def close_dialog(self, room: Room) -> None:
        """The next text begins a new dialog."""
        async with transaction(self._sessions) as session:
            await session.execute(
                update(Dialog).where(*self._is_open(room)).values(closed_at=func.now())
            )

    async def move_dialogs(self, old: bytes, new: bytes) -> None:
        """A group became a supergroup, which has another id: it keeps its open dialogs."""
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

    async def take_back_answer(self, person: Person, room: Room) -> tuple[Words, ...] | None:
        """Drop the last answer of the open dialog; returns the person's question that it answered.

        None: the last text is not this person's, or there is none.
        """
        async with transaction(self._sessions) as session:
            last = (
                await session.execute(
                    select(Message)
                    .join(Dialog, Dialog.id == Message.dialog_id)
                    .where(
                        *self._is_open(room),
                        Message.role == Role.USER.value,
                        Message.deleted_at.is_(None),
                    )
                    .order_by(Message.created_at.desc())
                    .limit(1)
                )
            ).scalar_one_or_none()
            if last is None or last.user_key != person.key:
                return None
            await session.execute(
                update(Message)
                .where(
                    Message.dialog_id == last.dialog_id,
                    Message.role == Role.ASSISTANT.value,
                    Message.created_at >= last.created_at,
                )
                .values(deleted_at=func.now())
            )
        return _question(person, last)

    async def question_with(
        self, person: Person, room: Room, message_id: int | None
    ) -> Asked | None:
        """The person's question that this message belongs to, among the latest of the chat."""
        async with self._sessions() as session:
            rows = await session.scalars(
                select(Message)
                .join(Dialog, Dialog.id == Message.dialog_id)
                .where(
                    Dialog.bot_id == self._bot_id,
                    Dialog.chat_hmac == room.chat_hmac,
                    Dialog.thread_id == room.thread_id,
                    Message.role == Role.USER.value,
                )
                # Taken back ones too: an edit may be handled again after a crash.
                .order_by(Message.created_at.desc())
                .limit(MAX_SEARCHED_QUESTIONS)
            )
            open_dialog = await session.scalar(select(Dialog.id).where(*self._is_open(room)))
        for number, row in enumerate(rows):
            if row.user_key != person.key:
                continue
            messages = _question(person, row) or ()
            if message_id in {words.message_id for words in messages}:
                is_last = number == 0 and row.dialog_id == open_dialog
                return Asked(row.turn_id, messages, row.created_at, is_last=is_last)
        return None

    async def _set(self, person: Person, **values: Any) -> None:
        async with transaction(self._sessions) as session:
            await session.execute(
                insert(UserSettings)
                .values(user_key=person.key, **values)
                .on_conflict_do_update(
                    index_elements=[UserSettings.user_key],
                    set_={**values, "updated_at": func.now()},
                )
            )

    def _is_open(self, room: Room) -> tuple[Any, ...]:
        return (
            Dialog.bot_id == self._bot_id,
            Dialog.chat_hmac == room.chat_hmac,
            Dialog.thread_id == room.thread_id,
            Dialog.closed_at.is_(None),
        )


def _question(person: Person, row: Message) -> tuple[Words, ...] | None:
    try:
        parts = None
        if row.sealed_parts:
            binding = bindings.parts(row.id, row.dialog_id)
            parts = person.sealer.open_text(row.sealed_parts, binding)
        text = person.sealer.open_text(row.content, bindings.text(row.id, row.dialog_id))
        return load(text, parts)
    except UnreadableError:
        return None
