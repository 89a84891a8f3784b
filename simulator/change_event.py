"""An event for changes of the simulator's state."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable


class ChangeEvent:
    """Set after every change; waiters then check their condition again."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Future[None]] = set()

    def notify(self) -> None:
        waiting, self._waiting = self._waiting, set()
        for future in waiting:
            if not future.done():
                future.set_result(None)

    async def wait_until(self, condition: Callable[[], object], *, seconds: float) -> bool:
        """Wait until `condition()` is truthy; False on timeout."""
        deadline = time.monotonic() + seconds
        while not condition():
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.add(future)
            try:
                # Not wait_for: in Python 3.11 it loses a cancellation that arrives together with
                # the result, and the cancelling task would wait for ever.
                async with asyncio.timeout(left):
                    await future
            except TimeoutError:
                return bool(condition())
            finally:
                self._waiting.discard(future)
        return True
