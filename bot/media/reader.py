"""Reads the files of a question: fetches each, then reads it in a process of its own."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from uuid import uuid4

from aiogram import Bot

from bot.media.fetching import TelegramFiles
from bot.media.length import seconds_of
from bot.media.process import ReadingProcess
from bot.settings import MediaSettings
from bot.turns.attachments import (
    Attachment,
    AttachmentKind,
    DocumentText,
    FileError,
    FileProblem,
    Picture,
    Recording,
    Remark,
)
from bot.turns.question import QuestionMessage, quoted_block
from bot.turns.records import Question
from bot.turns.steps.opening import PreparedQuestion
from common.log import get_logger

MAX_FILES_AT_ONCE = 4
"""Files that are fetched and in memory at the same time."""

log = get_logger(__name__)


class MediaReader:
    """Reads attachments. Nothing is kept here: after a crash a file is fetched again."""

    def __init__(self, bot: Bot, settings: MediaSettings, *, max_speech_seconds: int) -> None:
        self._max_speech_seconds = max_speech_seconds
        self._settings = settings
        self._files = TelegramFiles(
            bot,
            seconds=settings.media_fetch_seconds,
            max_bytes=settings.media_megabytes * 1024 * 1024,
        )
        self._process = ReadingProcess(
            seconds=settings.media_read_seconds,
            memory_megabytes=settings.media_memory_megabytes,
            processes=settings.media_processes,
        )
        self._turn_to_read = asyncio.Semaphore(MAX_FILES_AT_ONCE)

    async def prepare(self, question: Question, *, sees: bool) -> PreparedQuestion:
        """Read all files, one after the other.

        `sees`: whether a model will see the pictures.
        """
        remarks: list[Remark] = []
        messages: list[QuestionMessage] = []
        readable = pictures = 0
        for message in question.messages:
            attachment = message.attachment
            if attachment is None:
                readable += 1
                messages.append(message)
                continue
            is_picture = attachment.kind is AttachmentKind.PICTURE
            read, remark = message, None
            if is_picture and not sees:
                remark = Remark(attachment, FileProblem.NOT_SEEN)
            elif is_picture and pictures >= self._settings.max_pictures:
                remark = Remark(attachment, FileProblem.TOO_MANY)
            else:
                try:
                    async with self._turn_to_read:
                        read, remark = await self._read(message, attachment)
                except FileError as error:
                    remark = Remark(attachment, error.problem)
            messages.append(replace(read, attachment=None))
            is_read = remark is None or remark.problem is None
            readable += is_read or attachment.is_replied
            pictures += is_picture and is_read
            if remark is not None:
                log.info("file not read as a whole", cause=remark.problem or "long")
                remarks.append(remark)
        prepared = replace(question, messages=tuple(messages))
        return PreparedQuestion(prepared, tuple(remarks), readable)

    async def _read(
        self, message: QuestionMessage, attachment: Attachment
    ) -> tuple[QuestionMessage, Remark | None]:
        if attachment.seconds > self._max_speech_seconds:
            raise FileError(FileProblem.TOO_LONG)
        content = await self._files.fetch(attachment.file_id, size=attachment.size)
        if attachment.kind is AttachmentKind.PICTURE:
            return replace(message, picture=await self._picture(content)), None
        if attachment.kind is AttachmentKind.SPEECH:
            return replace(message, recording=self._recording(content, attachment)), None
        document = await self._document(content, attachment.extension)
        block = quoted_block(_title(attachment, document), document.text)
        quoted = "\n".join(filter(None, (message.quoted, block)))
        remark = Remark(attachment, used=document) if document.is_cut else None
        return replace(message, quoted=quoted), remark

    async def _picture(self, content: bytes) -> Picture:
        _, jpeg = await self._process.read("picture", content, pixels=self._settings.picture_pixels)
        return Picture(uuid4(), jpeg, self._settings.picture_tokens)

    def _recording(self, content: bytes, attachment: Attachment) -> Recording:
        # The length that Telegram states comes from the sender's client.
        seconds = max(attachment.seconds, seconds_of(content))
        if seconds > self._max_speech_seconds:
            raise FileError(FileProblem.TOO_LONG)
        return Recording(
            content,
            f"speech.{attachment.extension}",
            seconds,
            is_quoted=attachment.is_forwarded or attachment.is_replied,
        )

    async def _document(self, content: bytes, extension: str) -> DocumentText:
        facts, text = await self._process.read(
            "document",
            content,
            characters=self._settings.document_characters,
            extension=extension,
        )
        return DocumentText(
            text.decode("utf-8", "replace"), facts["used"], facts["total"], facts["unit"]
        )


def _title(attachment: Attachment, document: DocumentText) -> str:
    name = f" “{attachment.name}”" if attachment.name else ""
    if not document.is_cut:
        return f"The document{name}"
    of = f" of {document.total}" if document.total is not None else ""
    return f"The first {document.used}{of} {document.unit} of the document{name}"
