"""Tells a ClickHouse that hangs from a query that takes long: by a ping beside the query."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

import aiohttp

from warehouse.errors import WarehouseUnavailableError

QUIET_SECONDS = 0.5
"""How long a query may take before the first ping, and between two."""

Answer = TypeVar("Answer")


class Liveness:
    """Ends queries of a server that does not answer pings; never one that only takes long.

    Args:
        url: of the server; its user and database are not used.
        ping_seconds: a server that does not answer for so long hangs.
    """

    def __init__(
        self, url: str, *, ping_seconds: float, quiet_seconds: float = QUIET_SECONDS
    ) -> None:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        self._address = urlunsplit((parts.scheme, host, "/ping", "", ""))
        self._timeout = aiohttp.ClientTimeout(total=ping_seconds)
        self._quiet_seconds = quiet_seconds
        self._ping: asyncio.Task[bool] | None = None

    async def watch(self, query: Coroutine[Any, Any, Answer]) -> Answer:
        """The answer of the query.

        Raises:
            WarehouseUnavailableError: the server hangs; the query was cancelled.
        """
        task = asyncio.create_task(query)
        try:
            while not (await asyncio.wait({task}, timeout=self._quiet_seconds))[0]:
                ping = self._ping_under_way()
                await asyncio.wait({task, ping}, return_when=asyncio.FIRST_COMPLETED)
                if not task.done() and not ping.result():
                    raise WarehouseUnavailableError("ClickHouse does not answer") from TimeoutError(
                        "no answer to a ping"
                    )
            return task.result()
        finally:
            if task.cancel():
                await asyncio.wait({task})

    def _ping_under_way(self) -> asyncio.Task[bool]:
        """One ping for all queries that wait."""
        if self._ping is None or self._ping.done():
            self._ping = asyncio.create_task(self._answers())
        return self._ping

    async def _answers(self) -> bool:
        # A connection of its own: those of queries may all be taken. Nothing secret is sent, and
        # whether the certificate is right is for the query to say.
        try:
            async with (
                aiohttp.ClientSession(timeout=self._timeout) as session,
                session.get(self._address, ssl=False) as answer,
            ):
                return answer.status < HTTPStatus.INTERNAL_SERVER_ERROR
        except aiohttp.ClientSSLError:
            # It wants a certificate from the client, so it answers.
            return True
        except (aiohttp.ClientError, OSError, TimeoutError):
            return False
