"""Wakes whoever waits for the simulated world to change. Knows nothing about what changed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable


class Bell:
    """Rung after every change; waiters look again each time it rings."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Future[None]] = set()

    def ring(self) -> None:
        waiting, self._waiting = self._waiting, set()
        for future in waiting:
            if not future.done():
                future.set_result(None)

    async def wait_until(self, condition: Callable[[], object], *, seconds: float) -> bool:
        """True as soon as `condition()` is truthy, False when `seconds` have passed."""
        deadline = time.monotonic() + seconds
        while not condition():
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.add(future)
            try:
                # Not wait_for: in Python 3.11 that forgets that it was cancelled when the bell
                # rings in the same moment, and whoever stops the waiter waits for ever.
                async with asyncio.timeout(left):
                    await future
            except TimeoutError:
                return bool(condition())
            finally:
                self._waiting.discard(future)
        return True
