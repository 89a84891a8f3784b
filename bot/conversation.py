"""One chat as the audience of an answer: previews while it grows, then the messages.

Knows Telegram's messages; what is answered, and why, it does not.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field

from aiogram.methods import (
    EditMessageText,
    SendChatAction,
    SendDocument,
    SendMessage,
    SendMessageDraft,
    SendPhoto,
    TelegramMethod,
)
from aiogram.types import (
    BufferedInputFile,
    InlineKeyboardMarkup,
    LinkPreviewOptions,
    Message,
    ReplyParameters,
)

from bot.audience import Delivery, Notice, Refusal
from bot.delivery import GoneMessageError, Outbox, RefusedTextError, Sent
from bot.i18n import Translator
from bot.incoming import Place
from bot.metrics import Metrics
from bot.notices import notice_text, refusal_text
from bot.render import Part, plain_parts, render, verbatim_parts, without_entities
from bot.thinking import split_thinking

TYPING_SECONDS = 4.5
NO_PREVIEW = LinkPreviewOptions(is_disabled=True)


@dataclass(frozen=True)
class PreviewPace:
    """Seconds between two previews."""

    draft_seconds: float
    edit_seconds: float


@dataclass
class _Cost:
    parts: int = 0
    waited_seconds: float = 0.0

    def delivery(self) -> Delivery:
        return Delivery(self.parts, round(self.waited_seconds * 1000))


@dataclass
class Conversation:
    """Speaks to one place in one language.

    Args:
        reply_to: the message that is answered, named in groups.
        draft_id: the same for all previews of one answer; not zero.
    """

    place: Place
    _: Translator
    outbox: Outbox
    metrics: Metrics
    pace: PreviewPace
    reply_to: int | None = None
    draft_id: int = 1
    _text: str = ""
    _shown: str = ""
    _previewed: int | None = None
    _preview: asyncio.Task[None] | None = None
    _clock: Callable[[], float] = field(default_factory=lambda: asyncio.get_running_loop().time)

    # The audience of a turn.

    def show(self, text: str) -> None:
        """The answer so far. The preview loop picks up the latest."""
        self._text = text

    async def deliver(self, text: str, notice: Notice | None = None) -> Delivery:
        """The whole answer, in as many messages as it needs."""
        await self.stop_preview()
        split = split_thinking(text)
        parts = render(split.thinking if split.is_open else text, is_folded=split.is_open)
        if notice:
            parts = [*parts, *plain_parts(notice_text(notice, self._))]
        cost = _Cost()
        for number, part in enumerate(parts):
            await self._send_part(part, cost, is_first=number == 0)
        return cost.delivery()

    async def tell(self, notice: Notice, *, seconds: float | None = None) -> Delivery:
        """A word instead of an answer."""
        await self.stop_preview()
        cost = _Cost()
        for part in plain_parts(notice_text(notice, self._, seconds=seconds)):
            await self._send_part(part, cost, is_first=True)
        return cost.delivery()

    async def refuse(self, refusal: Refusal) -> None:
        await self.say(refusal_text(refusal, self._))

    # What commands use.

    async def say(self, text: str, *, keyboard: InlineKeyboardMarkup | None = None) -> None:
        """A text of the bot's own, in markdown."""
        await self._say(render(text), keyboard)

    async def say_verbatim(self, title: str, text: str) -> None:
        """A title in plain text, and somebody's own words as they are."""
        await self._say(verbatim_parts(title, text))

    async def _say(self, parts: list[Part], keyboard: InlineKeyboardMarkup | None = None) -> None:
        cost = _Cost()
        for number, part in enumerate(parts):
            await self._send_part(
                part,
                cost,
                is_first=number == 0,
                keyboard=keyboard if number == len(parts) - 1 else None,
            )

    async def send_picture(self, picture: bytes, *, name: str, caption: str) -> None:
        await self._send(
            SendPhoto(
                chat_id=self.place.chat_id,
                message_thread_id=self.place.thread_id or None,
                photo=BufferedInputFile(picture, name),
                caption=caption,
            )
        )

    async def send_file(self, content: bytes, *, name: str, caption: str) -> None:
        await self._send(
            SendDocument(
                chat_id=self.place.chat_id,
                message_thread_id=self.place.thread_id or None,
                document=BufferedInputFile(content, name),
                caption=caption,
            )
        )

    # Previews.

    def start_preview(self) -> None:
        """From now on show that an answer is coming, and how it grows."""
        self._preview = asyncio.create_task(self._preview_forever(), name="preview")

    async def stop_preview(self) -> None:
        task, self._preview = self._preview, None
        if task:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _preview_forever(self) -> None:
        next_action = self._clock()
        is_private = self.place.is_private
        pause = self.pace.draft_seconds if is_private else self.pace.edit_seconds
        while True:
            await asyncio.sleep(min(pause, 1.0) if not self._text else pause)
            if self._text != self._shown:
                if is_private:
                    await self._show_draft(self._text)
                else:
                    await self._show_in_group(self._text)
            elif self._clock() >= next_action and not self._text:
                next_action = self._clock() + TYPING_SECONDS
                if self.outbox.may_preview(self.place.chat_id):
                    await self.outbox.try_send(
                        SendChatAction(
                            chat_id=self.place.chat_id,
                            message_thread_id=self.place.thread_id or None,
                            action="typing",
                        )
                    )

    async def _show_draft(self, text: str) -> None:
        if not self.outbox.may_preview(self.place.chat_id):
            return
        self._shown = text
        latest = render(text)[-1]
        await self.outbox.try_send(
            SendMessageDraft(
                chat_id=self.place.chat_id,
                message_thread_id=self.place.thread_id or None,
                draft_id=self.draft_id,
                text=latest.text,
                entities=list(latest.entities) or None,
            )
        )

    async def _show_in_group(self, text: str) -> None:
        if not self.outbox.may_preview(self.place.chat_id, is_group=True, counts=True):
            return
        self._shown = text
        first = render(text)[0]
        if self._previewed is not None:
            await self.outbox.try_send(self._edit(first, self._previewed))
            return
        # Shielded: a message that Telegram has accepted must be known, or it would stay half.
        sending = asyncio.ensure_future(self._send(self._message(first, is_first=True)))
        try:
            sent = await asyncio.shield(sending)
        except asyncio.CancelledError:
            sent = await sending
            self._previewed = sent.result.message_id if sent.result else None
            raise
        except RefusedTextError:
            return
        self._previewed = sent.result.message_id if sent.result else None

    # Messages.

    async def _send_part(
        self,
        part: Part,
        cost: _Cost,
        *,
        is_first: bool,
        keyboard: InlineKeyboardMarkup | None = None,
    ) -> None:
        try:
            await self._send_or_edit(part, cost, is_first=is_first, keyboard=keyboard)
        except RefusedTextError:
            for plain in without_entities(part):
                await self._send_or_edit(plain, cost, is_first=is_first, keyboard=keyboard)
                is_first = False
        cost.parts += 1

    async def _send_or_edit(
        self, part: Part, cost: _Cost, *, is_first: bool, keyboard: InlineKeyboardMarkup | None
    ) -> None:
        if is_first and self._previewed is not None:
            edit = self._edit(part, self._previewed)
            try:
                edited = await self.outbox.send(edit, is_group=not self.place.is_private)
            except GoneMessageError:
                self._previewed = None
            else:
                cost.waited_seconds += edited.waited_seconds
                return
        message = self._message(part, is_first=is_first, keyboard=keyboard)
        cost.waited_seconds += (await self._send(message)).waited_seconds

    async def _send(self, method: TelegramMethod[Message]) -> Sent[Message]:
        sent = await self.outbox.send(method, is_group=not self.place.is_private)
        self.metrics.messages_sent.inc()
        return sent

    def _message(
        self, part: Part, *, is_first: bool, keyboard: InlineKeyboardMarkup | None = None
    ) -> SendMessage:
        names_the_question = is_first and self.reply_to and not self.place.is_private
        return SendMessage(
            chat_id=self.place.chat_id,
            message_thread_id=self.place.thread_id or None,
            text=part.text,
            entities=list(part.entities) or None,
            link_preview_options=NO_PREVIEW,
            reply_markup=keyboard,
            reply_parameters=(
                ReplyParameters(message_id=self.reply_to, allow_sending_without_reply=True)
                if names_the_question and self.reply_to
                else None
            ),
        )

    def _edit(self, part: Part, message_id: int) -> EditMessageText:
        return EditMessageText(
            chat_id=self.place.chat_id,
            message_id=message_id,
            text=part.text,
            entities=list(part.entities) or None,
            link_preview_options=NO_PREVIEW,
        )
