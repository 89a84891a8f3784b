"""The log of what a bot sent, bounded to recent records."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import asdict, dataclass, field
from typing import Any

from cachetools import FIFOCache

from simulator import surrogate_json
from simulator.change_event import ChangeEvent
from simulator.counters import Counters
from simulator.journal import Journal

Json = dict[str, Any]

KEPT_FILES = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class SentAction:
    """One action of the bot in a chat.

    `kind`: message, photo, document, draft, edit, markup, delete, action or callback_answer.
    """

    kind: str
    chat_id: int
    at: float = field(default_factory=time.time)
    """Unix seconds."""
    message_id: int | None = None
    thread_id: int | None = None
    text: str | None = None
    """Text, a file's caption, or the Markdown of a rich message."""
    is_rich: bool | None = None
    entities: list[Json] = field(default_factory=list)
    reply_markup: Json | None = None
    reply_to: int | None = None
    has_preview: bool | None = None
    """Whether Telegram would show a link preview."""
    draft_id: int | None = None
    can_stop: bool | None = None
    """Whether Telegram would show a button that stops the draft."""
    action: str | None = None
    file_id: str | None = None
    file_name: str | None = None
    file_size: int | None = None

    def as_dict(self) -> Json:
        return {name: value for name, value in asdict(self).items() if value not in (None, [])}


@dataclass(frozen=True, slots=True)
class StoredFile:
    file_id: str
    name: str
    content: bytes


class SentLog:
    """Everything that one bot sent.

    Args:
        journal: stores messages, which may still be edited.
        keep: maximum records and messages in memory.
    """

    def __init__(
        self, *, changed: ChangeEvent, counters: Counters, journal: Journal, keep: int
    ) -> None:
        self._changed = changed
        self._counters = counters
        self._journal = journal
        self._records: deque[SentAction] = deque(maxlen=keep)
        self._messages: FIFOCache[tuple[int, int], bytes] = FIFOCache(keep)
        self._files: FIFOCache[str, StoredFile] = FIFOCache(KEPT_FILES)

    def record(self, sent: SentAction) -> None:
        self._records.append(sent)
        match sent.kind:
            case "message" | "photo" | "document":
                self._counters.messages_sent += 1
            case "edit" | "markup":
                self._counters.messages_edited += 1
            case "delete":
                self._counters.messages_deleted += 1
            case "draft":
                self._counters.drafts_sent += 1
            case _:
                pass
        self._changed.notify()

    def keep_message(self, message: Json) -> None:
        """Store a message in its current state."""
        self._journal.append({"message": message})
        self.restore(message)

    def restore(self, message: Json) -> None:
        """Restore a message from the journal."""
        key = (int(message["chat"]["id"]), int(message["message_id"]))
        self._messages[key] = surrogate_json.dumps(message)

    def message(self, chat_id: int, message_id: int) -> Json | None:
        """The current state of a message, if it is still in memory."""
        body = self._messages.get((chat_id, message_id))
        if body is None:
            return None
        message: Json = surrogate_json.loads(body)
        return message

    def remove(self, chat_id: int, message_id: int) -> bool:
        self._journal.append({"removed": [chat_id, message_id]})
        return self._messages.pop((chat_id, message_id), None) is not None

    def store_file(self, stored: StoredFile) -> None:
        self._files[stored.file_id] = stored

    def file(self, file_id: str) -> StoredFile | None:
        return self._files.get(file_id)

    def records(
        self, *, chat_id: int | None = None, kind: str | None = None, since: float = 0.0
    ) -> list[SentAction]:
        """Oldest first."""
        return [
            sent
            for sent in self._records
            if (chat_id is None or sent.chat_id == chat_id)
            and (kind is None or sent.kind == kind)
            and sent.at >= since
        ]

    def texts(self, chat_id: int) -> list[str]:
        """Texts of a chat's messages as sent, without drafts and edits."""
        return [sent.text or "" for sent in self.records(chat_id=chat_id, kind="message")]

    def clear(self) -> None:
        self._records.clear()
        self._messages.clear()
        self._files.clear()
