"""The messages of one answer: they appear while it grows, and are completed at its end.

Knows Telegram's methods; what is answered, and why, it does not.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field

from aiogram.methods import (
    DeleteMessage,
    EditMessageText,
    SendMessage,
    SendMessageDraft,
)
from aiogram.types import InlineKeyboardMarkup, LinkPreviewOptions, ReplyParameters

from bot.formatting.render import Part, shorter_parts, without_entities
from bot.metrics import Metrics
from bot.telegram.send_limits import Waited
from bot.telegram.sender import (
    GoneMessageError,
    Outbox,
    RefusedTextError,
    TooLongError,
    Tried,
)
from bot.telegram.updates import Place
from bot.turns.responder import Delivery, UndeliverableError
from common.log import get_logger

_REFUSALS = (RefusedTextError, TooLongError, UndeliverableError)
NO_PREVIEW = LinkPreviewOptions(is_disabled=True)

log = get_logger(__name__)


@dataclass
class _Shown:
    message_id: int
    part: Part


@dataclass
class _Cost:
    parts: int = 0
    waited: Waited = field(default_factory=Waited)

    def delivery(self) -> Delivery:
        return Delivery(
            self.parts,
            flood_wait_ms=round(self.waited.flood_seconds * 1000),
            pacing_wait_ms=round(self.waited.pacing_seconds * 1000),
        )


class AnswerMessages:
    """One answer in one place.

    Args:
        reply_to: the message that the first one replies to.
        draft_id: the same for all drafts of one answer; not zero.
    """

    def __init__(
        self,
        place: Place,
        *,
        outbox: Outbox,
        metrics: Metrics,
        reply_to: int | None,
        draft_id: int,
    ) -> None:
        self._place = place
        self._thread_id = place.thread_id or None
        self._outbox = outbox
        self._metrics = metrics
        self._reply_to = reply_to
        self._draft_id = draft_id
        self._shown: list[_Shown] = []
        self._draft: Part | None = None
        self._is_preview_over = False

    @property
    def has_drafts(self) -> bool:
        """Whether the last part is shown as a draft while it grows, and not as a message."""
        return self._place.is_private and self._outbox.takes_drafts(
            self._place.chat_id, self._thread_id
        )

    async def grow(self, parts: list[Part]) -> None:
        """Take one step towards these parts, if it holds up nobody: a message, an edit, a draft.

        Parts before the last are complete: they become messages and stay.
        """
        shown = self._shown
        if self._is_preview_over or len(shown) > len(parts):
            return
        if shown and shown[-1].part != parts[len(shown) - 1]:
            await self._grow_message(shown[-1], parts[len(shown) - 1])
        elif len(shown) < len(parts):
            part = parts[len(shown)]
            is_last = len(shown) == len(parts) - 1
            if is_last and self.has_drafts and await self._show_draft(part):
                return
            await self._begin_message(part)

    async def complete(
        self, parts: list[Part], keyboard: InlineKeyboardMarkup | None = None
    ) -> Delivery:
        """Make the messages these parts.

        Raises:
            UndeliverableError: the chat does not take them.
        """
        cost = _Cost()
        shown = list(self._shown)
        for number, part in enumerate(parts):
            is_last = number == len(parts) - 1
            message = shown[number] if number < len(shown) else None
            await self._put(part, cost, message, keyboard if is_last else None)
        for message in shown[len(parts) :]:
            await self._outbox.try_send(
                DeleteMessage(chat_id=self._place.chat_id, message_id=message.message_id)
            )
        return cost.delivery()

    # While it grows.

    async def _show_draft(self, part: Part) -> bool:
        """Whether drafts are still to be tried here."""
        if part == self._draft or not self._outbox.may_preview(self._place.chat_id):
            return True
        tried = await self._outbox.try_send(
            SendMessageDraft(
                chat_id=self._place.chat_id,
                message_thread_id=self._thread_id,
                draft_id=self._draft_id,
                text=part.text,
                entities=list(part.entities) or None,
            )
        )
        if tried is Tried.SENT:
            self._draft = part
        return tried is not Tried.REFUSED

    async def _grow_message(self, message: _Shown, part: Part) -> None:
        if not self._may_send():
            return
        tried = await self._outbox.try_send(self._edit(part, message.message_id))
        if tried is Tried.SENT:
            message.part = part
        self._is_preview_over = tried is Tried.REFUSED

    async def _begin_message(self, part: Part) -> None:
        if not self._may_send():
            return
        # Shielded: a message that Telegram has accepted must be known, or it would stay half.
        sending = asyncio.ensure_future(self._send(part))
        try:
            await asyncio.shield(sending)
        except asyncio.CancelledError:
            with contextlib.suppress(*_REFUSALS):  # the end of the answer meets it again
                await sending
            raise
        except _REFUSALS as error:
            log.info("answer not shown while it grows", cause=type(error).__name__)
            self._is_preview_over = True

    def _may_send(self) -> bool:
        return self._outbox.may_preview(
            self._place.chat_id, is_group=not self._place.is_private, counts=True
        )

    # At the end.

    async def _put(
        self,
        part: Part,
        cost: _Cost,
        message: _Shown | None,
        keyboard: InlineKeyboardMarkup | None,
    ) -> None:
        try:
            cost.waited += await self._edit_or_send(part, message, keyboard)
        except RefusedTextError as error:
            pieces = without_entities(part)
            if not part.entities:
                raise UndeliverableError("undeliverable", is_refusal=True) from error
        except TooLongError as error:
            pieces = shorter_parts(part)
            if len(pieces) == 1:
                raise UndeliverableError("undeliverable", is_refusal=True) from error
        else:
            cost.parts += 1
            return
        for number, piece in enumerate(pieces):
            is_last = number == len(pieces) - 1
            await self._put(piece, cost, None if number else message, keyboard if is_last else None)

    async def _edit_or_send(
        self, part: Part, message: _Shown | None, keyboard: InlineKeyboardMarkup | None
    ) -> Waited:
        if message is None:
            return await self._send(part, keyboard)
        if message.part == part and keyboard is None:
            return Waited()
        edit = self._edit(part, message.message_id, keyboard)
        try:
            edited = await self._outbox.send(edit, is_group=not self._place.is_private)
        except GoneMessageError:
            return await self._send(part, keyboard)
        return edited.waited

    # Requests.

    async def _send(self, part: Part, keyboard: InlineKeyboardMarkup | None = None) -> Waited:
        method = SendMessage(
            chat_id=self._place.chat_id,
            message_thread_id=self._thread_id,
            text=part.text,
            entities=list(part.entities) or None,
            link_preview_options=NO_PREVIEW,
            reply_markup=keyboard,
            reply_parameters=(
                ReplyParameters(message_id=self._reply_to, allow_sending_without_reply=True)
                if self._reply_to is not None and not self._shown
                else None
            ),
        )
        sent = await self._outbox.send(method, is_group=not self._place.is_private)
        self._metrics.messages_sent.inc()
        if sent.left_topic:
            self._thread_id = None
        if sent.result is not None:
            self._shown.append(_Shown(sent.result.message_id, part))
        return sent.waited

    def _edit(
        self, part: Part, message_id: int, keyboard: InlineKeyboardMarkup | None = None
    ) -> EditMessageText:
        return EditMessageText(
            chat_id=self._place.chat_id,
            message_id=message_id,
            text=part.text,
            entities=list(part.entities) or None,
            link_preview_options=NO_PREVIEW,
            reply_markup=keyboard,
        )
