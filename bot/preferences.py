"""What a person chose: history, model, instruction. Also the state of dialogs. No Telegram."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert

from bot.people import Person
from bot.records import Room
from bot.tables import Dialog, Message, UserSettings
from common.postgres import Sessions, transaction
from common.sealing import UnreadableError
from common.vocabulary import Role


class Preferences:
    """Reads and writes `user_settings`, opens and closes dialogs."""

    def __init__(self, bot_id: int, *, sessions: Sessions) -> None:
        self._bot_id = bot_id
        self._sessions = sessions

    async def set_system_prompt(self, person: Person, prompt: str | None) -> None:
        sealed = None if prompt is None else person.sealer.seal_text(prompt)
        await self._set(person, sealed_system_prompt=sealed)

    async def set_model(self, person: Person, model: str | None) -> None:
        await self._set(person, model=model)

    async def set_history(self, person: Person, messages: int | None) -> None:
        await self._set(person, max_history_messages=messages)

    async def admit(self, person: Person) -> None:
        """The person gave a valid invite code."""
        await self._set(person, admitted_at=func.now())

    async def close_dialog(self, room: Room) -> None:
        """The next text begins a new dialog."""
        async with transaction(self._sessions) as session:
            await session.execute(
                update(Dialog).where(*self._is_open(room)).values(closed_at=func.now())
            )

    async def take_back_answer(self, person: Person, room: Room) -> str | None:
        """Drop the last answer of the open dialog; returns the person's text that it answered.

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
        try:
            return person.sealer.open_text(last.content)
        except UnreadableError:
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
