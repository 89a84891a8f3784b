"""The Telegram messages of one answer: previewed while it is generated, then completed."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field

from aiogram.methods import (
    DeleteMessage,
    EditMessageText,
    SendMessage,
    SendMessageDraft,
    SendRichMessage,
    SendRichMessageDraft,
)
from aiogram.types import (
    InlineKeyboardMarkup,
    InputRichMessage,
    LinkPreviewOptions,
    ReplyParameters,
)

from bot.formatting.render import MessagePart, render, shorter_parts, without_entities
from bot.metrics import BotMetrics
from bot.telegram.send_limits import WaitTimes
from bot.telegram.sender import (
    MarkupRefusedError,
    MessageGoneError,
    MessageSender,
    RichRefusedError,
    TooLongError,
    TrySendResult,
)
from bot.telegram.updates import Chat
from bot.turns.responder import Delivery, UndeliverableError
from common.log import get_logger

_REFUSALS = (MarkupRefusedError, RichRefusedError, TooLongError, UndeliverableError)
NO_PREVIEW = LinkPreviewOptions(is_disabled=True)

log = get_logger(__name__)


@dataclass
class _Shown:
    message_id: int
    part: MessagePart
    keyboard: InlineKeyboardMarkup | None = None


@dataclass
class _Totals:
    parts: int = 0
    waited: WaitTimes = field(default_factory=WaitTimes)

    def delivery(self) -> Delivery:
        return Delivery(
            self.parts,
            flood_wait_ms=round(self.waited.flood_seconds * 1000),
            pacing_wait_ms=round(self.waited.pacing_seconds * 1000),
        )


class AnswerMessages:
    """One answer in one chat.

    Args:
        reply_to: the message that the first message replies to.
        draft_id: the same for all drafts of one answer; not zero.
        stop: the buttons under the message that is being written.
    """

    def __init__(
        self,
        chat: Chat,
        *,
        sender: MessageSender,
        metrics: BotMetrics,
        reply_to: int | None,
        draft_id: int,
        stop: InlineKeyboardMarkup | None = None,
    ) -> None:
        self._chat = chat
        self._thread_id = chat.thread_id or None
        self._sender = sender
        self._metrics = metrics
        self._reply_to = reply_to
        self._draft_id = draft_id
        self._stop = stop
        self._shown: list[_Shown] = []
        self._draft: MessagePart | None = None
        self._is_preview_over = False
        self.has_rich_previews = True
        """False once a rich preview was refused: the next ones are text."""

    @property
    def message_ids(self) -> tuple[int, ...]:
        """Every message that was sent for the answer."""
        return tuple(message.message_id for message in self._shown)

    @property
    def has_drafts(self) -> bool:
        """Whether the unfinished last part is shown as a draft rather than a message."""
        return self._chat.is_private and self._sender.takes_drafts(
            self._chat.chat_id, self._thread_id
        )

    async def advance(self, parts: list[MessagePart]) -> None:
        """Send one message, edit or draft towards these parts, unless it would delay other sends.

        Parts before the last are complete and become messages.
        """
        shown = self._shown
        if self._is_preview_over or len(shown) > len(parts):
            return
        stop = self._stop if len(shown) == len(parts) else None
        if shown and (shown[-1].part, shown[-1].keyboard) != (parts[len(shown) - 1], stop):
            await self._edit_preview(shown[-1], parts[len(shown) - 1], stop)
        elif len(shown) < len(parts):
            part = parts[len(shown)]
            is_last = len(shown) == len(parts) - 1
            if is_last and self.has_drafts and await self._show_draft(part):
                return
            await self._begin_message(part, self._stop if is_last else None)

    async def complete(
        self, parts: list[MessagePart], keyboard: InlineKeyboardMarkup | None = None
    ) -> Delivery:
        """Send and edit messages until they equal these parts.

        Raises:
            UndeliverableError: the chat refuses them.
        """
        totals = _Totals()
        shown = list(self._shown)
        for number, part in enumerate(parts):
            is_last = number == len(parts) - 1
            message = shown[number] if number < len(shown) else None
            await self._put(part, totals, message, keyboard if is_last else None)
        for message in shown[len(parts) :]:
            await self._sender.try_send(
                DeleteMessage(chat_id=self._chat.chat_id, message_id=message.message_id)
            )
        return totals.delivery()

    # Previews.

    async def _show_draft(self, part: MessagePart) -> bool:
        """Send a draft; False if drafts are refused here."""
        if part == self._draft or not self._sender.may_preview(self._chat.chat_id):
            return True
        tried = await self._sender.try_send(self._draft_of(part))
        if tried is TrySendResult.SENT:
            self._draft = part
        if tried is TrySendResult.REFUSED and part.markdown is not None:
            self.has_rich_previews = False
            return True
        return tried is not TrySendResult.REFUSED

    async def _edit_preview(
        self, message: _Shown, part: MessagePart, keyboard: InlineKeyboardMarkup | None
    ) -> None:
        if not self._may_send():
            return
        tried = await self._sender.try_send(self._edit(part, message.message_id, keyboard))
        if tried is TrySendResult.SENT:
            message.part, message.keyboard = part, keyboard
        if tried is TrySendResult.REFUSED and part.markdown is not None:
            self.has_rich_previews = False
            return
        self._is_preview_over = tried is TrySendResult.REFUSED

    async def _begin_message(
        self, part: MessagePart, keyboard: InlineKeyboardMarkup | None
    ) -> None:
        if not self._may_send():
            return
        # Shielded: if Telegram accepts the message, its id must be known to complete it later.
        sending = asyncio.ensure_future(self._send(part, keyboard))
        try:
            await asyncio.shield(sending)
        except asyncio.CancelledError:
            with contextlib.suppress(*_REFUSALS):  # `complete` will meet the same error
                await sending
            raise
        except RichRefusedError:
            self.has_rich_previews = False
        except _REFUSALS as error:
            log.info("answer preview failed", cause=type(error).__name__)
            self._is_preview_over = True

    def _may_send(self) -> bool:
        return self._sender.may_preview(
            self._chat.chat_id, is_group=not self._chat.is_private, counts_for_chat=True
        )

    # The complete answer.

    async def _put(
        self,
        part: MessagePart,
        totals: _Totals,
        message: _Shown | None,
        keyboard: InlineKeyboardMarkup | None,
    ) -> None:
        try:
            totals.waited += await self._edit_or_send(part, message, keyboard)
        except RichRefusedError:
            pieces = render(part.markdown or part.text)
        except MarkupRefusedError as error:
            pieces = without_entities(part)
            if not part.entities:
                raise UndeliverableError("undeliverable", is_refusal=True) from error
        except TooLongError as error:
            pieces = shorter_parts(part)
            if len(pieces) == 1:
                raise UndeliverableError("undeliverable", is_refusal=True) from error
        else:
            totals.parts += 1
            return
        for number, piece in enumerate(pieces):
            is_last = number == len(pieces) - 1
            await self._put(
                piece, totals, None if number else message, keyboard if is_last else None
            )

    async def _edit_or_send(
        self, part: MessagePart, message: _Shown | None, keyboard: InlineKeyboardMarkup | None
    ) -> WaitTimes:
        if message is None:
            return await self._send(part, keyboard)
        if (message.part, message.keyboard) == (part, keyboard):
            return WaitTimes()
        edit = self._edit(part, message.message_id, keyboard)
        try:
            edited = await self._sender.send(edit, is_group=not self._chat.is_private)
        except MessageGoneError:
            return await self._send(part, keyboard)
        return edited.waited

    # Requests.

    async def _send(
        self, part: MessagePart, keyboard: InlineKeyboardMarkup | None = None
    ) -> WaitTimes:
        reply_parameters = (
            ReplyParameters(message_id=self._reply_to, allow_sending_without_reply=True)
            if self._reply_to is not None and not self._shown
            else None
        )
        method: SendMessage | SendRichMessage
        if part.markdown is not None:
            method = SendRichMessage(
                chat_id=self._chat.chat_id,
                message_thread_id=self._thread_id,
                rich_message=InputRichMessage(markdown=part.markdown),
                reply_markup=keyboard,
                reply_parameters=reply_parameters,
            )
        else:
            method = SendMessage(
                chat_id=self._chat.chat_id,
                message_thread_id=self._thread_id,
                text=part.text,
                entities=list(part.entities) or None,
                link_preview_options=NO_PREVIEW,
                reply_markup=keyboard,
                reply_parameters=reply_parameters,
            )
        sent = await self._sender.send(method, is_group=not self._chat.is_private)
        self._metrics.messages_sent.inc()
        if sent.left_topic:
            self._thread_id = None
        if sent.result is not None:
            self._shown.append(_Shown(sent.result.message_id, part, keyboard))
        return sent.waited

    def _draft_of(self, part: MessagePart) -> SendMessageDraft | SendRichMessageDraft:
        if part.markdown is not None:
            return SendRichMessageDraft(
                chat_id=self._chat.chat_id,
                message_thread_id=self._thread_id,
                draft_id=self._draft_id,
                rich_message=InputRichMessage(markdown=part.markdown),
                can_stop=self._stop is not None,
                # Until the bot has sent what was written as a message.
                keep_on_stop=self._stop is not None,
            )
        return SendMessageDraft(
            chat_id=self._chat.chat_id,
            message_thread_id=self._thread_id,
            draft_id=self._draft_id,
            text=part.text,
            entities=list(part.entities) or None,
            can_stop=self._stop is not None,
            keep_on_stop=self._stop is not None,
        )

    def _edit(
        self, part: MessagePart, message_id: int, keyboard: InlineKeyboardMarkup | None = None
    ) -> EditMessageText:
        if part.markdown is not None:
            return EditMessageText(
                chat_id=self._chat.chat_id,
                message_id=message_id,
                rich_message=InputRichMessage(markdown=part.markdown),
                reply_markup=keyboard,
            )
        return EditMessageText(
            chat_id=self._chat.chat_id,
            message_id=message_id,
            text=part.text,
            entities=list(part.entities) or None,
            link_preview_options=NO_PREVIEW,
            reply_markup=keyboard,
        )
