"""Long polling: fetch, store, and only then confirm. One replica polls, the others stand by."""

from __future__ import annotations

import asyncio
from time import monotonic

from aiogram import Bot
from aiogram.exceptions import (
    TelegramAPIError,
    TelegramConflictError,
    TelegramRetryAfter,
)

from bot.db.locks import Leases, LeasesLostError
from bot.inbox.store import Inbox
from bot.metrics import Metrics
from bot.telegram.session import RawUpdates
from common.log import get_logger

LONGEST_PAUSE_SECONDS = 30.0
STAND_BY_SECONDS = 2.0

log = get_logger(__name__)


class Poller:
    """Moves updates from Telegram into the inbox."""

    def __init__(
        self,
        bot: Bot,
        *,
        inbox: Inbox,
        leases: Leases,
        metrics: Metrics,
        poll_seconds: int,
        first_pause_seconds: float = 0.5,
    ) -> None:
        self._bot = bot
        self._inbox = inbox
        self._leases = leases
        self._metrics = metrics
        self._poll_seconds = poll_seconds
        self._first_pause_seconds = first_pause_seconds
        self._offset: int | None = None

    async def run(self) -> None:
        """Poll until cancelled."""
        pause = self._first_pause_seconds
        while True:
            try:
                if await self._leases.become_poller():
                    self._metrics.is_poller.set(1)
                    await self._poll()
                    pause = self._first_pause_seconds
                else:
                    self._metrics.is_poller.set(0)
                    await asyncio.sleep(STAND_BY_SECONDS)
            except LeasesLostError:
                self._metrics.is_poller.set(0)
                await asyncio.sleep(self._first_pause_seconds)
            except TelegramConflictError:
                # Somebody else polls with this token: a second installation, or a webhook.
                self._count("conflict")
                log.warning("another program polls with this token", retry_in=pause)
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
            except TelegramRetryAfter as error:
                self._count("flood")
                await asyncio.sleep(error.retry_after)
            except Exception as error:  # noqa: BLE001 # whatever it is, polling must go on
                # The database or Telegram may be away: nothing was confirmed, nothing is lost.
                cause = "telegram" if isinstance(error, TelegramAPIError) else "storage"
                self._count(cause)
                log.warning("poll failed", cause=type(error).__name__, retry_in=pause)
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    async def _poll(self) -> None:
        started = monotonic()
        updates = await self._bot(
            RawUpdates(offset=self._offset, timeout=self._poll_seconds),
            request_timeout=self._poll_seconds + 10,
        )
        if not updates:
            # What was stored is confirmed now. After a quiet week Telegram numbers updates from
            # a random point, maybe below: the next request begins with whatever is there.
            self._offset = None
            if monotonic() - started < self._first_pause_seconds:
                # A server that holds no request would be asked hundreds of times a second.
                await asyncio.sleep(self._first_pause_seconds)
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
            # Nothing here can be confirmed, so the next answer is the same one.
            await asyncio.sleep(self._first_pause_seconds)

    def _count(self, cause: str) -> None:
        self._metrics.poll_errors.labels(cause).inc()
