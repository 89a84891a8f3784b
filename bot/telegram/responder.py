"""Responds in one Telegram chat: previews of an answer, then the answer; notices; files."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from aiogram.methods import SendChatAction, SendDocument, SendMessage, SendPhoto
from aiogram.types import BufferedInputFile, InlineKeyboardMarkup

from bot.buttons import stop_button, under_answer
from bot.formatting.render import (
    MessagePart,
    folded_parts,
    plain_parts,
    render,
    verbatim_parts,
)
from bot.formatting.rich import rich_part
from bot.llm.thinking import split_thinking
from bot.metrics import BotMetrics
from bot.telegram.answer_messages import AnswerMessages
from bot.telegram.notices import notice_text, refusal_text, remarks_text, unreachable_text
from bot.telegram.sender import MessageSender
from bot.telegram.updates import Chat
from bot.turns.attachments import Remark
from bot.turns.responder import (
    Delivery,
    Notice,
    Refusal,
    UndeliverableError,
)
from common.language.i18n import Translator
from common.text import clean_text

TYPING_SECONDS = 4.5


@dataclass(frozen=True)
class PreviewIntervals:
    """Seconds between previews."""

    draft_seconds: float
    edit_seconds: float


@dataclass
class ChatResponder:
    """Responds in one chat and one language.

    Args:
        private_chat_id: notified when a group refuses messages.
        reply_to: the message to reply to in groups and after edits.
        draft_id: the same for all drafts of one answer; not zero.
        has_rich_messages: whether answers with tables or formulas may be rich messages.
        is_new_notice: whether the same notice was not sent just now.
        message_hmac: hashes the id of a message in this chat.
        has_buttons: whether answers have buttons.
    """

    chat: Chat
    _: Translator
    sender: MessageSender
    metrics: BotMetrics
    preview_intervals: PreviewIntervals
    message_hmac: Callable[[int], bytes]
    person_id: int | None = None
    reply_to: int | None = None
    is_for_an_edit: bool = False
    has_rich_messages: bool = False
    draft_id: int = 1
    has_buttons: bool = True
    is_new_notice: Callable[[str], bool] = lambda _notice: True
    _text: str = ""
    _preview: asyncio.Task[None] | None = None
    _clock: Callable[[], float] = field(default_factory=lambda: asyncio.get_running_loop().time)

    def __post_init__(self) -> None:
        stop = stop_button(self._("⏹ Stop")) if self.has_buttons else None
        self._answer = self._messages(stop)

    # The responder of a turn.

    def update_preview(self, text: str) -> None:
        """Set the answer so far; the preview loop sends the latest."""
        self._text = text

    async def send_answer(
        self, text: str, notice: Notice | None = None, *, turn_id: UUID
    ) -> Delivery:
        """Send the whole answer in as many messages as needed, with buttons under the last."""
        split = split_thinking(text)
        if split.is_open:
            parts = render(split.thinking, is_folded=True)
        else:
            parts = self._answer_parts(text)
        if notice:
            parts = [*parts, *plain_parts(notice_text(notice, self._))]
        if not self.has_buttons:
            return await self._end_answer(parts)
        keyboard = under_answer(turn_id, is_cut=notice is Notice.LENGTH)
        return await self._end_answer(parts, keyboard)

    def use_text_only(self) -> None:
        """Send no rich messages."""
        self.has_rich_messages = False

    def _answer_parts(self, text: str) -> list[MessagePart]:
        rich = None
        if self.has_rich_messages and self.sender.takes_rich:
            rich = rich_part(clean_text(text))
        return [rich] if rich else render(text)

    async def send_notice(self, notice: Notice, *, seconds: float | None = None) -> Delivery:
        """Send a notice instead of an answer."""
        return await self._end_answer(plain_parts(notice_text(notice, self._, seconds=seconds)))

    async def send_refusal(self, refusal: Refusal) -> None:
        is_undeliverable = refusal.reason == "undeliverable"
        if refusal.remarks:
            await self.send_remarks(refusal.remarks)
        elif is_undeliverable or self.is_new_notice(refusal.reason):
            await self.send(refusal_text(refusal, self._))
        if is_undeliverable:
            await self.sender.refusals.record_delivery(self.chat.chat_id, is_counted=True)

    async def send_remarks(self, remarks: Sequence[Remark]) -> None:
        """Say which files were not read, or only in part."""
        # Plain: a file may be called anything.
        await self._send(plain_parts(remarks_text(remarks, self._)))

    async def send_transcript(self, words: str) -> None:
        """Show the words of a recording, folded."""
        await self._send(folded_parts(f"🎙 {words}"))

    async def _end_answer(
        self, parts: list[MessagePart], keyboard: InlineKeyboardMarkup | None = None
    ) -> Delivery:
        await self.stop_preview()
        try:
            delivery = await self._answer.complete(parts, keyboard)
        except UndeliverableError as error:
            if error.is_refusal:
                await self._count_refusal()
            raise
        await self.sender.refusals.record_delivery(self.chat.chat_id)
        return replace(
            delivery, message_hmacs=tuple(map(self.message_hmac, self._answer.message_ids))
        )

    async def _count_refusal(self) -> None:
        count = await self.sender.refusals.record_refusal(self.chat.chat_id)
        if count == 1 and self.person_id and not self.chat.is_private:
            await self.sender.try_send(
                SendMessage(chat_id=self.person_id, text=unreachable_text(self._))
            )

    # For commands.

    async def send(self, text: str, *, keyboard: InlineKeyboardMarkup | None = None) -> None:
        """Send the bot's own text, in Markdown."""
        await self._send(render(text), keyboard)

    async def send_verbatim(self, title: str, text: str) -> None:
        """Send a title and a user's text verbatim."""
        await self._send(verbatim_parts(title, text))

    async def _send(
        self, parts: list[MessagePart], keyboard: InlineKeyboardMarkup | None = None
    ) -> None:
        await self._messages().complete(parts, keyboard)
        await self.sender.refusals.record_delivery(self.chat.chat_id)

    async def send_picture(self, picture: bytes, *, name: str, caption: str) -> None:
        """Send a picture with a caption; the caption alone if pictures are refused."""
        photo = SendPhoto(
            chat_id=self.chat.chat_id,
            message_thread_id=self.chat.thread_id or None,
            photo=BufferedInputFile(picture, name),
            caption=caption,
        )
        try:
            await self._send_file(photo)
        except UndeliverableError as error:
            if error.reason == "blocked":
                raise
            await self._send(plain_parts(caption))

    async def send_file(self, content: bytes, *, name: str, caption: str) -> None:
        await self._send_file(
            SendDocument(
                chat_id=self.chat.chat_id,
                message_thread_id=self.chat.thread_id or None,
                document=BufferedInputFile(content, name),
                caption=caption,
            )
        )

    async def _send_file(self, method: SendPhoto | SendDocument) -> None:
        await self.sender.send(method, is_group=not self.chat.is_private)
        self.metrics.messages_sent.inc()

    def _messages(self, stop: InlineKeyboardMarkup | None = None) -> AnswerMessages:
        names_the_question = self.is_for_an_edit or not self.chat.is_private
        return AnswerMessages(
            self.chat,
            sender=self.sender,
            metrics=self.metrics,
            reply_to=self.reply_to if names_the_question else None,
            draft_id=self.draft_id,
            stop=stop,
        )

    # Previews.

    def start_preview(self) -> None:
        """Show "typing…", then previews of the answer, until stopped."""
        self._preview = asyncio.create_task(self._preview_forever(), name="preview")

    async def stop_preview(self) -> None:
        task, self._preview = self._preview, None
        if task:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _preview_forever(self) -> None:
        next_action = self._clock()
        rendered, parts, is_rich = "", list[MessagePart](), True
        while True:
            pause = self.preview_intervals.draft_seconds
            if not self._answer.has_drafts:
                pause = self.preview_intervals.edit_seconds
            await asyncio.sleep(pause if self._text else min(pause, 1.0))
            if self._text:
                takes_rich = self._answer.has_rich_previews and self.sender.takes_rich
                if self._text != rendered or takes_rich != is_rich:
                    rendered, is_rich = self._text, takes_rich
                    parts = self._answer_parts(rendered) if is_rich else render(rendered)
                await self._answer.advance(parts)
            elif self._clock() >= next_action:
                next_action = self._clock() + TYPING_SECONDS
                await self._show_typing()

    async def _show_typing(self) -> None:
        if self.sender.may_preview(self.chat.chat_id):
            await self.sender.try_send(
                SendChatAction(
                    chat_id=self.chat.chat_id,
                    message_thread_id=self.chat.thread_id or None,
                    action="typing",
                )
            )
