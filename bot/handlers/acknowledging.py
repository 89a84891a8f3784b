"""Ends the waiting sign of a pressed button."""

from __future__ import annotations

import contextlib

from aiogram import Bot
from aiogram.exceptions import TelegramAPIError
from aiogram.types import CallbackQuery


async def acknowledge(query: CallbackQuery, bot: Bot, text: str | None = None) -> None:
    """Answer a pressed button, with a short text that disappears if there is one.

    Telegram refuses late answers, which is harmless.
    """
    with contextlib.suppress(TelegramAPIError):
        await bot.answer_callback_query(query.id, text=text)
