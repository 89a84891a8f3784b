"""Restores a simulator's state from its state directory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cachetools import FIFOCache

from simulator.change_event import ChangeEvent
from simulator.counters import Counters
from simulator.journal import FileJournal, Journal, NoJournal, read_journal
from simulator.telegram.account import BotAccount

UPDATES_FILE = "updates.jsonl"
MESSAGES_FILE = "messages.jsonl"
CALLS_FILE = "calls.jsonl"


@dataclass(frozen=True, slots=True)
class Journals:
    """The journals of a state directory; without one they store nothing."""

    updates: Journal
    messages: Journal
    calls: Journal
    """Every call of the model; written only."""

    @classmethod
    def open(cls, directory: Path | None) -> Journals:
        """Open or create the journals.

        Raises:
            SettingError: SIMULATOR_STATE_DIR cannot be written.
        """
        if directory is None:
            return cls(NoJournal(), NoJournal(), NoJournal())
        return cls(
            FileJournal(directory / UPDATES_FILE),
            FileJournal(directory / MESSAGES_FILE),
            FileJournal(directory / CALLS_FILE),
        )

    def close(self) -> None:
        for journal in (self.updates, self.messages, self.calls):
            journal.close()


def open_account(
    token: str,
    *,
    journals: Journals,
    changed: ChangeEvent,
    counters: Counters,
    keep: int,
) -> BotAccount:
    """A bot account, restored with its unconfirmed updates and sent messages."""
    account = BotAccount(
        token,
        changed=changed,
        counters=counters,
        journal=journals.updates,
        messages_journal=journals.messages,
        keep=keep,
    )
    if isinstance(journals.messages, FileJournal):
        messages = _last_messages(journals.messages.path, keep)
        journals.messages.rewrite(iter([{"message": message} for message in messages]))
        for message in messages:
            account.sent_log.restore(message)
            account.skip_messages_to(int(message["message_id"]))
    if isinstance(journals.updates, FileJournal):
        records = list(_unconfirmed(journals.updates.path, account.id))
        journals.updates.rewrite(iter(records))
        for record in records:
            account.restore(record)
    return account


def _last_messages(path: Path, keep: int) -> list[dict[str, Any]]:
    messages: FIFOCache[tuple[int, int], dict[str, Any]] = FIFOCache(keep)
    for record in read_journal(path):
        if "message" in record:
            message = record["message"]
            messages[int(message["chat"]["id"]), int(message["message_id"])] = message
        elif "removed" in record:
            chat_id, message_id = record["removed"]
            messages.pop((chat_id, message_id), None)
    return list(messages.values())


def _unconfirmed(path: Path, bot_id: int) -> Iterator[dict[str, Any]]:
    """The compacted journal: last ids, latest profile, open updates."""
    updates: dict[int, dict[str, Any]] = {}
    profile: dict[str, Any] | None = None
    last_update = last_message = 0
    for record in read_journal(path):
        if record.get("bot") != bot_id:
            continue
        if "update" in record:
            update_id = int(record["update"]["update_id"])
            updates[update_id] = record
            last_update = max(last_update, update_id)
            last_message = max(last_message, _message_id(record["update"]))
        elif "confirmed" in record:
            # Insertion order is the order of ids: stop at the first higher one.
            while updates and (first := next(iter(updates))) <= record["confirmed"]:
                del updates[first]
        elif "settled" in record:
            updates.pop(record["settled"], None)
        elif "profile" in record:
            profile = record
        last_update = max(last_update, int(record.get("last_update", 0)))
        last_message = max(last_message, int(record.get("last_message", 0)))
    yield {"bot": bot_id, "last_update": last_update, "last_message": last_message}
    if profile is not None:
        yield profile
    yield from updates.values()


def _message_id(update: dict[str, Any]) -> int:
    message = update.get("message")
    message_id = message.get("message_id") if isinstance(message, dict) else None
    return message_id if isinstance(message_id, int) else 0
