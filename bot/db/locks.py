"""Which lanes this process works on: session locks on one connection, gone with the process.

Knows lanes as bytes, and nothing about what is in them. A lock needs no lease time, no
heartbeat and no row: after `kill -9` the server closes the connection and the lanes are free.
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

Notice = dict[str, Any]


class LeasesLostError(DialyticsError):
    """The connection is gone, and with it every lock."""


@dataclass(frozen=True)
class Entry:
    """One open update of a lane."""

    lane: bytes
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
        """Whether its person is gone."""
        return self.user_key is not None and self.wrapped_key is None


def lock_number(lane: bytes) -> int:
    """The 64-bit number that PostgreSQL locks for a lane."""
    return int.from_bytes(lane[:8], "big", signed=True)


class Leases:
    """Locks on lanes, the lock of the poller, and notices between replicas."""

    def __init__(
        self, url: str, bot_id: int, *, on_notice: Callable[[Notice], None] | None = None
    ) -> None:
        self._url = url
        self._bot_id = bot_id
        self._on_notice = on_notice or (lambda _notice: None)
        self._connection: Any = None
        self._one_at_a_time = asyncio.Lock()
        self._channel = f"bot_{bot_id}"
        self.is_poller = False

    def listen(self, on_notice: Callable[[Notice], None]) -> None:
        """Hand every notice of every replica, ours included, to this function."""
        self._on_notice = on_notice

    async def open(self) -> None:
        """Connect, holding nothing yet.

        Raises:
            LeasesLostError: PostgreSQL cannot be reached.
        """
        await self.close()
        try:
            connection = await asyncpg.connect(
                self._url,
                command_timeout=COMMAND_TIMEOUT_SECONDS,
                server_settings={"application_name": "bot-lanes", "timezone": "UTC"},
            )
            await connection.add_listener(self._channel, self._noticed)
        except DRIVER_ERRORS as error:
            raise LeasesLostError(type(error).__name__) from error
        self._connection = connection

    async def close(self) -> None:
        """Give everything up."""
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
        most: int,
    ) -> dict[bytes, list[Entry]]:
        """Give lanes up, take lanes, and read the open updates of the taken and `held` ones.

        A wanted lane that another process holds is absent from the answer.
        """
        wanted = list(wanted)
        rows = await self._run(
            "SELECT lane, update_id, received_at, kind, payload, attempts, turn_id, user_key,"
            " wrapped_key, language, telegram_hmac FROM claim_lanes($1, $2, $3, $4, $5, $6)",
            self._bot_id,
            [lock_number(lane) for lane in released],
            list(held),
            wanted,
            [lock_number(lane) for lane in wanted],
            most,
        )
        lanes: dict[bytes, list[Entry]] = {}
        for row in rows:
            entries = lanes.setdefault(row["lane"], [])
            if row["update_id"] is not None:
                entries.append(Entry(**dict(row)))
        return lanes

    async def open_lanes(self) -> set[bytes]:
        """Every lane with open updates, whoever works on it."""
        rows = await self._run(
            "SELECT DISTINCT lane FROM updates WHERE bot_id = $1 AND outcome IS NULL",
            self._bot_id,
        )
        return {row["lane"] for row in rows}

    async def become_poller(self) -> bool:
        """Whether this process is the one that polls; held until the connection ends."""
        if not self.is_poller:
            rows = await self._run(
                "SELECT pg_try_advisory_lock($1) AS taken", POLLER_LOCK ^ (self._bot_id << 1)
            )
            self.is_poller = bool(rows[0]["taken"])
        return self.is_poller

    async def notify(self, notice: Notice) -> None:
        """Tell every replica."""
        await self._run("SELECT pg_notify($1, $2)", self._channel, orjson.dumps(notice).decode())

    async def _run(self, query: str, *arguments: object) -> list[Any]:
        async with self._one_at_a_time:
            if self._connection is None or self._connection.is_closed():
                raise LeasesLostError("not connected")
            try:
                rows: list[Any] = await self._connection.fetch(query, *arguments)
            except DRIVER_ERRORS as error:
                # Whether the locks survived is unknown: none is better than a doubtful one.
                self._connection.terminate()
                self.is_poller = False
                raise LeasesLostError(type(error).__name__) from error
            return rows

    def _noticed(self, _connection: Any, _pid: int, _channel: str, payload: str) -> None:
        notice = orjson.loads(payload)
        if isinstance(notice, dict):
            self._on_notice(notice)
