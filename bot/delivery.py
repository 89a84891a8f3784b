"""Sending: one request to Telegram, repeated until it is accepted or can never be.

Knows limits and errors of the Bot API, nothing about what is sent.

UndeliverableError  nobody can be reached there (bot.turns)
RefusedTextError    Telegram cannot parse the markup: send it plain
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from aiogram import Bot
from aiogram.exceptions import (
    TelegramAPIError,
    TelegramBadRequest,
    TelegramForbiddenError,
    TelegramMigrateToChat,
    TelegramNetworkError,
    TelegramRetryAfter,
    TelegramServerError,
)
from aiogram.methods import TelegramMethod

from bot.audience import UndeliverableError
from bot.metrics import Metrics
from bot.pace import Pace
from common.errors import DialyticsError
from common.log import get_logger

T = TypeVar("T")
LONGEST_PAUSE_SECONDS = 20.0
PREVIEW_TIMEOUT_SECONDS = 5
SEND_TIMEOUT_SECONDS = 30

log = get_logger(__name__)


class RefusedTextError(DialyticsError):
    """Telegram cannot parse the text's markup."""


class GoneMessageError(DialyticsError):
    """The message to edit is not there any more, or is too old."""


@dataclass(frozen=True)
class Sent(Generic[T]):
    """What Telegram answered, and the seconds that its limits cost."""

    result: T | None
    waited_seconds: float


class Outbox:
    """The only place that sends.

    Args:
        give_up_seconds: how long Telegram may be away before an answer is given up.
    """

    def __init__(
        self,
        bot: Bot,
        *,
        pace: Pace,
        metrics: Metrics,
        give_up_seconds: float = 900.0,
        retry_seconds: float = 0.5,
    ) -> None:
        self._bot = bot
        self._pace = pace
        self._metrics = metrics
        self._give_up_seconds = give_up_seconds
        self._retry_seconds = retry_seconds

    async def send(self, method: TelegramMethod[T], *, is_group: bool) -> Sent[T]:
        """Send within Telegram's limits; `method` has a `chat_id`.

        Raises:
            UndeliverableError: it can never be delivered.
            RefusedTextError: its markup is not accepted.
            GoneMessageError: the message it edits is gone.
        """
        clock = asyncio.get_running_loop().time
        deadline = clock() + self._give_up_seconds
        waited, pause = 0.0, self._retry_seconds
        while True:
            chat_id: int = getattr(method, "chat_id")  # noqa: B009 # not every method has one
            pace_wait = await self._pace.turn(chat_id, is_group=is_group)
            waited += pace_wait
            self._metrics.flood_wait.inc(pace_wait)
            try:
                result = await self._bot(method, request_timeout=SEND_TIMEOUT_SECONDS)
            except TelegramRetryAfter as error:
                self._count("flood")
                log.warning("Telegram asks to wait", seconds=error.retry_after)
                self._pace.pause(error.retry_after)
            except (TelegramServerError, TelegramNetworkError) as error:
                self._count("unavailable")
                if clock() + pause > deadline:
                    raise UndeliverableError("undeliverable") from error
                log.warning("Telegram is not available", cause=type(error).__name__)
                await asyncio.sleep(pause * (0.5 + random.random()))  # noqa: S311 # jitter, not a secret
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
            except TelegramMigrateToChat as error:
                method = method.model_copy(update={"chat_id": error.migrate_to_chat_id})
            except TelegramAPIError as error:
                following = self._following(method, error)
                if following is None:
                    return Sent(None, waited)
                method = following
            else:
                self._pace.sent(chat_id)
                return Sent(result, waited)

    async def try_send(self, method: TelegramMethod[Any]) -> bool:
        """Send something that may be lost: a preview, an action. Never raises, never repeats."""
        try:
            await self._bot(method, request_timeout=PREVIEW_TIMEOUT_SECONDS)
        except TelegramRetryAfter as error:
            self._count("flood")
            self._pace.pause(error.retry_after)
        except TelegramAPIError as error:
            self._count("preview")
            log.debug("preview not sent", cause=type(error).__name__)
            return False
        return True

    def may_preview(self, chat_id: int, *, is_group: bool = False, counts: bool = False) -> bool:
        """Whether a preview would hold up nobody."""
        return self._pace.try_now(chat_id, is_group=is_group, counts=counts)

    def _following(
        self, method: TelegramMethod[T], error: TelegramAPIError
    ) -> TelegramMethod[T] | None:
        """What to send instead; None: nothing is left to do. Raises what cannot be helped."""
        words = (error.message or "").lower()
        if isinstance(error, TelegramForbiddenError):
            self._count("blocked")
            raise UndeliverableError("blocked") from error
        if isinstance(error, TelegramBadRequest):
            if "not modified" in words:
                return None
            if "parse" in words or "entit" in words:
                self._count("markup")
                raise RefusedTextError("markup refused") from error
            if "message to edit not found" in words or "can't be edited" in words:
                raise GoneMessageError("the message is gone") from error
            if "thread" in words and getattr(method, "message_thread_id", None):
                return method.model_copy(update={"message_thread_id": None})
            if "repl" in words and getattr(method, "reply_parameters", None):
                return method.model_copy(update={"reply_parameters": None})
        self._count("refused")
        log.warning("Telegram refuses a message", cause=type(error).__name__)
        raise UndeliverableError("undeliverable") from error

    def _count(self, cause: str) -> None:
        self._metrics.send_failures.labels(cause).inc()
