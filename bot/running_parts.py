"""Runs the parts of the bot side by side, and ends them in reverse order."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack
from typing import Any

from common.log import get_logger

log = get_logger(__name__)


class RunningParts(AsyncExitStack):
    """The parts that were started; leaving it ends the newest first."""

    def __init__(self) -> None:
        super().__init__()
        self.is_running = False
        """Whether start-up is complete. If it fails, it has said why, and no end is logged."""
        self.broken = asyncio.Event()
        """Set when a part failed: the process must exit."""

    def at_end(self, done: str, step: Callable[[], Awaitable[object]]) -> None:
        """Run `step` at the end, and log `done`, with the number that the step returns."""

        async def end() -> None:
            result = await step()
            if self.is_running:
                log.info(done, **({"handed_back": result} if isinstance(result, int) else {}))

        self.push_async_callback(end)

    def begin(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` until the end."""
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(self._ended)

        async def end() -> None:
            task.cancel()
            await asyncio.wait([task])

        self.at_end(f"{name} stopped", end)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()):
            # With a failed part the bot would still look healthy: exit, to be restarted.
            log.error("a part of the bot failed", part=task.get_name(), exc_info=error)
            self.broken.set()
