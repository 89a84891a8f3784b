"""Retries writes that must survive a short database outage."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from common.backoff import backoff
from common.log import get_logger
from common.postgres import DRIVER_ERRORS, is_transient

T = TypeVar("T")
MAX_PAUSE_SECONDS = 5.0

log = get_logger(__name__)


async def retry_write(write: Callable[[], Awaitable[T]], *, seconds: float = 120.0) -> T:
    """Repeat an idempotent write until it succeeds or `seconds` have passed."""
    clock = asyncio.get_running_loop().time
    deadline = clock() + seconds
    pauses = backoff(0.1, MAX_PAUSE_SECONDS)
    while True:
        try:
            return await write()
        except DRIVER_ERRORS as error:
            pause = next(pauses)
            if not is_transient(error) or clock() + pause > deadline:
                raise
            log.warning("write failed, retrying", cause=type(error).__name__, retry_in=pause)
            await asyncio.sleep(pause)
