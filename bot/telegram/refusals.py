"""Counts chats' refusals of messages: after some in a row, no answer is generated for the chat."""

from __future__ import annotations

from bot.db.retry import retry_write
from bot.db.sql import statement
from common.encryption.sealing import Vault
from common.postgres import Sessions, transaction


class ChatRefusals:
    """Counts the refusals of each chat since its last delivered message, in PostgreSQL."""

    def __init__(self, bot_id: int, *, sessions: Sessions, vault: Vault) -> None:
        self._bot_id = bot_id
        self._sessions = sessions
        self._vault = vault
        self._counted: set[bytes] | None = None
        """Chats with a count known to this process; None: not loaded yet."""

    async def record_refusal(self, chat_id: int) -> int:
        """Count a refused answer; return how many in a row, within an hour."""
        chat = self._vault.lookup("chat", chat_id)
        count = await retry_write(lambda: self._count(chat))
        if self._counted is not None:
            self._counted.add(chat)
        return count

    async def record_delivery(self, chat_id: int, *, is_counted: bool = False) -> None:
        """Clear the count after a delivery. `is_counted`: another process may have counted."""
        if self._counted is None:
            self._counted = await retry_write(self._read)
        chat = self._vault.lookup("chat", chat_id)
        if is_counted or chat in self._counted:
            await retry_write(lambda: self._clear(chat))
            self._counted.discard(chat)

    async def _count(self, chat: bytes) -> int:
        async with transaction(self._sessions) as session:
            values = {"bot_id": self._bot_id, "chat_hmac": chat}
            return int((await session.execute(statement("refuse_chat"), values)).scalar_one())

    async def _read(self) -> set[bytes]:
        async with transaction(self._sessions) as session:
            rows = await session.scalars(statement("refused_chats"), {"bot_id": self._bot_id})
            return set(rows)

    async def _clear(self, chat: bytes) -> None:
        async with transaction(self._sessions) as session:
            values = {"bot_id": self._bot_id, "chat_hmac": chat}
            await session.execute(statement("clear_chat"), values)
