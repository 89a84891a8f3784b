"""Sends requests to Telegram, retried until they are accepted or finally refused.

UndeliverableError  the chat cannot be reached (bot.turns.responder)
MarkupRefusedError  Telegram cannot parse the markup: send plain text
TooLongError        the text is too long for Telegram: send shorter parts
MessageGoneError    the message to edit is gone: send a new one
RichRefusedError    Telegram refuses the rich message: send text with entities
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Generic, TypeVar

from aiogram import Bot
from aiogram.exceptions import (
    TelegramAPIError,
    TelegramBadRequest,
    TelegramForbiddenError,
    TelegramMigrateToChat,
    TelegramNetworkError,
    TelegramNotFound,
    TelegramRetryAfter,
    TelegramServerError,
)
from aiogram.methods import EditMessageText, SendMessageDraft, TelegramMethod
from cachetools import FIFOCache

from bot.metrics import BotMetrics
from bot.telegram.refusals import ChatRefusals
from bot.telegram.send_limits import SendRateLimiter, WaitTimes
from bot.turns.responder import UndeliverableError
from common.backoff import backoff
from common.errors import DialyticsError
from common.log import get_logger

T = TypeVar("T")
MAX_PAUSE_SECONDS = 20.0
PREVIEW_TIMEOUT_SECONDS = 5
SEND_TIMEOUT_SECONDS = 30
RICH_PAUSE_SECONDS = 3600.0
"""How long answers are text after a rich message was refused; until the restart if the server
does not know them."""
MAX_REMEMBERED_CHATS = 5_000
_TOPIC = ("topic", "thread")
_OF_THE_CHAT = (*_TOPIC, "chat not found", "repl", "rights", "edited", "message_id_invalid")
"""A refusal with one of these says nothing about rich messages."""
_NO_RIGHT = ("not enough rights", "write_forbidden", "no rights", "restricted")

log = get_logger(__name__)


class MarkupRefusedError(DialyticsError):
    """Telegram cannot parse the text's markup."""


class TooLongError(DialyticsError):
    """The text is longer than Telegram accepts."""


class RichRefusedError(DialyticsError):
    """The server does not have rich messages, or refuses this one."""


class MessageGoneError(DialyticsError):
    """The message to edit was deleted or is too old."""


class TrySendResult(Enum):
    """The result of sending something optional."""

    SENT = auto()
    LOST = auto()
    REFUSED = auto()
    """Telegram would refuse it again."""


@dataclass(frozen=True)
class SendResult(Generic[T]):
    """Telegram's response, and how long the request waited.

    `left_topic`: the topic refused it, so it was sent to the chat's general topic.
    """

    result: T | None
    waited: WaitTimes
    left_topic: bool = False


