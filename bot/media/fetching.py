"""Fetches files from Telegram."""

from __future__ import annotations

import asyncio
import contextlib

import aiohttp
from aiogram import Bot
from aiogram.exceptions import (
    ClientDecodeError,
    TelegramAPIError,
    TelegramBadRequest,
    TelegramNetworkError,
    TelegramRetryAfter,
    TelegramServerError,
)
from aiogram.methods import GetFile

from bot.turns.attachments import FileError, FileProblem
from common.backoff import backoff
from common.log import get_logger

MAX_PAUSE_SECONDS = 5.0
MAX_ATTEMPTS = 4

log = get_logger(__name__)


class _FetchError(Exception):
    """One attempt failed; another one may succeed after `pause` seconds."""

    def __init__(self, cause: str, *, pause: float = 0.0) -> None:
        super().__init__(cause)
        self.pause = pause


class TelegramFiles:
    """Fetches files of messages.

    Args:
        seconds: for one file, all attempts together.
        max_bytes: larger files are refused.
    """

    def __init__(self, bot: Bot, *, seconds: float, max_bytes: int) -> None:
        self._bot = bot
        self._seconds = seconds
        self._max_bytes = max_bytes

    async def fetch(self, file_id: str, *, size: int | None) -> bytes:
        """The bytes of a file. Fetching it again costs nothing.

        Raises:
            FileError: it is too large, or Telegram does not deliver it.
        """
        if (size or 0) > self._max_bytes:
            raise FileError(FileProblem.TOO_LARGE)
        pauses = backoff(0.2, MAX_PAUSE_SECONDS)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._seconds):
                for _ in range(MAX_ATTEMPTS):
                    try:
                        return await self._fetch_once(file_id)
                    except _FetchError as error:
                        log.info("file could not be fetched", cause=str(error))
                        await asyncio.sleep(max(error.pause, next(pauses)))
        raise FileError(FileProblem.UNAVAILABLE)

    async def _fetch_once(self, file_id: str) -> bytes:
        try:
            file = await self._bot(GetFile(file_id=file_id))
        except TelegramRetryAfter as error:
            raise _FetchError(type(error).__name__, pause=error.retry_after) from error
        except (TelegramServerError, TelegramNetworkError, ClientDecodeError) as error:
            raise _FetchError(type(error).__name__) from error
        except TelegramAPIError as error:
            is_too_big = isinstance(error, TelegramBadRequest) and "too big" in error.message
            problem = FileProblem.TOO_LARGE if is_too_big else FileProblem.UNAVAILABLE
            raise FileError(problem) from error
        if (file.file_size or 0) > self._max_bytes:
            raise FileError(FileProblem.TOO_LARGE)
        if not file.file_path:
            raise FileError(FileProblem.UNAVAILABLE)
        try:
            content = await self._download(file.file_path)
        except (aiohttp.ClientError, OSError) as error:
            # Without its message: the address holds the token.
            raise _FetchError(type(error).__name__) from None
        if file.file_size is not None and len(content) != file.file_size:
            raise _FetchError("it is not complete")
        return content

    async def _download(self, path: str) -> bytes:
        session = self._bot.session
        content = bytearray()
        parts = session.stream_content(
            session.api.file_url(self._bot.token, path), timeout=max(int(self._seconds), 1)
        )
        async with contextlib.aclosing(parts):
            async for part in parts:
                content += part
                if len(content) > self._max_bytes:
                    raise FileError(FileProblem.TOO_LARGE)
        return bytes(content)
