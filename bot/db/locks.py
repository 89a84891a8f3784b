"""Advisory locks on the chats this process works on, all on one connection.

A lock needs no expiry, heartbeat or row: after `kill -9` the server closes the connection and
releases the locks. The columns and settings call a chat's key its lane.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from common.errors import DialyticsError
from common.log import get_logger
from common.postgres import DRIVER_ERRORS

POLLER_LOCK = 7_131_337_100
COMMAND_TIMEOUT_SECONDS = 30.0

log = get_logger(__name__)

Notification = dict[str, Any]


class LocksLostError(DialyticsError):
    """The connection was lost, and every lock with it."""


@dataclass(frozen=True)
class QueuedUpdate:
    """One open update of a chat."""

    chat_key: bytes
    update_id: int
    received_at: datetime
    kind: str
    payload: bytes
    attempts: int
    turn_id: UUID | None
    user_key: int | None
    wrapped_key: bytes | None
    language: str | None
    telegram_hmac: bytes | None

    @property
    def is_of_erased(self) -> bool:
        """Whether its user was erased."""
        return self.user_key is not None and self.wrapped_key is None


def lock_number(chat_key: bytes) -> int:
    """The 64-bit advisory lock number of a chat."""
    return int.from_bytes(chat_key[:8], "big", signed=True)


class ChatLocks:
    """Locks on chats, the poller's lock, and notifications between replicas."""

    def __init__(self, url: str, bot_id: int) -> None:
        self._url = url
        self._bot_id = bot_id
        self._on_notice: Callable[[Notification], None] = lambda _notice: None
        self._connection: Any = None
        self._one_at_a_time = asyncio.Lock()
        self._channel = f"bot_{bot_id}"
        self.is_poller = False

    def listen(self, on_notice: Callable[[Notification], None]) -> None:
        """Call this function for every notification of any replica, this one included."""
        self._on_notice = on_notice

    async def open(self) -> None:
        """Connect; no lock is held yet.

        Raises:
            LocksLostError: PostgreSQL is unavailable.
        """
        await self.close()
        try:
            connection = await asyncpg.connect(
                self._url,
                command_timeout=COMMAND_TIMEOUT_SECONDS,
                server_settings={"application_name": "bot-lanes", "timezone": "UTC"},
            )
            await connection.add_listener(self._channel, self._received)
        except DRIVER_ERRORS as error:
            raise LocksLostError(type(error).__name__) from error
        self._connection = connection

    async def close(self) -> None:
        """Release every lock and disconnect."""
        connection, self._connection = self._connection, None
        self.is_poller = False
        if connection is None or connection.is_closed():
            return
        try:
            await connection.close(timeout=2)
        except DRIVER_ERRORS:
            connection.terminate()

    async def claim(
        self,
        *,
        released: Iterable[bytes] = (),
        held: Iterable[bytes] = (),
        wanted: Iterable[bytes] = (),
        max_updates: int,
    ) -> dict[bytes, list[QueuedUpdate]]:
        """Release and lock chats; return the open updates of the locked and the `held` ones.

        A wanted chat that another process has locked is absent from the result.
        """
        wanted = list(wanted)
        rows = await self._run(
            "SELECT lane AS chat_key, update_id, received_at, kind, payload, attempts, turn_id,"
            " user_key, wrapped_key, language, telegram_hmac"
            " FROM claim_lanes($1, $2, $3, $4, $5, $6)",
            self._bot_id,
            [lock_number(chat_key) for chat_key in released],
            list(held),
            wanted,
            [lock_number(chat_key) for chat_key in wanted],
            max_updates,
        )
        chats: dict[bytes, list[QueuedUpdate]] = {}
        for row in rows:
            updates = chats.setdefault(row["chat_key"], [])
            if row["update_id"] is not None:
                updates.append(QueuedUpdate(**dict(row)))
        return chats

    async def open_chats(self) -> set[bytes]:
        """Every chat with open updates, locked or not."""
        rows = await self._run(
            "SELECT DISTINCT lane FROM updates WHERE bot_id = $1 AND outcome IS NULL",
            self._bot_id,
        )
        return {row["lane"] for row in rows}

    async def become_poller(self) -> bool:
        """Try to become the only polling process; the lock lasts as long as the connection."""
        if not self.is_poller:
            rows = await self._run(
                "SELECT pg_try_advisory_lock($1) AS taken", POLLER_LOCK ^ (self._bot_id << 1)
            )
            self.is_poller = bool(rows[0]["taken"])
        return self.is_poller

    async def broadcast(self, notice: Notification) -> None:
        """Send a notification to every replica."""
        await self._run("SELECT pg_notify($1, $2)", self._channel, orjson.dumps(notice).decode())

    async def _run(self, query: str, *arguments: object) -> list[Any]:
        async with self._one_at_a_time:
            if self._connection is None or self._connection.is_closed():
                raise LocksLostError("not connected")
            try:
                rows: list[Any] = await self._connection.fetch(query, *arguments)
            except DRIVER_ERRORS as error:
                # The locks may or may not have survived: assume none.
                self._connection.terminate()
                self.is_poller = False
                raise LocksLostError(type(error).__name__) from error
            return rows

    def _received(self, _connection: Any, _pid: int, _channel: str, payload: str) -> None:
        notice = orjson.loads(payload)
        if isinstance(notice, dict):
            self._on_notice(notice)
