"""aiogram's HTTP session, with invalid responses turned into aiogram's own exceptions."""

from __future__ import annotations

from typing import Any

from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.exceptions import (
    ClientDecodeError,
    TelegramAPIError,
    TelegramRetryAfter,
    TelegramServerError,
)
from aiogram.methods import GetUpdates, Response, TelegramMethod
from aiogram.methods.base import TelegramType

from bot.settings import TelegramSettings

RETRY_AFTER_UNSTATED_SECONDS = 3
TOO_MANY_REQUESTS = 429
CLIENT_ERRORS = range(400, 500)
ALLOWED_UPDATES = [
    "message",
    "edited_message",
    "callback_query",
    "message_reaction",
    "stopped_message_generation",
    "my_chat_member",
]


class GetRawUpdates(TelegramMethod[list[Any]]):
    """getUpdates without parsing: one malformed update must not fail the whole batch."""

    __returning__ = list[Any]
    __api_method__ = GetUpdates.__api_method__

    offset: int | None = None
    limit: int = 100
    timeout: int = 0
    allowed_updates: list[str] = ALLOWED_UPDATES


class TelegramSession(AiohttpSession):
    """Raises TelegramServerError for invalid responses, TelegramRetryAfter for any 429."""

    async def make_request(
        self,
        bot: Bot,
        method: TelegramMethod[TelegramType],
        timeout: int | None = None,  # noqa: ASYNC109 # the library's name
    ) -> TelegramType:
        try:
            return await super().make_request(bot, method, timeout)
        except UnicodeDecodeError as error:
            raise TelegramServerError(method, "the answer is not text") from error

    async def close(self) -> None:
        """Close without aiogram's 0.25 s wait for TLS, which aiohttp no longer needs."""
        if self._session is not None:
            await self._session.close()

    def check_response(
        self, bot: Bot, method: TelegramMethod[TelegramType], status_code: int, content: str
    ) -> Response[TelegramType]:
        try:
            return super().check_response(bot, method, status_code, content)
        except ClientDecodeError as error:
            cause: Exception = error
        except TypeError as error:
            cause = error  # a 5xx without a description
        except TelegramAPIError as error:
            if type(error) is not TelegramAPIError:
                raise
            cause = error  # a status that aiogram has no class for
        if status_code == TOO_MANY_REQUESTS:
            raise TelegramRetryAfter(
                method, "too many requests", RETRY_AFTER_UNSTATED_SECONDS
            ) from cause
        if isinstance(cause, TelegramAPIError) and status_code in CLIENT_ERRORS:
            raise cause
        raise TelegramServerError(method, f"HTTP {status_code} without an answer") from cause


def create_bot(settings: TelegramSettings) -> Bot:
    """A client for the configured Bot API server; does not connect yet."""
    session = TelegramSession(api=TelegramAPIServer.from_base(settings.telegram_api_url), limit=200)
    return Bot(settings.telegram_token.get_secret_value(), session=session)
