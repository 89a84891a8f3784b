"""One chat as the audience of an answer: previews while it grows, then the messages.

Knows Telegram's messages; what is answered, and why, it does not.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field

from aiogram.methods import SendChatAction, SendDocument, SendMessage, SendPhoto
from aiogram.types import BufferedInputFile, InlineKeyboardMarkup

from bot.formatting.render import (
    Part,
    plain_parts,
    render,
    verbatim_parts,
)
from bot.i18n import Translator
from bot.llm.thinking import split_thinking
from bot.metrics import Metrics
from bot.telegram.answer_messages import AnswerMessages
from bot.telegram.notices import notice_text, refusal_text, unreachable_text
from bot.telegram.sender import Outbox
from bot.telegram.updates import Place
from bot.turns.responder import (
    Delivery,
    Notice,
    Refusal,
    UndeliverableError,
)

TYPING_SECONDS = 4.5


@dataclass(frozen=True)
class PreviewPace:
    """Seconds between two previews."""

    draft_seconds: float
    edit_seconds: float


@dataclass
class Conversation:
    """Speaks to one place in one language.

    Args:
        person_id: who is told in private when a group takes no messages.
        reply_to: the message that is answered, named in groups and for edited messages.
        draft_id: the same for all previews of one answer; not zero.
        is_news: whether a notice was not said just now.
    """

    place: Place
    _: Translator
    outbox: Outbox
    metrics: Metrics
    pace: PreviewPace
    person_id: int | None = None
    reply_to: int | None = None
    is_for_an_edit: bool = False
    draft_id: int = 1
    is_news: Callable[[str], bool] = lambda _notice: True
    _text: str = ""
    _preview: asyncio.Task[None] | None = None
    _clock: Callable[[], float] = field(default_factory=lambda: asyncio.get_running_loop().time)

    def __post_init__(self) -> None:
        self._answer = self._messages()

    # The audience of a turn.

    def show(self, text: str) -> None:
        """The answer so far. The preview loop picks up the latest."""
        self._text = text

    async def deliver(self, text: str, notice: Notice | None = None) -> Delivery:
        """The whole answer, in as many messages as it needs."""
        split = split_thinking(text)
        parts = render(split.thinking if split.is_open else text, is_folded=split.is_open)
        if notice:
            parts = [*parts, *plain_parts(notice_text(notice, self._))]
        return await self._end_answer(parts)

    async def tell(self, notice: Notice, *, seconds: float | None = None) -> Delivery:
        """A word instead of an answer."""
        return await self._end_answer(plain_parts(notice_text(notice, self._, seconds=seconds)))

    async def refuse(self, refusal: Refusal) -> None:
        is_undeliverable = refusal.reason == "undeliverable"
        if is_undeliverable or self.is_news(refusal.reason):
            await self.say(refusal_text(refusal, self._))
        if is_undeliverable:
            await self.outbox.refusals.delivered(self.place.chat_id, is_counted=True)

    async def _end_answer(self, parts: list[Part]) -> Delivery:
        await self.stop_preview()
        try:
            delivery = await self._answer.complete(parts)
        except UndeliverableError as error:
            if error.is_refusal:
                await self._count_refusal()
            raise
        await self.outbox.refusals.delivered(self.place.chat_id)
        return delivery

    async def _count_refusal(self) -> None:
        count = await self.outbox.refusals.refused(self.place.chat_id)
        if count == 1 and self.person_id and not self.place.is_private:
            await self.outbox.try_send(
                SendMessage(chat_id=self.person_id, text=unreachable_text(self._))
            )

    # What commands use.

    async def say(self, text: str, *, keyboard: InlineKeyboardMarkup | None = None) -> None:
        """A text of the bot's own, in markdown."""
        await self._say(render(text), keyboard)

    async def say_verbatim(self, title: str, text: str) -> None:
        """A title in plain text, and somebody's own words as they are."""
        await self._say(verbatim_parts(title, text))

    async def _say(self, parts: list[Part], keyboard: InlineKeyboardMarkup | None = None) -> None:
        await self._messages().complete(parts, keyboard)
        await self.outbox.refusals.delivered(self.place.chat_id)

    async def send_picture(self, picture: bytes, *, name: str, caption: str) -> None:
        """A picture and a text; the text alone where the picture is refused."""
        photo = SendPhoto(
            chat_id=self.place.chat_id,
            message_thread_id=self.place.thread_id or None,
            photo=BufferedInputFile(picture, name),
            caption=caption,
        )
        try:
            await self._send_file(photo)
        except UndeliverableError as error:
            if error.reason == "blocked":
                raise
            await self._say(plain_parts(caption))

    async def send_file(self, content: bytes, *, name: str, caption: str) -> None:
        await self._send_file(
            SendDocument(
                chat_id=self.place.chat_id,
                message_thread_id=self.place.thread_id or None,
                document=BufferedInputFile(content, name),
                caption=caption,
            )
        )

    async def _send_file(self, method: SendPhoto | SendDocument) -> None:
        await self.outbox.send(method, is_group=not self.place.is_private)
        self.metrics.messages_sent.inc()

    def _messages(self) -> AnswerMessages:
        names_the_question = self.is_for_an_edit or not self.place.is_private
        return AnswerMessages(
            self.place,
            outbox=self.outbox,
            metrics=self.metrics,
            reply_to=self.reply_to if names_the_question else None,
            draft_id=self.draft_id,
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
        rendered, parts = "", list[Part]()
        while True:
            pause = self.pace.draft_seconds
            if not self._answer.has_drafts:
                pause = self.pace.edit_seconds
            await asyncio.sleep(pause if self._text else min(pause, 1.0))
            if self._text:
                if self._text != rendered:
                    rendered = self._text
                    parts = render(rendered)
                await self._answer.grow(parts)
            elif self._clock() >= next_action:
                next_action = self._clock() + TYPING_SECONDS
                await self._show_typing()

    async def _show_typing(self) -> None:
        if self.outbox.may_preview(self.place.chat_id):
            await self.outbox.try_send(
                SendChatAction(
                    chat_id=self.place.chat_id,
                    message_thread_id=self.place.thread_id or None,
                    action="typing",
                )
            )
