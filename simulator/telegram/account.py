"""A bot's account on the simulated Telegram, and users' actions towards it."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from simulator.change_event import ChangeEvent
from simulator.counters import Counters
from simulator.journal import Journal
from simulator.telegram.files import FileKind, file_content, new_file
from simulator.telegram.queue import EPOCH, UpdateQueue
from simulator.telegram.sent import SentLog
from simulator.telegram.world import (
    Json,
    SimChat,
    SimUser,
    membership_change,
    normalize_text,
    reaction_change,
    split_long,
    text_message,
)

TOKEN = re.compile(r"(?P<bot_id>\d{3,20}):[A-Za-z0-9_-]{20,64}")


@dataclass(slots=True)
class WebhookInfo:
    """The webhook's state. An empty URL: long polling."""

    url: str = ""
    secret_token: str = ""
    max_connections: int = 40
    last_error_date: int | None = None
    last_error_message: str | None = None


class BotAccount:
    """A bot's identity, updates, chats and sent messages.

    Args:
        token: contains the bot's id.
        journal: stores unconfirmed updates and the bot's profile.
        messages_journal: stores sent messages.
        keep: maximum sent messages in memory.
    """

    def __init__(
        self,
        token: str,
        *,
        changed: ChangeEvent,
        counters: Counters,
        journal: Journal,
        messages_journal: Journal,
        keep: int,
    ) -> None:
        match = TOKEN.fullmatch(token)
        if match is None:
            raise ValueError("a bot token looks like 123456:35 letters, digits, - or _")
        self.token = token
        self.id = int(match["bot_id"])
        self.username = f"simulated_{self.id}_bot"
        self.first_name = "Simulated bot"
        self.counters = counters
        self.queue = UpdateQueue(self.id, changed=changed, counters=counters, journal=journal)
        self.sent_log = SentLog(
            changed=changed, counters=counters, journal=messages_journal, keep=keep
        )
        self.webhook = WebhookInfo()
        self.commands: dict[tuple[str, str], list[Json]] = {}
        """By (scope type, language code)."""
        self.texts: dict[tuple[str, str], str] = {}
        """Name, description and short description by (method suffix, language code)."""
        self.blocked: set[int] = set()
        """Private chats of users who blocked the bot, and groups that it left."""
        self.groups: dict[int, SimChat] = {}
        self.admin_of: set[int] = set()
        """Groups in which the bot is an administrator."""
        self._journal = journal
        # Higher than every id of an earlier run, as with update ids.
        self._message_id = int((time.time() - EPOCH) * 10)

    def as_user(self) -> Json:
        return {
            "id": self.id,
            "is_bot": True,
            "first_name": self.first_name,
            "username": self.username,
        }

    def next_message_id(self) -> int:
        self._message_id += 1
        return self._message_id

    def knows_message(self, message_id: int) -> bool:
        return 0 < message_id <= self._message_id

    def save(self) -> None:
        """Write the profile to the journal, after every change."""
        self._journal.append(
            {
                "bot": self.id,
                "profile": {
                    "webhook": asdict(self.webhook),
                    "allowed": sorted(self.queue.allowed) if self.queue.allowed else None,
                    "commands": [[*scope, listed] for scope, listed in self.commands.items()],
                    "texts": [[*scope, text] for scope, text in self.texts.items()],
                    "blocked": sorted(self.blocked),
                    "groups": [chat.as_chat() for chat in self.groups.values()],
                    "admin_of": sorted(self.admin_of),
                },
            }
        )

    def restore(self, record: Json) -> None:
        """Restore a record of the journal."""
        if "update" in record:
            self.queue.restore(record["update"])
        if "profile" in record:
            profile = record["profile"]
            self.webhook = WebhookInfo(**profile["webhook"])
            self.queue.allowed = frozenset(profile["allowed"]) if profile["allowed"] else None
            self.commands = {(scope, code): listed for scope, code, listed in profile["commands"]}
            self.texts = {(name, code): text for name, code, text in profile["texts"]}
            self.blocked = set(profile["blocked"])
            self.admin_of = set(profile.get("admin_of", ()))
            self.groups = {chat["id"]: SimChat.model_validate(chat) for chat in profile["groups"]}
        self.queue.skip_to(int(record.get("last_update", 0)))
        self.skip_messages_to(int(record.get("last_message", 0)))

    def skip_messages_to(self, message_id: int) -> None:
        """Make the next message id higher than this one."""
        self._message_id = max(self._message_id, message_id)

    def remember(self, chat: SimChat) -> None:
        if chat.type != "private" and self.groups.get(chat.id) != chat:
            self.groups[chat.id] = chat
            self.save()

    def registered_commands(self) -> frozenset[str]:
        """All registered commands, of any scope and language."""
        return frozenset(
            str(command.get("command")) for listed in self.commands.values() for command in listed
        )

    def send_text(
        self,
        text: str,
        *,
        person: SimUser | None = None,
        chat: SimChat | None = None,
        thread_id: int | None = None,
        reply_to_message_id: int | None = None,
        date: int | None = None,
        more: Json | None = None,
    ) -> list[int]:
        """A user sends a text; returns the update ids, several if the text is long.

        Without `chat` it is sent in the user's private chat. A text that no client can send (empty,
        only spaces) creates no update. `more` are additional fields of the message.
        """
        author = person or SimUser()
        place = chat or author.private_chat()
        self.remember(place)
        reply_to = None
        if reply_to_message_id is not None:
            reply_to = self.sent_log.message(place.id, reply_to_message_id)
        update_ids = []
        for part in split_long(normalize_text(text)):
            message = text_message(
                part,
                message_id=self.next_message_id(),
                person=author,
                chat=place,
                date=date if date is not None else int(time.time()),
                thread_id=thread_id,
                reply_to=reply_to,
            )
            update_id = self.queue.put({"message": message | (more or {})})
            if update_id is not None:
                update_ids.append(update_id)
        return update_ids

    def send_content(
        self,
        kind: str,
        content: object,
        *,
        person: SimUser | None = None,
        chat: SimChat | None = None,
        more: Json | None = None,
    ) -> int | None:
        """A user sends a photo, a sticker or other content without text."""
        author = person or SimUser()
        place = chat or author.private_chat()
        self.remember(place)
        message = text_message(
            "", message_id=self.next_message_id(), person=author, chat=place, date=int(time.time())
        )
        del message["text"]
        return self.queue.put({"message": message | {kind: content} | (more or {})})

    def send_file(
        self,
        kind: FileKind,
        content: bytes,
        *,
        name: str = "",
        mime_type: str | None = None,
        seconds: int = 3,
        person: SimUser | None = None,
        chat: SimChat | None = None,
        more: Json | None = None,
    ) -> int | None:
        """A user sends a photo, document, voice message or video note.

        `more`: additional fields of the message, such as `caption` and `media_group_id`.
        """
        stored = new_file(content, name=name)
        self.sent_log.store_file(stored)
        [(field, value)] = file_content(kind, stored, mime_type=mime_type, seconds=seconds).items()
        return self.send_content(field, value, person=person, chat=chat, more=more)

    def edit_text(
        self,
        text: str,
        *,
        message_id: int,
        person: SimUser | None = None,
        chat: SimChat | None = None,
    ) -> int | None:
        """A user edits one of their messages."""
        author = person or SimUser()
        place = chat or author.private_chat()
        now = int(time.time())
        message = text_message(
            normalize_text(text), message_id=message_id, person=author, chat=place, date=now
        )
        return self.queue.put({"edited_message": message | {"edit_date": now}})

    def press(
        self,
        data: str,
        *,
        message_id: int,
        person: SimUser | None = None,
        chat: SimChat | None = None,
    ) -> int | None:
        """A user presses an inline button."""
        author = person or SimUser()
        place = chat or author.private_chat()
        message = self.sent_log.message(place.id, message_id) or {
            "message_id": message_id,
            "chat": place.as_chat(),
            "date": 0,
        }
        return self.queue.put(
            {
                "callback_query": {
                    "id": str(self.next_message_id()),
                    "from": author.as_user(),
                    "chat_instance": str(place.id),
                    "message": message,
                    "data": data,
                }
            }
        )

    def react(
        self,
        emoji: Sequence[str],
        *,
        message_id: int,
        before: Sequence[str] = (),
        person: SimUser | None = None,
        chat: SimChat | None = None,
    ) -> int | None:
        """A user changes their reactions to a message, from `before` to `emoji`.

        In a group that made the bot no administrator, Telegram tells it nothing: None.
        """
        author = person or SimUser()
        place = chat or author.private_chat()
        if place.type != "private" and place.id not in self.admin_of:
            return None
        change = reaction_change(
            person=author, chat=place, message_id=message_id, old=before, new=emoji
        )
        return self.queue.put({"message_reaction": change})

    def stop_draft(self, draft_id: int, *, person: SimUser | None = None) -> int | None:
        """A user presses the button on a draft that may be stopped."""
        place = (person or SimUser()).private_chat()
        stopped = {"chat": place.as_chat(), "draft_id": draft_id}
        return self.queue.put({"stopped_message_generation": stopped})

    def block(self, *, person: SimUser | None = None) -> int | None:
        """A user blocks the bot: sending to them is refused from now on."""
        author = person or SimUser()
        self.blocked.add(author.id)
        return self._membership(author, author.private_chat(), "member", "kicked")

    def unblock(self, *, person: SimUser | None = None) -> int | None:
        author = person or SimUser()
        self.blocked.discard(author.id)
        return self._membership(author, author.private_chat(), "kicked", "member")

    def add_to_group(self, chat: SimChat, *, person: SimUser | None = None) -> int | None:
        """The bot is added to a group."""
        self.remember(chat)
        self.blocked.discard(chat.id)
        return self._membership(person or SimUser(), chat, "left", "member")

    def promote(self, chat: SimChat) -> None:
        """A group makes the bot an administrator: it is told of reactions there."""
        self.admin_of.add(chat.id)
        self.remember(chat)
        self.save()

    def remove_from_group(self, chat: SimChat, *, person: SimUser | None = None) -> int | None:
        self.blocked.add(chat.id)
        self.admin_of.discard(chat.id)
        return self._membership(person or SimUser(), chat, "member", "kicked")

    def _membership(self, person: SimUser, chat: SimChat, old: str, new: str) -> int | None:
        self.save()
        change = membership_change(
            bot=self.as_user(), person=person, chat=chat, date=int(time.time()), old=old, new=new
        )
        return self.queue.put({"my_chat_member": change})

    def reset(self) -> None:
        """Clear chats, messages and pending updates; ids continue."""
        self.queue.drop_all()
        self.queue.allowed = None
        self.sent_log.clear()
        self.blocked.clear()
        self.groups.clear()
        self.admin_of.clear()
        self.commands.clear()
        self.texts.clear()
        self.webhook = WebhookInfo()
        self.save()
