"""Reads a dialog before a turn: its last messages and the settings of the person who asks."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

import orjson

from bot.db.statements import Row, Statements
from bot.turns.prompt import pseudonym, speaker_name
from bot.turns.question import load, model_text
from bot.turns.records import (
    Context,
    Earlier,
    Question,
    Room,
    TakenError,
)
from common import bindings
from common.sealing import Sealer, UnreadableError, Vault
from common.vocabulary import Role


class DialogHistory:
    """The dialogs of one bot, as the model will read them."""

    def __init__(
        self,
        bot_id: int,
        *,
        statements: Statements,
        vault: Vault,
        max_history_messages: int,
        max_history_characters: int,
        tells_names: bool = False,
    ) -> None:
        self._bot_id = bot_id
        self._statements = statements
        self._vault = vault
        self._max_history_messages = max_history_messages
        self._max_history_characters = max_history_characters
        self._tells_names = tells_names

    async def context(self, user_key: int, sealer: Sealer, room: Room) -> Context:
        """The open dialog's last messages and the person's settings.

        Raises:
            TakenError: the person is gone.
        """
        rows = await self._statements.rows(
            "context",
            {
                "bot_id": self._bot_id,
                "chat_hmac": room.chat_hmac,
                "thread_id": room.thread_id,
                "user_key": user_key,
                "max_history_messages": self._max_history_messages,
                "tells_names": self._tells_names and not room.is_private,
            },
        )
        if not rows:
            raise TakenError("the person is gone")
        first = rows[0]
        return Context(
            dialog_id=first["dialog_id"],
            earlier=self._open_messages(rows, room),
            system_prompt=sealer.open_text_or_none(
                first["sealed_system_prompt"], bindings.system_prompt(user_key)
            ),
            model=first["model"],
            max_history_messages=first["max_history_messages"],
            admitted_at=first["admitted_at"],
            is_undeliverable=first["is_undeliverable"],
        )

    def speaker(self, question: Question, dialog_id: UUID) -> str | None:
        """Who asks, as the model is told; None in a private chat."""
        if question.room.is_private:
            return None
        name = question.first_name if self._tells_names else None
        return name or pseudonym(dialog_id, question.user_key)

    def _speaker(self, row: Row, sealer: Sealer, room: Room) -> str | None:
        if room.is_private or row["role"] != Role.USER:
            return None
        binding = bindings.profile(row["telegram_hmac"])
        profile = sealer.open_text_or_none(row["sealed_profile"], binding)
        name = speaker_name(orjson.loads(profile)["first_name"]) if profile else None
        return name or pseudonym(row["dialog_id"], row["author_key"])

    def _open_messages(self, newest_first: Iterable[Row], room: Room) -> tuple[Earlier, ...]:
        """The newest messages that fit, oldest first."""
        sealers: dict[tuple[bytes, bytes], Sealer] = {}
        opened: list[Earlier] = []
        left = self._max_history_characters
        for row in newest_first:
            owner = row["wrapped_key"], row["telegram_hmac"]
            if row["content"] is None or None in owner:
                continue
            try:
                sealer = sealers[owner] = sealers.get(owner) or self._vault.person(*owner)
                place = row["message_id"], row["dialog_id"]
                text = sealer.open_text(row["content"], bindings.text(*place))
                if sealed := row["sealed_parts"]:
                    parts = sealer.open_text(sealed, bindings.parts(*place))
                    text = model_text(load(text, parts))
                left -= len(text)
                if left < 0:
                    break
                speaker = self._speaker(row, sealer, room)
                opened.append(Earlier(Role(row["role"]), text, row["turn_id"], speaker))
            except UnreadableError:
                # One damaged message must not end the conversation.
                continue
        return tuple(reversed(opened))
