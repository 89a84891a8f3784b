"""A simulated person who writes to the bot, and the chat as they see it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from simulator.app import Simulator
from simulator.telegram.files import FileKind
from simulator.telegram.sent import SentAction
from simulator.telegram.world import SimChat, SimUser
from tests.bot.constants import MODEL

PERSON = SimUser(id=1001, first_name="Ada")
GROUP = SimChat(id=-100_500, type="supergroup", title="Friends")
SHOWN_CHARACTERS = 400
"""A longer message is printed in part."""
MODELS = (MODEL, "sim/other")
"""Offered by /model."""
USUAL = {"first_token_seconds": 0, "token_seconds": 0, "answer_words": None}
"""The behaviour of the model in a step that states none."""
VISIBLE = ("message", "photo", "document", "edit", "delete", "callback_answer")


class PersonInChat:
    """Acts as the person and notes what they see.

    Args:
        say: prints one line.
    """

    def __init__(self, simulator: Simulator, *, say: Callable[[str], None]) -> None:
        self._simulator = simulator
        self._account = simulator.account
        self._say = say
        self._seen = 0

    # The person's actions.

    def write(self, text: str, *, chat: SimChat | None = None, **more: Any) -> None:
        """Send a text; `more` are further arguments of BotAccount.send_text."""
        self._say(f"  Ada: {text}")
        self._account.send_text(text, person=PERSON, chat=chat, **more)

    def mention(self, text: str) -> None:
        """Ask the bot in the group by its name."""
        self.write(f"@{self._account.username} {text}", chat=GROUP)

    def reply_in_group(self, text: str) -> None:
        """Reply in the group to the bot's last message there."""
        self.write(text, chat=GROUP, reply_to_message_id=self.last_message_id(GROUP.id))

    def forward(self, text: str, *, author: str) -> None:
        """Forward somebody else's message."""
        user = {"id": 9, "is_bot": False, "first_name": author}
        origin = {"type": "user", "date": 1, "sender_user": user}
        self.write(text, more={"forward_origin": origin})

    def send_file(
        self, kind: FileKind, content: bytes, *, caption: str = "", album: str = "", **more: Any
    ) -> None:
        """Send a file; `more` are further arguments of BotAccount.send_file."""
        self._say(f"  Ada: [{kind}] {caption}".rstrip())
        fields = {"caption": caption, "media_group_id": album}
        stated = {name: value for name, value in fields.items() if value}
        self._account.send_file(kind, content, person=PERSON, more=stated, **more)

    def edit_last_text(self, text: str) -> None:
        """Edit the person's own last text, which is older than the bot's answer to it."""
        self._say(f"  Ada edits: {text}")
        self._account.edit_text(text, message_id=self._own_last_message_id, person=PERSON)

    def write_to_edit(self, text: str) -> None:
        """Send a text that is edited later."""
        self.write(text)
        self._own_last_message_id = self._account.next_message_id() - 1

    def press(self, text: str, *, chat: SimChat | None = None) -> None:
        """Press the button whose label has this text, under the last message that has it.

        Raises:
            AssertionError: there is none.
        """
        for sent in reversed(self._records((chat or PERSON).id)):
            for button in _buttons(sent):
                if text in button["text"] and sent.message_id is not None:
                    self._say(f"  Ada presses [{button['text']}]")
                    data = button["callback_data"]
                    self._account.press(data, message_id=sent.message_id, person=PERSON, chat=chat)
                    return
        raise AssertionError(f"there is no button {text}")

    async def stop_draft(self, *, seconds: float) -> None:
        """Wait for a preview with a button that stops it, and press that.

        Raises:
            TimeoutError: there is none.
        """

        def drafts() -> list[int]:
            shown = self._new_records(("draft",))
            return [one.draft_id for one in shown if one.can_stop and one.draft_id is not None]

        await self._simulator.wait_until(lambda: bool(drafts()), seconds=seconds)
        self._say("  Ada presses [stop] on the preview")
        self._account.stop_draft(drafts()[-1], person=PERSON)

    def react(self, emoji: str) -> None:
        """React to the bot's last message."""
        self._say(f"  Ada reacts with {emoji}")
        self._account.react([emoji], message_id=self.last_message_id(PERSON.id), person=PERSON)

    def join_group(self) -> None:
        self._say(f"  Ada adds the bot to {GROUP.title}")
        self._account.add_to_group(GROUP, person=PERSON)

    # The model.

    def model_answers(self, text: str | None, **behaviour: Any) -> None:
        """Set the next answers, whichever model is chosen; None: generated ones."""
        for model in MODELS:
            self._simulator.model.set_behaviour(model, **{**USUAL, "answer": text, **behaviour})

    # The chat.

    def new_texts(self) -> list[str]:
        """Shown by the bot since `print_new` was called: texts, captions and file names."""
        return [
            text
            for sent in self._new_records()
            for text in (sent.text or "", sent.file_name or "")
            if text
        ]

    async def wait_for(self, *texts: str, seconds: float) -> list[str]:
        """Wait until the bot has shown each of these; return those that are missing."""

        def missing() -> list[str]:
            shown = self.new_texts()
            return [text for text in texts if not any(text in one for one in shown)]

        await self._simulator.changed.wait_until(lambda: not missing(), seconds=seconds)
        return missing()

    async def wait_for_preview(self, *, seconds: float) -> None:
        """Wait until the answer in progress is shown.

        Raises:
            TimeoutError: it is not.
        """

        def is_shown() -> bool:
            return any(sent.kind == "draft" for sent in self._new_records(("draft",)))

        await self._simulator.wait_until(is_shown, seconds=seconds)

    async def wait_for_button(self, text: str, *, seconds: float) -> None:
        """Wait for a button whose label has this text.

        Raises:
            TimeoutError: there is none.
        """

        def is_shown() -> bool:
            buttons = (button for sent in self._new_records() for button in _buttons(sent))
            return any(text in button["text"] for button in buttons)

        await self._simulator.wait_until(is_shown, seconds=seconds)

    def last_message_id(self, chat_id: int) -> int:
        """The bot's last message in a chat.

        Raises:
            AssertionError: there is none.
        """
        ids = [one.message_id for one in self._records(chat_id) if one.kind == "message"]
        if not ids or ids[-1] is None:
            raise AssertionError("the bot has sent nothing there")
        return ids[-1]

    def print_new(self) -> None:
        """Print what the bot showed since the last call."""
        drafts = sum(sent.kind == "draft" for sent in self._new_records(("draft",)))
        if drafts:
            self._say(f"  Bot (previews: {drafts})")
        for sent in self._new_records():
            for line in _shown(sent):
                self._say(f"  {line}")
        self._seen = len(self._account.sent_log.records())

    def _records(self, chat_id: int) -> list[SentAction]:
        return self._account.sent_log.records(chat_id=chat_id)

    def _new_records(self, kinds: tuple[str, ...] = VISIBLE) -> list[SentAction]:
        records = self._account.sent_log.records()
        return [sent for sent in records[self._seen :] if sent.kind in kinds]


