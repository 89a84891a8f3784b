"""What a bot sent, for whoever checks it: the newest records only, so that memory is bounded."""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from dataclasses import asdict, dataclass, field
from typing import Any

from simulator import lenient
from simulator.bell import Bell
from simulator.counters import Counters
from simulator.journal import Journal

Json = dict[str, Any]

KEPT_FILES = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One thing that the bot did in a chat.

    `kind`: message, photo, document, draft, edit, markup, delete, action or callback_answer.
    """

    kind: str
    chat_id: int
    at: float = field(default_factory=time.time)
    """Seconds since 1970."""
    message_id: int | None = None
    thread_id: int | None = None
    text: str | None = None
    """After parsing of entities; the caption of a file."""
    entities: list[Json] = field(default_factory=list)
    parse_mode: str | None = None
    reply_markup: Json | None = None
    reply_to: int | None = None
    has_preview: bool | None = None
    """Whether Telegram would show a page below it: it has a link, and previews are not disabled."""
    draft_id: int | None = None
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


class Outbox:
    """What one bot sent.

    Args:
        journal: keeps the messages that may still be edited.
        keep: records (and editable messages) remembered; older ones are forgotten.
    """

    def __init__(self, *, bell: Bell, counters: Counters, journal: Journal, keep: int) -> None:
        self._bell = bell
        self._counters = counters
        self._journal = journal
        self._keep = keep
        self._records: deque[Sent] = deque(maxlen=keep)
        self._standing: OrderedDict[tuple[int, int], bytes] = OrderedDict()
        self._files: OrderedDict[str, StoredFile] = OrderedDict()

    def record(self, sent: Sent) -> None:
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
        self._bell.ring()

    def stand(self, message: Json) -> None:
        """Remember a message of the chat in its present state."""
        self._journal.append({"message": message})
        self.take_back(message)

    def take_back(self, message: Json) -> None:
        """Remember a message that the journal kept."""
        key = (int(message["chat"]["id"]), int(message["message_id"]))
        self._standing[key] = lenient.dumps(message)
        self._standing.move_to_end(key)
        while len(self._standing) > self._keep:
            self._standing.popitem(last=False)

    def standing(self, chat_id: int, message_id: int) -> Json | None:
        """The present state of a message, if it is remembered."""
        body = self._standing.get((chat_id, message_id))
        if body is None:
            return None
        message: Json = lenient.loads(body)
        return message

    def remove(self, chat_id: int, message_id: int) -> bool:
        self._journal.append({"removed": [chat_id, message_id]})
        return self._standing.pop((chat_id, message_id), None) is not None

    def store_file(self, stored: StoredFile) -> None:
        self._files[stored.file_id] = stored
        while len(self._files) > KEPT_FILES:
            self._files.popitem(last=False)

    def file(self, file_id: str) -> StoredFile | None:
        return self._files.get(file_id)

    def records(
        self, *, chat_id: int | None = None, kind: str | None = None, since: float = 0.0
    ) -> list[Sent]:
        """Oldest first."""
        return [
            sent
            for sent in self._records
            if (chat_id is None or sent.chat_id == chat_id)
            and (kind is None or sent.kind == kind)
            and sent.at >= since
        ]

    def texts(self, chat_id: int) -> list[str]:
        """Texts of the messages of a chat as sent, drafts and edits left out."""
        return [sent.text or "" for sent in self.records(chat_id=chat_id, kind="message")]

    def clear(self) -> None:
        self._records.clear()
        self._standing.clear()
        self._files.clear()
