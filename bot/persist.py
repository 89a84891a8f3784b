"""Writes that must not be lost because the database blinked. Knows nothing of what is written."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import asyncpg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from common.log import get_logger

T = TypeVar("T")
LONGEST_PAUSE_SECONDS = 5.0
# SQLSTATE classes: connection, transaction rolled back, resources, operator intervention.
PASSING_CLASSES = ("08", "40", "53", "57")

log = get_logger(__name__)


def is_away(error: BaseException) -> bool:
    """Whether the database could not be asked, rather than that it refused."""
    if isinstance(error, DBAPIError):
        state = str(getattr(error.orig, "sqlstate", None) or "")
        return error.connection_invalidated or state.startswith(PASSING_CLASSES) or not state
    if isinstance(error, asyncpg.PostgresError):
        return str(error.sqlstate).startswith(PASSING_CLASSES)
    return isinstance(error, asyncpg.InterfaceError | PoolTimeoutError | OSError)


async def persist(write: Callable[[], Awaitable[T]], *, seconds: float = 120.0) -> T:
    """Repeat a write that may be repeated until the database takes it or time is up."""
    clock = asyncio.get_running_loop().time
    deadline = clock() + seconds
    pause = 0.1
    while True:
        try:
            return await write()
        except (
            DBAPIError,
            asyncpg.PostgresError,
            asyncpg.InterfaceError,
            PoolTimeoutError,
            OSError,
        ) as error:
            if not is_away(error) or clock() + pause > deadline:
                raise
            log.warning("write will be repeated", cause=type(error).__name__, retry_in=pause)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
