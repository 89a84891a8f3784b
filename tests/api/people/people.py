"""People, dialogs and texts in PostgreSQL, as the bot stores them."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID, uuid4

import orjson

from bot.db.tables import (
    Dialog,
    LlmCall,
    MessageRow,
    Turn,
    UserRow,
)
from common.encryption import bindings
from common.encryption.sealing import Vault
from common.postgres import Sessions, transaction
from tests.api.running import DATA_KEY, NOW

VAULT = Vault(DATA_KEY)


async def add_person(sessions: Sessions, *, telegram_id: int, first_name: str) -> int:
    """A person of this name; the first one gets key 1."""
    telegram_hmac = VAULT.lookup("user", telegram_id)
    sealer, wrapped = VAULT.new_user_key(telegram_hmac)
    profile = {"telegram_id": telegram_id, "username": first_name.lower(),
               "first_name": first_name, "last_name": None}  # fmt: skip
    async with transaction(sessions) as session:
        user = UserRow(
            telegram_hmac=telegram_hmac,
            wrapped_key=wrapped,
            sealed_profile=sealer.seal(orjson.dumps(profile), bindings.profile(telegram_hmac)),
        )
        session.add(user)
        await session.flush()
        return user.key


async def add_dialog(
    sessions: Sessions, *, user_key: int, texts: list[str], dialog_id: UUID | None = None
) -> UUID:
    """A private dialog whose messages alternate between the person and the bot."""
    async with transaction(sessions) as session:
        user = await session.get_one(UserRow, user_key)
        dialog = Dialog(
            id=dialog_id or uuid4(),
            bot_id=7,
            chat_hmac=VAULT.lookup("chat", user_key),
            chat_type="private",
            user_key=user_key,
            started_at=NOW - timedelta(hours=1),
        )
        session.add(dialog)
        await session.flush()
        for number, text in enumerate(texts):
            role = "assistant" if number % 2 else "user"
            at = NOW - timedelta(hours=1) + timedelta(seconds=number // 2)
            session.add(_message(user, dialog.id, text, role=role, at=at))
        return dialog.id


async def add_text(sessions: Sessions, *, user_key: int, dialog_id: UUID, text: str) -> None:
    """The newest question in a dialog."""
    async with transaction(sessions) as session:
        user = await session.get_one(UserRow, user_key)
        session.add(_message(user, dialog_id, text, role="user", at=NOW))


def _message(user: UserRow, dialog_id: UUID, text: str, *, role: str, at: datetime) -> MessageRow:
    message_id = uuid4()
    sealer = VAULT.user_sealer(user.wrapped_key, user.telegram_hmac)
    return MessageRow(
        id=message_id,
        user_key=user.key,
        dialog_id=dialog_id,
        turn_id=uuid4(),
        role=role,
        content=sealer.seal_text(text, bindings.text(message_id, dialog_id)),
        content_length=len(text),
        created_at=at,
    )


async def add_failed_call(
    sessions: Sessions, *, user_key: int, dialog_id: UUID, message: str, outcome: str
) -> None:
    """A turn whose one attempt ended so, with the provider's sentence."""
    async with transaction(sessions) as session:
        user = await session.get_one(UserRow, user_key)
        turn = Turn(
            id=uuid4(), bot_id=7, user_key=user_key, dialog_id=dialog_id, chat_type="private",
            received_at=NOW, status="failed",
        )  # fmt: skip
        session.add(turn)
        sealer, call_id = VAULT.user_sealer(user.wrapped_key, user.telegram_hmac), uuid4()
        call = LlmCall(
            id=call_id, turn_id=turn.id, attempt=1, model="small", outcome=outcome,
            http_status=402, provider_code="402", generation_id="gen-1",
            provider_message=sealer.seal_text(
                message, bindings.provider_message(call_id, turn.id)
            ),
        )  # fmt: skip
        session.add(call)


async def erase(sessions: Sessions, user_key: int) -> None:
    """Deletes the row, as /forget does."""
    async with transaction(sessions) as session:
        await session.delete(await session.get_one(UserRow, user_key))
