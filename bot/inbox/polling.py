"""Long polling: fetches, stores, then confirms updates. One replica polls, others stand by."""

from __future__ import annotations

import asyncio
from time import monotonic

from aiogram import Bot
from aiogram.exceptions import (
    TelegramAPIError,
    TelegramConflictError,
    TelegramRetryAfter,
)

from bot.db.locks import ChatLocks, LocksLostError
from bot.inbox.store import Inbox
from bot.metrics import BotMetrics
from bot.telegram.session import GetRawUpdates
from common.backoff import backoff
from common.log import get_logger

FIRST_PAUSE_SECONDS = 0.5
MAX_PAUSE_SECONDS = 30.0
STAND_BY_SECONDS = 2.0

log = get_logger(__name__)


class Poller:
    """Moves updates from Telegram into the inbox."""

    def __init__(
        self,
        bot: Bot,
        *,
        inbox: Inbox,
        chat_locks: ChatLocks,
        metrics: BotMetrics,
        poll_seconds: int,
    ) -> None:
        self._bot = bot
        self._inbox = inbox
        self._chat_locks = chat_locks
        self._metrics = metrics
        self._poll_seconds = poll_seconds
        self._offset: int | None = None

    async def run(self) -> None:
        """Poll until cancelled."""
        pauses = backoff(FIRST_PAUSE_SECONDS, MAX_PAUSE_SECONDS)
        while True:
            try:
                if await self._chat_locks.become_poller():
                    self._metrics.is_poller.set(1)
                    await self._poll()
                    pauses = backoff(FIRST_PAUSE_SECONDS, MAX_PAUSE_SECONDS)
                else:
                    self._metrics.is_poller.set(0)
                    await asyncio.sleep(STAND_BY_SECONDS)
            except LocksLostError:
                self._metrics.is_poller.set(0)
                await asyncio.sleep(FIRST_PAUSE_SECONDS)
            except TelegramConflictError:
                # Another installation polls with this token, or a webhook is set.
                self._count("conflict")
                pause = next(pauses)
                log.warning("another program polls with this token", retry_in=pause)
                await asyncio.sleep(pause)
            except TelegramRetryAfter as error:
                self._count("flood")
                await asyncio.sleep(error.retry_after)
            except Exception as error:  # noqa: BLE001 # polling must continue after any error
                # The database or Telegram is unavailable: nothing was confirmed, nothing is lost.
                cause = "telegram" if isinstance(error, TelegramAPIError) else "storage"
                self._count(cause)
                pause = next(pauses)
                log.warning("poll failed", cause=type(error).__name__, retry_in=pause)
                await asyncio.sleep(pause)

    async def _poll(self) -> None:
        started = monotonic()
        updates = await self._bot(
            GetRawUpdates(offset=self._offset, timeout=self._poll_seconds),
            request_timeout=self._poll_seconds + 10,
        )
        if not updates:
            # Everything stored is confirmed. After a quiet week Telegram continues from a random
            # update_id, possibly a lower one: request from the start.
            self._offset = None
            if monotonic() - started < FIRST_PAUSE_SECONDS:
                # Without a long poll the server would be asked hundreds of times a second.
                await asyncio.sleep(FIRST_PAUSE_SECONDS)
            return
        await self._inbox.store(updates)
        numbers = [
            update["update_id"]
            for update in updates
            if isinstance(update, dict) and isinstance(update.get("update_id"), int)
        ]
        if numbers:
            self._offset = max(numbers) + 1
        else:
            # Nothing can be confirmed, so the next response will be the same.
            await asyncio.sleep(FIRST_PAUSE_SECONDS)

    def _count(self, cause: str) -> None:
        self._metrics.poll_errors.labels(cause).inc()
