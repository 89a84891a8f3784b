"""Records what the dashboard shows of a bot: username, version, access, limits, chat."""

from __future__ import annotations

import asyncio

from sqlalchemy import func
from sqlalchemy.dialects.postgresql import insert

from bot.db.tables import BotRow
from bot.settings import AccessMode, BillSettings
from bot.telegram.intent import BotIdentity
from common.backoff import backoff
from common.log import get_logger
from common.postgres import DRIVER_ERRORS, Sessions, transaction
from common.version import VERSION

FIRST_PAUSE_SECONDS = 0.5
MAX_PAUSE_SECONDS = 15.0

log = get_logger(__name__)


async def record_start(
    sessions: Sessions,
    identity: BotIdentity,
    *,
    limits: BillSettings,
    has_operator_chat: bool,
    access_mode: AccessMode,
    version: str = VERSION,
) -> None:
    """Write the bot's row of `bots`, as soon as the database answers."""
    values = {
        "username": identity.username,
        "has_operator_chat": has_operator_chat,
        "access_mode": access_mode.value,
        "version": version,
        "started_at": func.now(),
        **{name.removesuffix("_limit"): usd for name, usd in limits.model_dump().items()},
    }
    statement = (
        insert(BotRow)
        .values(bot_id=identity.bot_id, **values)
        .on_conflict_do_update(index_elements=["bot_id"], set_=values)
    )
    for pause in backoff(FIRST_PAUSE_SECONDS, MAX_PAUSE_SECONDS):
        try:
            async with transaction(sessions) as session:
                await session.execute(statement)
        except DRIVER_ERRORS as error:
            log.warning("start_unrecorded", error=type(error).__name__)
        else:
            return
        await asyncio.sleep(pause)
