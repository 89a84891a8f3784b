"""Sending: one request to Telegram, repeated until it is accepted or can never be.

Knows limits and errors of the Bot API, nothing about what is sent.

UndeliverableError  nobody can be reached there (bot.turns.service)
RefusedTextError    Telegram cannot parse the markup: send it plain
TooLongError        Telegram finds the text too long: send it in shorter parts
GoneMessageError    the message to edit is not there: send a new one
"""

from __future__ import annotations

import asyncio
import random
from collections import OrderedDict
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

from bot.metrics import Metrics
from bot.telegram.refusals import ChatRefusals
from bot.telegram.send_limits import Pace, Waited
from bot.turns.responder import UndeliverableError
from common.errors import DialyticsError
from common.log import get_logger

T = TypeVar("T")
LONGEST_PAUSE_SECONDS = 20.0
PREVIEW_TIMEOUT_SECONDS = 5
SEND_TIMEOUT_SECONDS = 30
REMEMBERED_CHATS = 5_000
_TOPIC = ("topic", "thread")
_NO_RIGHT = ("not enough rights", "write_forbidden", "no rights", "restricted")

log = get_logger(__name__)


class RefusedTextError(DialyticsError):
    """Telegram cannot parse the text's markup."""


class TooLongError(DialyticsError):
    """The text is longer than Telegram takes."""


class GoneMessageError(DialyticsError):
    """The message to edit is not there any more, or is too old."""


class Tried(Enum):
    """What became of something that may be lost."""

    SENT = auto()
    LOST = auto()
    REFUSED = auto()
    """It would be refused again."""


@dataclass(frozen=True)
class Sent(Generic[T]):
    """What Telegram answered, and how long the request waited.

    `left_topic`: the topic takes no messages, so it went to the chat's general one.
    """

    result: T | None
    waited: Waited
    left_topic: bool = False


