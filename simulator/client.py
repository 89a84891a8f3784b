"""A client of the control API, for other processes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self

from aiohttp import ClientError, ClientSession, ClientTimeout

from common.errors import SettingError, StartupError

REQUEST_SECONDS = 660.0
"""Longer than the longest wait that the control API allows."""


class ControlClient:
    """Requests below `<url>/control`."""

    def __init__(self, url: str, *, session: ClientSession) -> None:
        self._base = f"{url.rstrip('/')}/control"
        self._session = session

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str) -> AsyncIterator[Self]:
        """Connect.

        Raises:
            SettingError: no simulator responds at TELEGRAM_API_URL.
        """
        async with ClientSession(timeout=ClientTimeout(total=REQUEST_SECONDS)) as session:
            client = cls(url, session=session)
            try:
                await client.state()
            except (ClientError, TimeoutError, ValueError, StartupError) as error:
                raise SettingError(
                    "TELEGRAM_API_URL", f"no simulator responds at {url}: {error}"
                ) from error
            yield client

    async def state(self) -> dict[str, Any]:
        return await self._request("GET", "state")

    async def write(self, messages: list[dict[str, Any]]) -> list[list[int]]:
        """Send messages to the bot; return the update ids of each message."""
        answer = await self._request("POST", "messages/batch", {"messages": messages})
        update_ids: list[list[int]] = answer["update_ids"]
        return update_ids

    async def wait(
        self,
        *,
        at_least: dict[str, int] | None = None,
        pending_at_most: int | None = None,
        seconds: float = 60.0,
    ) -> bool:
        """Wait for the counters; False on timeout."""
        condition = {"at_least": at_least or {}, "seconds": seconds}
        if pending_at_most is not None:
            condition["pending_at_most"] = pending_at_most
        return bool((await self._request("POST", "wait", condition))["met"])

    async def send(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """Send any other request, by path below /control."""
        return await self._request(method, path, body)

    async def _request(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        async with self._session.request(method, f"{self._base}/{path}", json=body) as response:
            if not response.ok:
                raise StartupError(
                    f"the simulator refused {method} {path}: {(await response.text())[:200]}"
                )
            answer: dict[str, Any] = await response.json()
            return answer
