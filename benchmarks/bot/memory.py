"""The bot without persistence, and a bare echo, for comparison in `benchmarks.bot.turns`.

`python -m benchmarks.bot.memory memory|echo` runs until SIGTERM, with the bot's own settings.

`memory` runs the bot's own poller, chat workers, update processor, dispatcher, turns, model and
sender over dictionaries: no database, no locks, no encryption. A restart loses everything.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from aiogram import Dispatcher
from aiogram.types import Message

from bot.components import Components
from bot.db.locks import QueuedUpdate
from bot.inbox.chat_workers import ChatWorkers
from bot.inbox.classifier import NotAnUpdateError, UpdateClassifier
from bot.inbox.polling import Poller
from bot.inbox.startup import fetch_identity
from bot.inbox.store import StoreResult
from bot.llm.completion import Completion
from bot.settings import Settings
from bot.telegram.intent import IntentParser
from bot.telegram.session import create_bot
from bot.turns.records import (
    ChatRef,
    DialogContext,
    HistoryMessage,
    OpenTurn,
    Question,
    TurnOutcome,
)
from common.encryption.bindings import Binding
from common.encryption.sealing import Sealer, Vault
from common.log import configure_logging
from common.process import run
from common.settings import load_sections
from common.vocabulary import Role


class PlainSealer(Sealer):
    """Seals nothing."""

    def __init__(self) -> None:
        super().__init__(bytes(32))

    def seal(self, plain: bytes, binding: Binding) -> bytes:
        del binding
        return plain

    def open(self, sealed: bytes, binding: Binding) -> bytes:
        del binding
        return sealed


class PlainVault(Vault):
    """Returns a sealer that seals nothing, for every user."""

    def __init__(self) -> None:
        super().__init__("no secret is kept here")
        self.installation = PlainSealer()

    def user_sealer(self, wrapped_key: bytes, telegram_hmac: bytes) -> Sealer:
        del wrapped_key, telegram_hmac
        return self.installation


class Store:
    """Inbox, chat locks and ledger in dictionaries."""

    def __init__(self, *, history: int) -> None:
        self.is_poller = True
        self._history = history
        self._open: dict[bytes, dict[int, QueuedUpdate]] = defaultdict(dict)
        self._chat_key_of: dict[int, bytes] = {}
        self._keys: dict[int, int] = {}
        self._dialogs: dict[bytes, UUID] = defaultdict(uuid4)
        self._messages: dict[UUID, deque[HistoryMessage]] = defaultdict(
            lambda: deque(maxlen=history)
        )
        self.classifier: UpdateClassifier
        self.chat_workers: ChatWorkers

    # Called by the poller.

    async def become_poller(self) -> bool:
        return True

    async def store(self, raw_updates: Sequence[Any]) -> StoreResult:
        stored = StoreResult()
        chat_workers = set()
        for raw in raw_updates:
            try:
                one = self.classifier.classify(raw)
            except NotAnUpdateError:
                stored.unusable += 1
                continue
            if one.update_id in self._chat_key_of or one.outcome or one.telegram_user is None:
                stored.duplicates += 1
                continue
            key = self._keys.setdefault(one.telegram_user.telegram_id, len(self._keys) + 1)
            self._chat_key_of[one.update_id] = one.chat_key
            self._open[one.chat_key][one.update_id] = QueuedUpdate(
                one.chat_key, one.update_id, datetime.now(UTC), one.kind, one.payload, 0, None, key,
                b"-", one.telegram_user.language, b"-",
            )  # fmt: skip
            chat_workers.add(one.chat_key)
            stored.new += 1
        self.chat_workers.notify(chat_workers)
        return stored

    async def settle(self, update_ids: Sequence[int], *_more: object, **_error: object) -> None:
        for update_id in update_ids:
            self._open[self._chat_key_of[update_id]].pop(update_id, None)

    # Called by the chat workers.

    async def record_delivery(self, _chat_id: int, *, is_counted: bool = False) -> None:
        """No chat refuses here."""

    def listen(self, _on_notice: object) -> None:
        """There is no other replica."""

    async def broadcast(self, _notice: object) -> None:
        """There is no other replica."""

    async def open_chats(self) -> set[bytes]:
        return {chat_key for chat_key, updates in self._open.items() if updates}

    async def claim(
        self,
        *,
        released: Iterable[bytes] = (),
        held: Iterable[bytes] = (),
        wanted: Iterable[bytes] = (),
        max_updates: int,
    ) -> dict[bytes, list[QueuedUpdate]]:
        del released
        return {
            chat_key: list(self._open[chat_key].values())[:max_updates]
            for chat_key in [*held, *wanted]
        }

    # Called by turns.

    async def load_context(
        self, _user_key: int, _sealer: Sealer, chat_ref: ChatRef, *, is_admin: bool
    ) -> DialogContext:
        del is_admin
        dialog_id = self._dialogs[chat_ref.chat_hmac]
        return DialogContext(dialog_id, tuple(self._messages[dialog_id]), None, None, None, None)

    async def refusal(self, _context: object, _update: object) -> None:
        """There are no bans."""

    async def open(
        self, question: Question, context: DialogContext, *, model: str, **_more: object
    ) -> OpenTurn:
        dialog_id = context.dialog_id or uuid4()
        self._messages[dialog_id].append(HistoryMessage(Role.USER, question.model_text))
        return OpenTurn(
            id=uuid4(), dialog_id=dialog_id, call_id=uuid4(), question=question, model=model,
            prompt_characters=0,
        )  # fmt: skip

    def speaker(self, _question: Question, _dialog_id: UUID) -> None:
        """There are no groups."""

    async def record_answer(self, turn: OpenTurn, completion: Completion, *, outcome: str) -> None:
        del outcome
        self._messages[turn.dialog_id].append(HistoryMessage(Role.ASSISTANT, completion.text))

    async def finish(
        self, _turn_id: UUID, update_ids: Sequence[int], _ending: TurnOutcome, **_more: object
    ) -> None:
        await self.settle(update_ids)


class MemoryComponents(Components):
    """The parts of the bot over `Store`."""

    def _create_stores(self, _prices: object) -> None:
        store: Any = Store(history=self.settings.bot.max_history_messages)
        self.store = self.users = self.blocks = self.chat_locks = self.refusals = store
        self.rules = self.history = self.ledger = store
        self.vault = PlainVault()

    def _create_inbox(self, intents: IntentParser) -> None:
        self.store.classifier = UpdateClassifier(self.vault, self.bot, intents)
        self.store.chat_workers = self.chat_workers
        self.inbox = self.preferences = self.bans = self.store


async def run_memory(settings: Settings, stop: asyncio.Event) -> None:
    """The bot over `Store`, until stopped."""
    parts = MemoryComponents(settings)
    parts.complete(await fetch_identity(parts.bot))
    poller = Poller(
        parts.bot, inbox=parts.store, chat_locks=parts.store, metrics=parts.metrics,
        poll_seconds=settings.telegram.telegram_poll_seconds,
    )  # fmt: skip
    tasks = [asyncio.create_task(parts.chat_workers.run()), asyncio.create_task(poller.run())]
    await stop.wait()
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    await parts.close()


async def run_echo(settings: Settings, stop: asyncio.Event) -> None:
    """The smallest aiogram bot there is."""
    bot = create_bot(settings.telegram)
    dispatcher = Dispatcher()

    @dispatcher.message()
    async def echo(message: Message) -> None:
        await message.answer(message.text or "")

    polling = asyncio.create_task(dispatcher.start_polling(bot, handle_signals=False))
    await stop.wait()
    await dispatcher.stop_polling()
    await polling


async def serve(variant: str) -> None:
    settings = load_sections(Settings)
    configure_logging(settings.runtime, service=variant)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await {"memory": run_memory, "echo": run_echo}[variant](settings, stop)


def main() -> int:
    asyncio.run(serve(sys.argv[1]))
    return 0


if __name__ == "__main__":
    run(main)
