"""Deletes pictures that were kept for MEDIA_RETENTION_HOURS."""

from __future__ import annotations

import asyncio

from bot.db.statements import Statements
from common.log import get_logger
from common.postgres import DRIVER_ERRORS

PAUSE_SECONDS = 300.0

log = get_logger(__name__)


async def drop_old_pictures(statements: Statements, hours: int) -> None:
    """Delete old pictures again and again. One that is not deleted yet is not shown either."""
    while True:
        try:
            dropped = await statements.rows("drop_pictures", {"hours": hours})
        except DRIVER_ERRORS as error:
            log.warning("old pictures could not be deleted", cause=type(error).__name__)
        else:
            if dropped:
                log.info("old pictures deleted", pictures=len(dropped))
        await asyncio.sleep(PAUSE_SECONDS)
