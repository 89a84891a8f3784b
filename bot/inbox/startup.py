"""Making the bot known to Telegram, and learning its name, however long Telegram is away."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from aiogram import Bot
from aiogram.exceptions import (
    TelegramAPIError,
    TelegramBadRequest,
    TelegramNotFound,
    TelegramRetryAfter,
    TelegramUnauthorizedError,
)

from bot.inbox.http import Webhook
from bot.inbox.polling import Poller
from bot.settings import TelegramSettings
from bot.telegram.meaning import Identity
from bot.telegram.session import ALLOWED_UPDATES
from common.errors import SettingError
from common.log import get_logger, redact

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 15.0

log = get_logger(__name__)


async def introduce(bot: Bot) -> Identity:
    """The bot's own name.

    Raises:
        SettingError: Telegram knows no bot with this token.
    """
    pause = FIRST_PAUSE_SECONDS
    while True:
        try:
            me = await bot.me()
        except (TelegramUnauthorizedError, TelegramNotFound) as error:
            raise SettingError("TELEGRAM_TOKEN", "Telegram does not know this bot") from error
        except TelegramRetryAfter as error:
            await asyncio.sleep(error.retry_after)
        except TelegramAPIError as error:
            log.warning("Telegram cannot be reached", cause=type(error).__name__, retry_in=pause)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
        else:
            return Identity(me.id, me.username or "")


def webhook_of(settings: TelegramSettings) -> Webhook | None:
    """How updates arrive over HTTP; None with long polling."""
    if settings.telegram_webhook_url is None or settings.telegram_webhook_secret is None:
        return None
    return Webhook(
        path=urlsplit(settings.telegram_webhook_url).path or "/",
        secret=settings.telegram_webhook_secret.get_secret_value().encode(),
        networks_only=settings.telegram_networks_only,
        trusted_hops=settings.telegram_trusted_hops,
    )


async def set_webhook(bot: Bot, settings: TelegramSettings) -> None:
    """Tell Telegram where to deliver. Pending updates stay.

    Raises:
        SettingError: Telegram does not accept this address.
    """
    secret = settings.telegram_webhook_secret
    try:
        await _insist(
            lambda: bot.set_webhook(
                settings.telegram_webhook_url or "",
                secret_token=secret.get_secret_value() if secret else None,
                allowed_updates=ALLOWED_UPDATES,
                drop_pending_updates=False,
            ),
            gives_up_on=TelegramBadRequest,
        )
    except TelegramBadRequest as error:
        # Another try would be refused as well, and meanwhile nothing is delivered.
        raise SettingError(
            "TELEGRAM_WEBHOOK_URL", f"Telegram refuses it: {_reason(error)}"
        ) from error


async def poll(bot: Bot, poller: Poller) -> None:
    """Poll until cancelled."""
    # A webhook left from another mode would make every poll fail.
    await _insist(lambda: bot.delete_webhook(drop_pending_updates=False))
    await poller.run()


async def _insist(
    request: Callable[[], Awaitable[object]],
    *,
    gives_up_on: type[TelegramAPIError] | tuple[()] = (),
) -> None:
    """Repeat a request until Telegram accepts it, or fails in the one way that is final."""
    pause = FIRST_PAUSE_SECONDS
    while True:
        try:
            await request()
        except gives_up_on:
            raise
        except TelegramRetryAfter as error:
            log.warning("Telegram asks to wait", seconds=error.retry_after)
            await asyncio.sleep(error.retry_after)
        except TelegramAPIError as error:
            log.warning(
                "Telegram refuses",
                cause=type(error).__name__,
                reason=_reason(error),
                retry_in=pause,
            )
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
        else:
            return


def _reason(error: TelegramAPIError) -> str:
    """Telegram's own words, as one line without a credential."""
    return redact(" ".join(error.message.split()))
