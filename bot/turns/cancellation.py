"""Stops a running turn from outside, with a reason."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Coroutine, Iterator, Mapping
from typing import Any, TypeVar

from common.errors import DialyticsError

T = TypeVar("T")
BY_COMMAND = "stopped"
"""/stop, which sends its own confirmation."""
BY_BUTTON = "stopped by button"
"""The answer itself says that it was stopped."""


class StoppedError(DialyticsError):
    """The work was stopped before it finished."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class StopSignal:
    """Tells a running turn to stop, and why.

    Args:
        fingerprints: of the messages being answered, by message id.
    """

    def __init__(self, *, user_key: int, fingerprints: Mapping[int, bytes] | None = None) -> None:
        self.user_key = user_key
        self.fingerprints = fingerprints or {}
        self.reason: str | None = None
        self._raised = asyncio.Event()

    def stop(self, reason: str) -> None:
        """Stop; the first reason is kept."""
        if self.reason is None:
            self.reason = reason
            self._raised.set()

    async def wait(self) -> str:
        """Wait for a reason to stop, and return it."""
        await self._raised.wait()
        return self.reason or ""


class Cancellation:
    """Stops the running turn of one chat, and keeps what /stop has to report.

    Shared by the chat's queue and the handlers of its updates.
    """

    def __init__(self) -> None:
        self.running: StopSignal | None = None
        self._was_stopped = False
        self._dropped: Counter[int] = Counter()

    @contextlib.contextmanager
    def while_running(self, signal: StopSignal) -> Iterator[None]:
        """Let `signal` stop what runs in the block."""
        self.running = signal
        try:
            yield
        finally:
            self.running = None

    def stop(self, reason: str) -> None:
        """Stop the running turn, if there is one."""
        if self.running:
            self._was_stopped = True
            self.running.stop(reason)

    def count_dropped(self, user_key: int, messages: int) -> None:
        """Count waiting messages of this user that /stop dropped."""
        self._dropped[user_key] += messages

    def take_stopped(self) -> bool:
        """Whether a turn was stopped since the last call."""
        was_stopped, self._was_stopped = self._was_stopped, False
        return was_stopped

    def take_dropped(self, user_key: int) -> int:
        """How many messages of this user were dropped since the last call."""
        return self._dropped.pop(user_key, 0)


async def until_stopped(work: Coroutine[Any, Any, T], stop: StopSignal) -> T:
    """The result of `work`, unless it is stopped.

    Raises:
        StoppedError: stopped first; `work` was cancelled and has ended.
    """
    task = asyncio.create_task(work)
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise StoppedError(stopping.result())
    finally:
        stopping.cancel()
        task.cancel()
        await asyncio.wait({task, stopping})
        if not task.cancelled():
            task.exception()  # mark as retrieved
