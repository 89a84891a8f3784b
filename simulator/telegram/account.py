"""One bot as Telegram's servers know it, and what people do to it. Knows nothing about HTTP."""

from __future__ import annotations

import re
import time
from dataclasses import asdict, dataclass

from simulator.bell import Bell
from simulator.counters import Counters
from simulator.journal import Journal
from simulator.telegram.queue import EPOCH, UpdateQueue
from simulator.telegram.sent import Outbox
from simulator.telegram.world import (
    Chat,
    Json,
    Person,
    as_sent,
    membership_change,
    split_long,
    text_message,
)

TOKEN = re.compile(r"(?P<bot_id>\d{3,20}):[A-Za-z0-9_-]{20,64}")


@dataclass(slots=True)
class Webhook:
    """Where updates are delivered to. An empty URL: long polling."""

    url: str = ""
    secret_token: str = ""
    max_connections: int = 40
    last_error_date: int | None = None
    last_error_message: str | None = None


class BotAccount:
    """A bot's identity, queue, chats and outbox.

    Args:
        token: decides the bot's id, as Telegram's tokens do.
        journal: keeps updates that nobody confirmed, and the bot's profile.
        messages_journal: keeps the messages that the bot sent.
        keep: records of sent messages kept in memory.
    """

    def __init__(
        self,
        token: str,
        *,
        bell: Bell,
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
        self.queue = UpdateQueue(self.id, bell=bell, counters=counters, journal=journal)
        self.outbox = Outbox(bell=bell, counters=counters, journal=messages_journal, keep=keep)
        self.webhook = Webhook()
        self.commands: dict[tuple[str, str], list[Json]] = {}
        """By (scope type, language code)."""
        self.texts: dict[tuple[str, str], str] = {}
        """Name, description and short description by (method suffix, language code)."""
        self.blocked: set[int] = set()
        """Private chats whose person blocked the bot, groups that it left."""
        self.groups: dict[int, Chat] = {}
        self._journal = journal
        # Above every id of an earlier run, for the same reason as the ids of updates.
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
        """Keep the profile: called after every change to it."""
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
                },
            }
        )

    def take_back(self, record: Json) -> None:
        """Continue from a record of the journal after a restart."""
        if "update" in record:
            self.queue.restore(record["update"])
        if "profile" in record:
            profile = record["profile"]
            self.webhook = Webhook(**profile["webhook"])
            self.queue.allowed = frozenset(profile["allowed"]) if profile["allowed"] else None
            self.commands = {(scope, code): listed for scope, code, listed in profile["commands"]}
            self.texts = {(name, code): text for name, code, text in profile["texts"]}
            self.blocked = set(profile["blocked"])
            self.groups = {chat["id"]: Chat.model_validate(chat) for chat in profile["groups"]}
        self.queue.skip_to(int(record.get("last_update", 0)))
        self.skip_messages_to(int(record.get("last_message", 0)))

    def skip_messages_to(self, message_id: int) -> None:
        """Let the next message's id be above this one."""
        self._message_id = max(self._message_id, message_id)

    def remember(self, chat: Chat) -> None:
        if chat.type != "private" and self.groups.get(chat.id) != chat:
            self.groups[chat.id] = chat
            self.save()

    def registered_commands(self) -> frozenset[str]:
        """Every command that the bot registered, in any scope or language."""
        return frozenset(
            str(command.get("command")) for listed in self.commands.values() for command in listed
        )

    def send_text(
        self,
        text: str,
        *,
        person: Person | None = None,
        chat: Chat | None = None,
        thread_id: int | None = None,
        reply_to_message_id: int | None = None,
        date: int | None = None,
        more: Json | None = None,
    ) -> list[int]:
        """A person writes; returns the ids of the updates, several when the text is long.

        Without `chat` it is the person's private chat. A text that no client can send (empty,
        only spaces) makes no update. `more` are further fields of the message.
        """
        author = person or Person()
        place = chat or author.private_chat()
        self.remember(place)
        reply_to = None
        if reply_to_message_id is not None:
            reply_to = self.outbox.standing(place.id, reply_to_message_id)
        update_ids = []
        for part in split_long(as_sent(text)):
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
        person: Person | None = None,
        chat: Chat | None = None,
        more: Json | None = None,
    ) -> int | None:
        """A person sends a photo, a sticker or anything else without a text of its own."""
        author = person or Person()
        place = chat or author.private_chat()
        self.remember(place)
        message = text_message(
            "", message_id=self.next_message_id(), person=author, chat=place, date=int(time.time())
        )
        del message["text"]
        return self.queue.put({"message": message | {kind: content} | (more or {})})

    def edit_text(
        self, text: str, *, message_id: int, person: Person | None = None, chat: Chat | None = None
    ) -> int | None:
        """A person edits an earlier message of theirs."""
        author = person or Person()
        place = chat or author.private_chat()
        now = int(time.time())
        message = text_message(
            as_sent(text), message_id=message_id, person=author, chat=place, date=now
        )
        return self.queue.put({"edited_message": message | {"edit_date": now}})

    def press(
        self, data: str, *, message_id: int, person: Person | None = None, chat: Chat | None = None
    ) -> int | None:
        """A person presses an inline button under a message of the bot."""
        author = person or Person()
        place = chat or author.private_chat()
        message = self.outbox.standing(place.id, message_id) or {
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

    def block(self, *, person: Person | None = None) -> int | None:
        """A person blocks the bot: from now on sending to them is refused."""
        author = person or Person()
        self.blocked.add(author.id)
        return self._membership(author, author.private_chat(), "member", "kicked")

    def unblock(self, *, person: Person | None = None) -> int | None:
        author = person or Person()
        self.blocked.discard(author.id)
        return self._membership(author, author.private_chat(), "kicked", "member")

    def add_to_group(self, chat: Chat, *, person: Person | None = None) -> int | None:
        """The bot becomes a member of a group."""
        self.remember(chat)
        self.blocked.discard(chat.id)
        return self._membership(person or Person(), chat, "left", "member")

    def remove_from_group(self, chat: Chat, *, person: Person | None = None) -> int | None:
        self.blocked.add(chat.id)
        return self._membership(person or Person(), chat, "member", "kicked")

    def _membership(self, person: Person, chat: Chat, old: str, new: str) -> int | None:
        self.save()
        change = membership_change(
            bot=self.as_user(), person=person, chat=chat, date=int(time.time()), old=old, new=new
        )
        return self.queue.put({"my_chat_member": change})

    def reset(self) -> None:
        """Forget chats, messages and pending updates; ids go on."""
        self.queue.drop_all()
        self.queue.allowed = None
        self.outbox.clear()
        self.blocked.clear()
        self.groups.clear()
        self.commands.clear()
        self.texts.clear()
        self.webhook = Webhook()
        self.save()