class Outbox:
    """The only place that sends.

    Args:
        refusals: counts what a chat refuses.
        give_up_seconds: how long Telegram may be away before an answer is given up.
    """

    def __init__(
        self,
        bot: Bot,
        *,
        pace: Pace,
        metrics: Metrics,
        refusals: ChatRefusals,
        give_up_seconds: float = 900.0,
        retry_seconds: float = 0.5,
    ) -> None:
        self.refusals = refusals
        self._bot = bot
        self._pace = pace
        self._metrics = metrics
        self._give_up_seconds = give_up_seconds
        self._retry_seconds = retry_seconds
        self._knows_drafts = True
        self._without_drafts: OrderedDict[tuple[int, int | None], None] = OrderedDict()

    async def send(self, method: TelegramMethod[T], *, is_group: bool) -> Sent[T]:
        """Send within Telegram's limits; `method` has a `chat_id`.

        Raises:
            UndeliverableError: it can never be delivered.
            RefusedTextError: its markup is not accepted.
            TooLongError: it is too long.
            GoneMessageError: the message it edits is gone.
        """
        clock = asyncio.get_running_loop().time
        deadline = clock() + self._give_up_seconds
        waited, pause, left_topic = Waited(), self._retry_seconds, False
        while True:
            chat_id: int = getattr(method, "chat_id")  # noqa: B009 # not every method has one
            waited += await self._wait(chat_id, is_group=is_group)
            try:
                result = await self._bot(method, request_timeout=SEND_TIMEOUT_SECONDS)
            except TelegramRetryAfter as error:
                self._limited(chat_id, error)
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
                if "not modified" in _words(error):
                    return Sent(None, waited)
                following = self._following(method, error)
                left_topic = left_topic or _topic_of(following) != _topic_of(method)
                method = following
            else:
                self._pace.sent(chat_id)
                return Sent(result, waited, left_topic)

    async def try_send(self, method: TelegramMethod[Any]) -> Tried:
        """Send something that may be lost: a preview, an action. Never raises, never repeats."""
        chat_id: int = getattr(method, "chat_id")  # noqa: B009 # as above
        try:
            await self._bot(method, request_timeout=PREVIEW_TIMEOUT_SECONDS)
        except TelegramRetryAfter as error:
            self._limited(chat_id, error)
            return Tried.LOST
        except (TelegramServerError, TelegramNetworkError):
            self._count("preview")
            return Tried.LOST
        except TelegramAPIError as error:
            if "not modified" in _words(error):
                return Tried.SENT
            self._count("preview")
            log.debug("preview refused", cause=type(error).__name__)
            if isinstance(method, SendMessageDraft):
                self._drop_drafts(method, error)
            return Tried.REFUSED
        return Tried.SENT

    def may_preview(self, chat_id: int, *, is_group: bool = False, counts: bool = False) -> bool:
        """Whether a preview would hold up nobody."""
        return self._pace.try_now(chat_id, is_group=is_group, counts=counts)

    def takes_drafts(self, chat_id: int, thread_id: int | None) -> bool:
        """Whether the server knows drafts, and this chat has refused none."""
        return self._knows_drafts and (chat_id, thread_id) not in self._without_drafts

    def _drop_drafts(self, method: SendMessageDraft, error: TelegramAPIError) -> None:
        if isinstance(error, TelegramNotFound):
            self._knows_drafts = False
            log.info("the Bot API server knows no drafts: answers grow by edits")
            return
        self._without_drafts[method.chat_id, method.message_thread_id] = None
        while len(self._without_drafts) > REMEMBERED_CHATS:
            self._without_drafts.popitem(last=False)

    async def _wait(self, chat_id: int, *, is_group: bool) -> Waited:
        waited = await self._pace.turn(chat_id, is_group=is_group)
        self._metrics.flood_wait.inc(waited.flood_seconds)
        self._metrics.pacing_wait.inc(waited.pacing_seconds)
        return waited

    def _limited(self, chat_id: int, error: TelegramRetryAfter) -> None:
        self._count("flood")
        log.warning("Telegram asks to wait", seconds=error.retry_after)
        self._pace.pause(chat_id, error.retry_after)

    def _following(self, method: TelegramMethod[T], error: TelegramAPIError) -> TelegramMethod[T]:
        """What to send instead. Raises what cannot be helped."""
        words = _words(error)
        if isinstance(error, TelegramForbiddenError) and not _has(words, _NO_RIGHT):
            self._count("blocked")
            raise UndeliverableError("blocked", is_refusal=True) from error
        if isinstance(error, TelegramBadRequest):
            if "too long" in words or "too_long" in words:
                self._count("too_long")
                raise TooLongError("too long") from error
            if "parse" in words or "entit" in words:
                self._count("markup")
                raise RefusedTextError("markup refused") from error
            if isinstance(method, EditMessageText):
                # Whatever is wrong with the old message, a new one may be taken.
                raise GoneMessageError("the message cannot be edited") from error
            if _has(words, _TOPIC) and _topic_of(method):
                # A reply would lead back into the topic.
                nowhere = {"message_thread_id": None, "reply_parameters": None}
                return method.model_copy(update=nowhere)
            if "repl" in words and getattr(method, "reply_parameters", None):
                return method.model_copy(update={"reply_parameters": None})
        self._count("refused")
        log.warning("Telegram refuses a message", cause=type(error).__name__)
        raise UndeliverableError("undeliverable", is_refusal=True) from error

    def _count(self, cause: str) -> None:
        self._metrics.send_failures.labels(cause).inc()


def _words(error: TelegramAPIError) -> str:
    return (error.message or "").lower()


def _has(words: str, any_of: tuple[str, ...]) -> bool:
    return any(each in words for each in any_of)


def _topic_of(method: TelegramMethod[Any]) -> int | None:
    topic: int | None = getattr(method, "message_thread_id", None)
    return topic
