"""Sends the operators' messages: the pipelines' digest, notices and alerts, the bot's on its bill.

A message is claimed before it is sent. One that was claimed and never confirmed may have arrived:
a digest is then sent once more, with a note that says so; an alert is not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from aiogram.methods import SendMessage, SendPhoto
from aiogram.types import BufferedInputFile
from sqlalchemy import text

from bot.telegram.chart import draw_days
from bot.telegram.sender import MessageSender, TooLongError
from bot.turns.responder import UndeliverableError
from common.language.i18n import Translator
from common.log import get_logger
from common.postgres import DRIVER_ERRORS, Sessions, transaction

MAX_ATTEMPTS = 2
MAX_CAPTION_CHARACTERS = 1024
POLL_SECONDS = 15.0
OPERATOR, CHAT = "operator", "chat"
# `resend_after` must be longer than MessageSender retries.
CLAIM = text("""
UPDATE outbox SET claimed_at = now(), attempts = attempts + 1
WHERE id = (
    SELECT id FROM outbox
    WHERE sent_at IS NULL AND attempts < :max_attempts AND channel = ANY(:channels)
      AND (send_after IS NULL OR send_after <= now())
      AND (claimed_at IS NULL
           OR resends AND claimed_at < now() - make_interval(secs => :resend_after))
    ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED
)
RETURNING id, key, payload, attempts, channel, resends
""")
CONFIRM = text("UPDATE outbox SET sent_at = now(), problem = NULL WHERE id = :id")
FAILED = text("UPDATE outbox SET problem = :problem WHERE id = :id")
FORGET = text("DELETE FROM outbox WHERE created_at < now() - interval '40 days'")

log = get_logger(__name__)


@dataclass(frozen=True)
class OutboxMessage:
    """A claimed message."""

    id: int
    key: str
    payload: dict[str, Any]
    attempts: int
    channel: str
    resends: bool

    def text(self, _: Translator) -> str:
        """The text as the pipelines wrote it."""
        text = str(self.payload["text"])
        again = _("This may have reached you before.")
        return f"{again}\n\n{text}" if self.attempts > 1 and self.resends else text


class OperatorNotifier:
    """Sends messages to Telegram, oldest first, until cancelled.

    Args:
        chat_id: the operator's chat; None: only messages to other chats are sent.
        resend_seconds: when an unconfirmed message is sent again.
    """

    def __init__(
        self,
        chat_id: int | None,
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
        except (UndeliverableError, TooLongError) as error:
            log.warning("operator_not_notified", entry=entry.key, cause=str(error))
            async with transaction(self._sessions) as session:
                await session.execute(FAILED, {"id": entry.id, "problem": str(error)})
            return True
        async with transaction(self._sessions) as session:
            await session.execute(CONFIRM, {"id": entry.id})
        log.info("operator_notified", entry=entry.key)
        return True

    async def _claim(self) -> OutboxMessage | None:
        channels = [CHAT] if self._chat_id is None else [CHAT, OPERATOR]
        return await claim(
            self._sessions,
            channels=channels,
            max_attempts=MAX_ATTEMPTS,
            resend_seconds=self._resend_seconds,
        )

    async def _send(self, entry: OutboxMessage) -> None:
        chat_id = self._chat_id if entry.channel == OPERATOR else int(entry.payload["chat_id"])
        assert chat_id is not None  # noqa: S101 # without it none of that channel is claimed
        chart = entry.payload.get("chart")
        text = entry.text(self._translate)
        if chart:
            days = [(date.fromisoformat(day), int(count)) for day, count in chart["days"]]
            picture = BufferedInputFile(
                await draw_days(days, title=chart["title"]), filename="digest.png"
            )
            fits = len(text) <= MAX_CAPTION_CHARACTERS
            photo = SendPhoto(chat_id=chat_id, photo=picture, caption=text if fits else None)
            await self._sender.send(photo, is_group=chat_id < 0)
            if fits:
                return
        message = SendMessage(chat_id=chat_id, text=text[:4096])
        if entry.resends:
            await self._sender.send(message, is_group=chat_id < 0)
        else:
            await self._sender.send_once(message, is_group=chat_id < 0)


async def claim(
    sessions: Sessions, *, channels: Sequence[str], max_attempts: int, resend_seconds: float
) -> OutboxMessage | None:
    """The oldest message of these channels that is due, which no other replica then gets."""
    async with transaction(sessions) as session:
        row = (
            await session.execute(
                CLAIM,
                {
                    "channels": list(channels),
                    "max_attempts": max_attempts,
                    "resend_after": resend_seconds,
                },
            )
        ).one_or_none()
    return OutboxMessage(*row) if row else None
