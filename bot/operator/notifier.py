"""Sends the operator's messages: the pipelines' digest and notices, and the bot's on its bill.

A message is claimed before it is sent. One that was claimed and never confirmed may have
arrived: it is sent once more, with a note that says so.
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
from bot.telegram.sender import MessageSender
from bot.turns.responder import UndeliverableError
from common.log import get_logger
from common.postgres import DRIVER_ERRORS, Sessions, transaction

MAX_ATTEMPTS = 2
MAX_CAPTION_CHARACTERS = 1024
POLL_SECONDS = 15.0
# `resend_after` must be longer than MessageSender retries.
CLAIM = text("""
UPDATE outbox SET claimed_at = now(), attempts = attempts + 1
WHERE id = (
    SELECT id FROM outbox
    WHERE sent_at IS NULL AND attempts < :max_attempts
      AND (claimed_at IS NULL OR claimed_at < now() - make_interval(secs => :resend_after))
    ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED
)
RETURNING id, key, payload, attempts
""")
CONFIRM = text("UPDATE outbox SET sent_at = now() WHERE id = :id")
FORGET = text("DELETE FROM outbox WHERE created_at < now() - interval '40 days'")

log = get_logger(__name__)


@dataclass(frozen=True)
class OutboxMessage:
    """A claimed message."""

    id: int
    key: str
    payload: dict[str, Any]
    attempts: int

    def text(self, _: Translator) -> str:
        """The text as the pipelines wrote it."""
        text = str(self.payload["text"])
        again = _("This may have reached you before.")
        return f"{again}\n\n{text}" if self.attempts > 1 else text


class OperatorNotifier:
    """Sends messages to one chat, oldest first, until cancelled.

    Args:
        resend_seconds: when an unconfirmed message is sent again.
    """

    def __init__(
        self,
        chat_id: int,
        *,
        sessions: Sessions,
        sender: MessageSender,
        translate: Translator,
        poll_seconds: float = POLL_SECONDS,
        resend_seconds: float = 1800.0,
    ) -> None:
        self._chat_id = chat_id
        self._sessions = sessions
        self._sender = sender
        self._translate = translate
        self._poll_seconds = poll_seconds
        self._resend_seconds = resend_seconds

    async def run(self) -> None:
        """Poll for messages until cancelled."""
        while True:
            try:
                while await self.send_one():
                    pass
                async with transaction(self._sessions) as session:
                    await session.execute(FORGET)
            except DRIVER_ERRORS as error:
                log.warning("operator_outbox_read_failed", cause=type(error).__name__)
            await asyncio.sleep(self._poll_seconds)

    async def send_one(self) -> bool:
        """Send the oldest message; False if there is none."""
        entry = await self._claim()
        if entry is None:
            return False
        try:
            await self._send(entry)
        except UndeliverableError as error:
            log.warning("operator_not_notified", entry=entry.key, cause=str(error))
            return True
        async with transaction(self._sessions) as session:
            await session.execute(CONFIRM, {"id": entry.id})
        log.info("operator_notified", entry=entry.key)
        return True

    async def _claim(self) -> OutboxMessage | None:
        async with transaction(self._sessions) as session:
            row = (
                await session.execute(
                    CLAIM, {"max_attempts": MAX_ATTEMPTS, "resend_after": self._resend_seconds}
                )
            ).one_or_none()
        return OutboxMessage(*row) if row else None

    async def _send(self, entry: OutboxMessage) -> None:
        is_group = self._chat_id < 0
        chart = entry.payload.get("chart")
        text = entry.text(self._translate)
        if chart:
            days = [(date.fromisoformat(day), int(count)) for day, count in chart["days"]]
            picture = BufferedInputFile(
                await draw_days(days, title=chart["title"]), filename="digest.png"
            )
            fits = len(text) <= MAX_CAPTION_CHARACTERS
            photo = SendPhoto(chat_id=self._chat_id, photo=picture, caption=text if fits else None)
            await self._sender.send(photo, is_group=is_group)
            if fits:
                return
        await self._sender.send(
            SendMessage(chat_id=self._chat_id, text=text[:4096]), is_group=is_group
        )