class MessageSender:
    """Sends all messages of the bot.

    Args:
        refusals: counts refused messages.
        give_up_seconds: how long to retry while Telegram is unavailable.
    """

    def __init__(
        self,
        bot: Bot,
        *,
        rate_limiter: SendRateLimiter,
        metrics: BotMetrics,
        refusals: ChatRefusals,
        give_up_seconds: float = 900.0,
        retry_seconds: float = 0.5,
    ) -> None:
        self.refusals = refusals
        self._bot = bot
        self._rate_limiter = rate_limiter
        self._metrics = metrics
        self._give_up_seconds = give_up_seconds
        self._retry_seconds = retry_seconds
        self._knows_drafts = True
        self._no_rich_until = 0.0
        self._without_drafts: FIFOCache[tuple[int, int | None], None] = FIFOCache(
            MAX_REMEMBERED_CHATS
        )

    async def send(self, method: TelegramMethod[T], *, is_group: bool) -> SendResult[T]:
        """Send within Telegram's limits; `method` has a `chat_id`.

        Raises:
            UndeliverableError: it cannot be delivered.
            MarkupRefusedError: Telegram cannot parse the markup.
            TooLongError: it is too long.
            MessageGoneError: the message to edit is gone.
            RichRefusedError: the server refuses rich messages.
        """
        clock = asyncio.get_running_loop().time
        deadline = clock() + self._give_up_seconds
        pauses = backoff(self._retry_seconds, MAX_PAUSE_SECONDS)
        waited, left_topic = WaitTimes(), False
        while True:
            chat_id: int = getattr(method, "chat_id")  # noqa: B009 # not every method has one
            waited += await self._wait(chat_id, is_group=is_group)
            try:
                result = await self._bot(method, request_timeout=SEND_TIMEOUT_SECONDS)
            except TelegramRetryAfter as error:
                self._pause_chat(chat_id, error)
            except (TelegramServerError, TelegramNetworkError) as error:
                self._count("unavailable")
                pause = next(pauses)
                if clock() + pause > deadline:
                    raise UndeliverableError("undeliverable") from error
                log.warning("Telegram is unavailable", cause=type(error).__name__)
                await asyncio.sleep(pause * (0.5 + random.random()))  # noqa: S311 # jitter, not a secret
            except TelegramMigrateToChat as error:
                method = method.model_copy(update={"chat_id": error.migrate_to_chat_id})
            except TelegramAPIError as error:
                if "not modified" in _message(error):
                    return SendResult(None, waited)
                self._raise_if_rich(method, error)
                replacement = self._replacement(method, error)
                left_topic = left_topic or _topic_of(replacement) != _topic_of(method)
                method = replacement
            else:
                self._rate_limiter.record_sent(chat_id)
                return SendResult(result, waited, left_topic)

    async def send_once(self, method: TelegramMethod[T], *, is_group: bool) -> None:
        """Send so that it never arrives twice: repeated only while Telegram certainly refused it.

        Raises:
            UndeliverableError: it was refused, or it is not known whether it arrived.
        """
        chat_id: int = getattr(method, "chat_id")  # noqa: B009 # not every method has one
        while True:
            await self._wait(chat_id, is_group=is_group)
            try:
                await self._bot(method, request_timeout=SEND_TIMEOUT_SECONDS)
            except TelegramRetryAfter as error:
                self._pause_chat(chat_id, error)
            except (TelegramServerError, TelegramNetworkError) as error:
                self._count("unavailable")
                raise UndeliverableError("no answer from Telegram: it may have arrived") from error
            except TelegramAPIError as error:
                self._count("refused")
                raise UndeliverableError("refused by Telegram", is_refusal=True) from error
            else:
                self._rate_limiter.record_sent(chat_id)
                return

    async def try_send(self, method: TelegramMethod[Any]) -> TrySendResult:
        """Send something optional: a preview, an action. Never raises, never retries."""
        chat_id: int = getattr(method, "chat_id")  # noqa: B009 # as above
        try:
            await self._bot(method, request_timeout=PREVIEW_TIMEOUT_SECONDS)
        except TelegramRetryAfter as error:
            self._pause_chat(chat_id, error)
            return TrySendResult.LOST
        except (TelegramServerError, TelegramNetworkError):
            self._count("preview")
            return TrySendResult.LOST
        except TelegramAPIError as error:
            if "not modified" in _message(error):
                return TrySendResult.SENT
            self._count("preview")
            log.debug("preview refused", cause=type(error).__name__)
            if isinstance(method, SendMessageDraft):
                self._drop_drafts(method, error)
            elif _is_rich(method) and isinstance(error, TelegramNotFound):
                self._drop_rich(error)
            return TrySendResult.REFUSED
        return TrySendResult.SENT

    def may_preview(
        self, chat_id: int, *, is_group: bool = False, counts_for_chat: bool = False
    ) -> bool:
        """Take a slot for a preview if it delays no other send."""
        return self._rate_limiter.try_acquire(
            chat_id, is_group=is_group, counts_for_chat=counts_for_chat
        )

    def takes_drafts(self, chat_id: int, thread_id: int | None) -> bool:
        """Whether the server supports drafts and this chat has not refused one."""
        return self._knows_drafts and (chat_id, thread_id) not in self._without_drafts

    @property
    def takes_rich(self) -> bool:
        """Whether the server has not refused a rich message."""
        return asyncio.get_running_loop().time() >= self._no_rich_until

    def _raise_if_rich(self, method: TelegramMethod[Any], error: TelegramAPIError) -> None:
        if not _is_rich(method) or not isinstance(error, TelegramNotFound | TelegramBadRequest):
            return
        self._count("rich")
        if isinstance(error, TelegramNotFound) or not _contains_any(_message(error), _OF_THE_CHAT):
            self._drop_rich(error)
        raise RichRefusedError("rich message refused") from error

    def _drop_rich(self, error: TelegramAPIError) -> None:
        is_unknown = isinstance(error, TelegramNotFound)
        seconds = float("inf") if is_unknown else RICH_PAUSE_SECONDS
        self._no_rich_until = asyncio.get_running_loop().time() + seconds
        log.info("the Bot API server refuses rich messages: answers are text", unknown=is_unknown)

    def _drop_drafts(self, method: SendMessageDraft, error: TelegramAPIError) -> None:
        if isinstance(error, TelegramNotFound):
            self._knows_drafts = False
            log.info("the Bot API server has no drafts: previews are edits")
            return
        self._without_drafts[method.chat_id, method.message_thread_id] = None

    async def _wait(self, chat_id: int, *, is_group: bool) -> WaitTimes:
        waited = await self._rate_limiter.acquire(chat_id, is_group=is_group)
        self._metrics.flood_wait.inc(waited.flood_seconds)
        self._metrics.pacing_wait.inc(waited.pacing_seconds)
        return waited

    def _pause_chat(self, chat_id: int, error: TelegramRetryAfter) -> None:
        self._count("flood")
        log.warning("Telegram asks to wait", seconds=error.retry_after)
        self._rate_limiter.pause(chat_id, error.retry_after)

    def _replacement(self, method: TelegramMethod[T], error: TelegramAPIError) -> TelegramMethod[T]:
        """The method to send instead; raises if there is none."""
        message = _message(error)
        if isinstance(error, TelegramForbiddenError) and not _contains_any(message, _NO_RIGHT):
            self._count("blocked")
            raise UndeliverableError("blocked", is_refusal=True) from error
        if isinstance(error, TelegramBadRequest):
            if "too long" in message or "too_long" in message:
                self._count("too_long")
                raise TooLongError("too long") from error
            if "parse" in message or "entit" in message:
                self._count("markup")
                raise MarkupRefusedError("markup refused") from error
            if isinstance(method, EditMessageText):
                # Whatever is wrong with the old message, a new one may be accepted.
                raise MessageGoneError("the message cannot be edited") from error
            if _contains_any(message, _TOPIC) and _topic_of(method):
                # A reply would be sent to the topic again.
                nowhere = {"message_thread_id": None, "reply_parameters": None}
                return method.model_copy(update=nowhere)
            if "repl" in message and getattr(method, "reply_parameters", None):
                return method.model_copy(update={"reply_parameters": None})
        self._count("refused")
        log.warning("Telegram refused a message", cause=type(error).__name__)
        raise UndeliverableError("undeliverable", is_refusal=True) from error

    def _count(self, cause: str) -> None:
        self._metrics.send_failures.labels(cause).inc()


def _is_rich(method: TelegramMethod[Any]) -> bool:
    return getattr(method, "rich_message", None) is not None


def _message(error: TelegramAPIError) -> str:
    return (error.message or "").lower()


def _contains_any(message: str, any_of: tuple[str, ...]) -> bool:
    return any(each in message for each in any_of)


def _topic_of(method: TelegramMethod[Any]) -> int | None:
    topic: int | None = getattr(method, "message_thread_id", None)
    return topic
