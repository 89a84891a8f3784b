"""Whether this database still holds values that are bound to no row, and notices when it does not.

`python -m bot.users.key_rotation rewrap` sets the marker, beside running bots.
"""

from __future__ import annotations

import asyncio

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from common.log import get_logger
from common.postgres import DRIVER_ERRORS
from common.sealing import ACCEPTS_UNBOUND, OpeningPolicy

LOOK_SECONDS = 5.0

log = get_logger(__name__)


async def read_marker(engine: AsyncEngine, policy: OpeningPolicy) -> None:
    """Accept such values, or refuse them, as the database says."""
    async with engine.connect() as connection:
        policy.accepts_unbound = bool(await connection.scalar(text(ACCEPTS_UNBOUND)))


async def watch_marker(engine: AsyncEngine, policy: OpeningPolicy) -> None:
    """Return once such values are refused. A set marker is not looked at again."""
    if policy.accepts_unbound:
        log.warning("old sealed values are accepted: run python -m bot.users.key_rotation rewrap")
    while policy.accepts_unbound:
        await asyncio.sleep(LOOK_SECONDS)
        try:
            await read_marker(engine, policy)
        except DRIVER_ERRORS as error:
            log.info("sealing marker not read", cause=type(error).__name__)
            continue
        if not policy.accepts_unbound:
            log.info("old sealed values are refused from now on")
