"""Start-up requests to Telegram, retried until Telegram is available."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar
from urllib.parse import urlsplit

from aiogram import Bot
from aiogram.exceptions import (
    TelegramAPIError,
    TelegramBadRequest,
    TelegramNotFound,
    TelegramRetryAfter,
    TelegramUnauthorizedError,
)

from bot.inbox.http import WebhookConfig
from bot.inbox.polling import Poller
from bot.settings import TelegramSettings
from bot.telegram.intent import BotIdentity
from bot.telegram.session import ALLOWED_UPDATES
from common.backoff import backoff
from common.errors import SettingError
from common.log import get_logger, redact

T = TypeVar("T")
FIRST_PAUSE_SECONDS = 0.5
MAX_PAUSE_SECONDS = 15.0

log = get_logger(__name__)


async def fetch_identity(bot: Bot) -> BotIdentity:
    """The bot's id and username.

    Raises:
        SettingError: Telegram has no bot with this token.
    """
    unknown = (TelegramUnauthorizedError, TelegramNotFound)
    try:
        me = await _retry_until_accepted(bot.me, gives_up_on=unknown)
    except unknown as error:
        raise SettingError("TELEGRAM_TOKEN", "Telegram does not know this bot") from error
    return BotIdentity(me.id, me.username or "")


def webhook_config(settings: TelegramSettings) -> WebhookConfig | None:
    """The webhook's configuration; None with long polling."""
    if settings.telegram_webhook_url is None or settings.telegram_webhook_secret is None:
        return None
    return WebhookConfig(
        path=urlsplit(settings.telegram_webhook_url).path or "/",
        secret=settings.telegram_webhook_secret.get_secret_value().encode(),
        networks_only=settings.telegram_networks_only,
        trusted_hops=settings.telegram_trusted_hops,
    )


async def set_webhook(bot: Bot, settings: TelegramSettings) -> None:
    """Set the webhook. Pending updates are kept.

    Raises:
        SettingError: Telegram rejects the URL.
    """
    secret = settings.telegram_webhook_secret
    try:
        await _retry_until_accepted(
            lambda: bot.set_webhook(
                settings.telegram_webhook_url or "",
                secret_token=secret.get_secret_value() if secret else None,
                allowed_updates=ALLOWED_UPDATES,
                drop_pending_updates=False,
            ),
            gives_up_on=(TelegramBadRequest,),
        )
    except TelegramBadRequest as error:
        # Retrying would not help, and no update would be delivered meanwhile.
        raise SettingError(
            "TELEGRAM_WEBHOOK_URL", f"Telegram refuses it: {_reason(error)}"
        ) from error


async def run_polling(bot: Bot, poller: Poller) -> None:
    """Poll until cancelled."""
    # A webhook set earlier would make every poll fail.
    await _retry_until_accepted(lambda: bot.delete_webhook(drop_pending_updates=False))
    await poller.run()


async def _retry_until_accepted(
    request: Callable[[], Awaitable[T]], *, gives_up_on: tuple[type[TelegramAPIError], ...] = ()
) -> T:
    """Repeat a request until Telegram accepts it or fails with one of `gives_up_on`."""
    pauses = backoff(FIRST_PAUSE_SECONDS, MAX_PAUSE_SECONDS)
    while True:
        try:
            return await request()
        except gives_up_on:
            raise
        except TelegramRetryAfter as error:
            log.warning("Telegram asks to wait", seconds=error.retry_after)
            await asyncio.sleep(error.retry_after)
        except TelegramAPIError as error:
            pause = next(pauses)
            log.warning(
                "request to Telegram failed",
                cause=type(error).__name__,
                reason=_reason(error),
                retry_in=pause,
            )
            await asyncio.sleep(pause)


def _reason(error: TelegramAPIError) -> str:
    """Telegram's error message on one line, without credentials."""
    return redact(" ".join(error.message.split()))
