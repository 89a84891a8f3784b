"""An event loop whose clock jumps: a wait of an hour ends at once, an hour later."""

from __future__ import annotations

import asyncio
import functools
import selectors
from collections.abc import Awaitable, Callable
from typing import Any, ParamSpec, TypeVar

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class _JumpingSelector(selectors.DefaultSelector):
    """Where it would wait for the next timer, that moment comes."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise AssertionError("everything waits, and nothing will end it")
        self.now += timeout
        return super().select(0)


class FakeClockLoop(asyncio.SelectorEventLoop):
    """Begins at zero. For code that waits by the loop's clock and opens no connection."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now


def with_fake_clock(test: Callable[Arguments, Awaitable[Result]]) -> Callable[Arguments, Result]:
    """Decorates a test that is a coroutine: it runs in a loop of its own with a fake clock."""

    @functools.wraps(test)
    def run(*arguments: Arguments.args, **more: Arguments.kwargs) -> Result:
        async def whole() -> Result:
            return await test(*arguments, **more)

        with asyncio.Runner(loop_factory=FakeClockLoop) as runner:
            return runner.run(whole())

    # Pytest would else see a coroutine function, and run it in the usual loop.
    del run.__wrapped__  # type: ignore[attr-defined]
    return run


def now() -> float:
    """Seconds since the test began, by the fake clock."""
    return asyncio.get_running_loop().time()


async def moments(*waits: Awaitable[Any]) -> list[float]:
    """When each of them ended, begun together and in this order."""

    async def moment(wait: Awaitable[Any]) -> float:
        await wait
        return round(now(), 6)

    return list(await asyncio.gather(*map(moment, waits)))
