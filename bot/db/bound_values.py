"""Tracks whether the database still holds sealed values that are not bound to their row.

`python -m bot.users.key_rotation rewrap` sets the marker while bots are running.
"""

from __future__ import annotations

import asyncio

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from common.encryption.sealing import ACCEPTS_UNBOUND, OpeningPolicy
from common.log import get_logger
from common.postgres import DRIVER_ERRORS

POLL_SECONDS = 5.0

log = get_logger(__name__)


async def read_marker(engine: AsyncEngine, policy: OpeningPolicy) -> None:
    """Accept or refuse unbound values, depending on the marker in the database."""
    async with engine.connect() as connection:
        policy.accepts_unbound = bool(await connection.scalar(text(ACCEPTS_UNBOUND)))


async def watch_marker(engine: AsyncEngine, policy: OpeningPolicy) -> None:
    """Poll until unbound values are refused, then return: a marker is never removed."""
    if policy.accepts_unbound:
        log.warning("old sealed values are accepted: run python -m bot.users.key_rotation rewrap")
    while policy.accepts_unbound:
        await asyncio.sleep(POLL_SECONDS)
        try:
            await read_marker(engine, policy)
        except DRIVER_ERRORS as error:
            log.info("sealing marker could not be read", cause=type(error).__name__)
            continue
        if not policy.accepts_unbound:
            log.info("old sealed values are refused from now on")