async def quietly(pause_seconds: float) -> None:
    """Pause between two actions of a person."""
    await asyncio.sleep(pause_seconds)


def _buttons(sent: SentAction) -> list[dict[str, Any]]:
    keyboard = (sent.reply_markup or {}).get("inline_keyboard", [])
    return [button for row in keyboard for button in row]


def _shown(sent: SentAction) -> list[str]:
    name = "Bot in the group" if sent.chat_id < 0 else "Bot"
    if sent.kind == "delete":
        return [f"{name} deletes a message"]
    if sent.kind == "callback_answer":
        return [f"Bot, next to the button: {sent.text}"] if sent.text else []
    text = sent.text or ""
    if len(text) > SHOWN_CHARACTERS:
        text = f"{text[:SHOWN_CHARACTERS]}… ({len(text)} characters)"
    rich = " (rich)" if sent.is_rich else ""
    file = f" [{sent.kind} {sent.file_name}]" if sent.file_name else ""
    verb = " edits" if sent.kind == "edit" else ""
    first, *rest = f"{name}{verb}{rich}:{file} {text}".splitlines() or [""]
    buttons = " ".join(f"[{button['text']}]" for button in _buttons(sent))
    return [first, *(f"     {line}" for line in rest), *([f"     {buttons}"] if buttons else [])]
