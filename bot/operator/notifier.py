"""Tells the operator what the pipelines have written down: the digest and its notices.

An entry is claimed before Telegram is asked. What was claimed and never confirmed may have
arrived: it is sent once more, and says so. Knows no number in it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import date
from typing import Any

from aiogram.methods import SendMessage, SendPhoto
from aiogram.types import BufferedInputFile
from sqlalchemy import text

from bot.i18n import Translator
from bot.telegram.chart import draw_days
from bot.telegram.sender import Outbox
from bot.turns.responder import UndeliverableError
from common.log import get_logger
from common.postgres import DRIVER_ERRORS, Sessions, transaction

MOST_ATTEMPTS = 2
LONGEST_CAPTION = 1024
LOOK_SECONDS = 15.0
# Longer than the sender tries.
CLAIM = text("""
UPDATE outbox SET claimed_at = now(), attempts = attempts + 1
WHERE id = (
    SELECT id FROM outbox
    WHERE sent_at IS NULL AND attempts < :most
      AND (claimed_at IS NULL OR claimed_at < now() - make_interval(secs => :patience))
    ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED
)
RETURNING id, key, payload, attempts
""")
CONFIRM = text("UPDATE outbox SET sent_at = now() WHERE id = :id")
FORGET = text("DELETE FROM outbox WHERE created_at < now() - interval '30 days'")

log = get_logger(__name__)


@dataclass(frozen=True)
class Entry:
    """One claimed message."""

    id: int
    key: str
    payload: dict[str, Any]
    attempts: int

    def words(self, _: Translator) -> str:
        """As the pipelines wrote them."""
        words = str(self.payload["text"])
        again = _("This may have reached you before.")
        return f"{again}\n\n{words}" if self.attempts > 1 else words


class OperatorMail:
    """Sends entries to one chat, oldest first, until cancelled.

    Args:
        patience_seconds: after how long an unconfirmed entry is sent again.
    """

    def __init__(
        self,
        chat_id: int,
        *,
        sessions: Sessions,
        outbox: Outbox,
        translate: Translator,
        look_seconds: float = LOOK_SECONDS,
        patience_seconds: float = 1800.0,
    ) -> None:
        self._chat_id = chat_id
        self._sessions = sessions
        self._outbox = outbox
        self._translate = translate
        self._look_seconds = look_seconds
        self._patience_seconds = patience_seconds

    async def run(self) -> None:
        """Look for entries for ever."""
        while True:
            try:
                while await self.send_one():
                    pass
                async with transaction(self._sessions) as session:
                    await session.execute(FORGET)
            except DRIVER_ERRORS as error:
                log.warning("operator's messages not read", cause=type(error).__name__)
            await asyncio.sleep(self._look_seconds)

    async def send_one(self) -> bool:
        """Send the oldest entry; False when there is none."""
        entry = await self._claim()
        if entry is None:
            return False
        try:
            await self._send(entry)
        except UndeliverableError as error:
            log.warning("operator not reached", entry=entry.key, cause=str(error))
            return True
        async with transaction(self._sessions) as session:
            await session.execute(CONFIRM, {"id": entry.id})
        log.info("operator told", entry=entry.key)
        return True

    async def _claim(self) -> Entry | None:
        async with transaction(self._sessions) as session:
            row = (
                await session.execute(
                    CLAIM, {"most": MOST_ATTEMPTS, "patience": self._patience_seconds}
                )
            ).one_or_none()
        return Entry(*row) if row else None

    async def _send(self, entry: Entry) -> None:
        is_group = self._chat_id < 0
        chart = entry.payload.get("chart")
        words = entry.words(self._translate)
        if chart:
            days = [(date.fromisoformat(day), int(count)) for day, count in chart["days"]]
            picture = BufferedInputFile(
                await draw_days(days, title=chart["title"]), filename="digest.png"
            )
            fits = len(words) <= LONGEST_CAPTION
            photo = SendPhoto(chat_id=self._chat_id, photo=picture, caption=words if fits else None)
            await self._outbox.send(photo, is_group=is_group)
            if fits:
                return
        await self._outbox.send(
            SendMessage(chat_id=self._chat_id, text=words[:4096]), is_group=is_group
        )
