"""Loads a dialog's last messages and the user's settings before a turn."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

import orjson

from bot.db.statements import Row, Statements
from bot.turns.attachments import Picture
from bot.turns.prompt import pseudonym, speaker_name
from bot.turns.question import load_messages, model_text
from bot.turns.records import (
    ChatRef,
    DialogContext,
    DialogSummary,
    HistoryMessage,
    Question,
    UpdateConflictError,
)
from bot.turns.rules import rules_in
from common.encryption import bindings
from common.encryption.sealing import Sealer, UnreadableError, Vault
from common.vocabulary import Role


@dataclass(frozen=True)
class PictureLimits:
    """Which kept pictures are shown to a model again.

    `tokens`: the estimate for one picture.
    """

    pictures: int
    hours: int
    tokens: int


class DialogHistory:
    """Loads dialogs of one bot."""

    def __init__(
        self,
        bot_id: int,
        *,
        statements: Statements,
        vault: Vault,
        max_history_messages: int,
        max_history_characters: int,
        picture_limits: PictureLimits,
        uses_first_names: bool = False,
    ) -> None:
        self._bot_id = bot_id
        self._statements = statements
        self._vault = vault
        self._max_history_messages = max_history_messages
        self._max_history_characters = max_history_characters
        self._picture_limits = picture_limits
        self._uses_first_names = uses_first_names

    async def load_context(
        self, user_key: int, sealer: Sealer, chat_ref: ChatRef, *, is_admin: bool = False
    ) -> DialogContext:
        """The open dialog's last messages, the user's settings, and the rules about them.

        Raises:
            UpdateConflictError: the user was erased.
        """
        rows = await self._statements.rows(
            "context",
            {
                "bot_id": self._bot_id,
                "chat_hmac": chat_ref.chat_hmac,
                "thread_id": chat_ref.thread_id,
                "user_key": user_key,
                "is_admin": is_admin,
                "max_history_messages": self._max_history_messages,
                "tells_names": self._uses_first_names and not chat_ref.is_private,
            },
        )
        if not rows:
            raise UpdateConflictError("the user was erased")
        first = rows[0]
        limit = self._limit(first["max_history_messages"])
        shown = rows[:limit]
        pictures = await self._pictures(shown)
        history, has_left_out = self._open_messages(shown, chat_ref, pictures)
        return DialogContext(
            dialog_id=first["dialog_id"],
            history=history,
            system_prompt=sealer.open_text_or_none(
                first["sealed_system_prompt"], bindings.system_prompt(user_key)
            ),
            model=first["model"],
            max_history_messages=first["max_history_messages"],
            admitted_at=first["admitted_at"],
            is_text_only=first["is_text_only"],
            is_undeliverable=first["is_undeliverable"],
            rules=rules_in(first),
            # Without a history nothing of the dialog is shown to the model.
            summary=_summary(first, sealer) if limit else None,
            is_overfull=has_left_out or len(rows) > limit,
        )

    async def load_unsummarised(
        self, dialog_id: UUID, chat_ref: ChatRef, *, limit: int
    ) -> tuple[HistoryMessage, ...]:
        """The newest messages of a private dialog that its summary does not cover, oldest first.

        At most `limit` messages, of any length and without their pictures.
        """
        rows = await self._statements.rows("unsummarised", {"dialog_id": dialog_id, "most": limit})
        messages, _ = self._open_messages(rows, chat_ref, {}, is_whole=True)
        return messages

    def _limit(self, own: int | None) -> int:
        most = self._max_history_messages
        return most if own is None else min(own, most)

    def speaker(self, question: Question, dialog_id: UUID) -> str | None:
        """The name of the asking user that the model sees; None in a private chat."""
        if question.chat_ref.is_private:
            return None
        name = question.first_name if self._uses_first_names else None
        return name or pseudonym(dialog_id, question.user_key)

    def _speaker(self, row: Row, sealer: Sealer, chat_ref: ChatRef) -> str | None:
        if chat_ref.is_private or row["role"] != Role.USER:
            return None
        binding = bindings.profile(row["telegram_hmac"])
        profile = sealer.open_text_or_none(row["sealed_profile"], binding)
        name = speaker_name(orjson.loads(profile)["first_name"]) if profile else None
        return name or pseudonym(row["dialog_id"], row["author_key"])

    async def _pictures(self, rows: Sequence[Row]) -> dict[UUID, list[Picture]]:
        """The newest pictures that are still kept, by message. No statement if there are none."""
        limits = self._picture_limits
        messages = [row["message_id"] for row in rows if row["pictures"]]
        found: defaultdict[UUID, list[Picture]] = defaultdict(list)
        if not messages or not limits.pictures:
            return found
        kept = await self._statements.rows(
            "kept_pictures",
            {"message_ids": messages, "pictures": limits.pictures, "hours": limits.hours},
        )
        for row in kept:
            sealer = self._vault.user_sealer(row["wrapped_key"], row["telegram_hmac"])
            try:
                jpeg = sealer.open(row["content"], bindings.picture(row["id"]))
            except UnreadableError:
                # Skip a damaged picture.
                continue
            found[row["message_id"]].append(Picture(row["id"], jpeg, limits.tokens))
        return found

    def _open_messages(
        self,
        newest_first: Iterable[Row],
        chat_ref: ChatRef,
        pictures: dict[UUID, list[Picture]],
        *,
        is_whole: bool = False,
    ) -> tuple[tuple[HistoryMessage, ...], bool]:
        """The newest messages that fit, oldest first, and whether any does not fit.

        With `is_whole` all of them fit.
        """
        sealers: dict[tuple[bytes, bytes], Sealer] = {}
        opened: list[HistoryMessage] = []
        left = self._max_history_characters
        for row in newest_first:
            owner = row["wrapped_key"], row["telegram_hmac"]
            if row["content"] is None or None in owner:
                continue
            try:
                sealer = sealers[owner] = sealers.get(owner) or self._vault.user_sealer(*owner)
                ids = row["message_id"], row["dialog_id"]
                text = sealer.open_text(row["content"], bindings.text(*ids))
                if sealed := row["sealed_parts"]:
                    parts = sealer.open_text(sealed, bindings.parts(*ids))
                    text = model_text(load_messages(text, parts))
                left -= len(text)
                if left < 0 and not is_whole:
                    return tuple(reversed(opened)), True
                speaker = self._speaker(row, sealer, chat_ref)
                shown = tuple(pictures.get(row["message_id"], ()))
                opened.append(
                    HistoryMessage(
                        Role(row["role"]),
                        text,
                        row["turn_id"],
                        speaker,
                        shown,
                        row["message_id"],
                        row["created_at"],
                    )
                )
            except UnreadableError:
                # Skip a damaged message.
                continue
        return tuple(reversed(opened)), False


def _summary(row: Row, sealer: Sealer) -> DialogSummary | None:
    if row["summary"] is None:
        return None
    text = sealer.open_text_or_none(row["summary"], bindings.summary(row["dialog_id"]))
    if text is None:
        return None
    return DialogSummary(
        text, row["summarised_messages"], row["first_message_id"], row["covers_until"]
    )
