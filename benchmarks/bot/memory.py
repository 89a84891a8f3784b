"""The bot without persistence, and a bare echo: `benchmarks.bot.turns` compares the real one.

`python -m benchmarks.bot.memory memory|echo` runs until SIGTERM, with the bot's own settings.

`memory` is the bot's own poller, lanes, desk, dispatcher, turns, model and outbox over
dictionaries: no database, no locks, no sealing. It loses everything with the process.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Self
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from aiogram import Dispatcher
from aiogram.types import Message

from bot.command_limit import CommandLimiter
from bot.db.locks import Entry
from bot.handlers.answering import Talk
from bot.handlers.recent import RecentNotices
from bot.handlers.router import command_names, create_dispatcher
from bot.i18n import Translations
from bot.inbox.chat_workers import Lanes, Line
from bot.inbox.classifier import Classifier, NoUpdateError
from bot.inbox.contexts import Visits
from bot.inbox.opening import Opener
from bot.inbox.polling import Poller
from bot.inbox.processor import Desk
from bot.inbox.startup import introduce
from bot.inbox.store import Stored
from bot.llm.client import Model, connect_model
from bot.llm.completion import Completion
from bot.metrics import Metrics
from bot.sections import Settings
from bot.telegram.meaning import Reader
from bot.telegram.quoting import Quoter
from bot.telegram.send_limits import Pace
from bot.telegram.sender import Outbox
from bot.telegram.session import connect
from bot.turns.limits import Limits
from bot.turns.records import (
    Context,
    Earlier,
    Ending,
    OpenTurn,
    Question,
    Room,
)
from bot.turns.service import Turns
from common.bindings import Binding
from common.log import configure_logging
from common.process import run
from common.sealing import Sealer, Vault
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
    """Everybody's sealer seals nothing."""

    def __init__(self) -> None:
        super().__init__("no secret is kept here")
        self.installation = PlainSealer()

    def person(self, wrapped_key: bytes, telegram_hmac: bytes) -> Sealer:
        del wrapped_key, telegram_hmac
        return self.installation


class Store:
    """Inbox, lane locks and ledger in dictionaries."""

    def __init__(self, *, history: int) -> None:
        self.is_poller = True
        self._history = history
        self._open: dict[bytes, dict[int, Entry]] = defaultdict(dict)
        self._lane_of: dict[int, bytes] = {}
        self._keys: dict[int, int] = {}
        self._dialogs: dict[bytes, UUID] = defaultdict(uuid4)
        self._messages: dict[UUID, deque[Earlier]] = defaultdict(lambda: deque(maxlen=history))
        self.classifier: Classifier
        self.lanes: Lanes

    # What the poller calls.

    async def become_poller(self) -> bool:
        return True

    async def store(self, raw_updates: Sequence[Any]) -> Stored:
        stored = Stored()
        lanes = set()
        for raw in raw_updates:
            try:
                one = self.classifier.classify(raw)
            except NoUpdateError:
                stored.unusable += 1
                continue
            if one.update_id in self._lane_of or one.outcome or one.sender is None:
                stored.duplicates += 1
                continue
            key = self._keys.setdefault(one.sender.telegram_id, len(self._keys) + 1)
            self._lane_of[one.update_id] = one.lane
            self._open[one.lane][one.update_id] = Entry(
                one.lane, one.update_id, datetime.now(UTC), one.kind, one.payload, 0, None, key,
                b"-", one.sender.language, b"-",
            )  # fmt: skip
            lanes.add(one.lane)
            stored.new += 1
        self.lanes.wake(lanes)
        return stored

    async def settle(self, update_ids: Sequence[int], *_more: object, **_error: object) -> None:
        for update_id in update_ids:
            self._open[self._lane_of[update_id]].pop(update_id, None)

    # What the lanes call.

    async def delivered(self, _chat_id: int, *, is_counted: bool = False) -> None:
        """No chat refuses here."""

    def listen(self, _on_notice: object) -> None:
        """There is no other replica."""

    async def notify(self, _notice: object) -> None:
        """There is no other replica."""

    async def open_lanes(self) -> set[bytes]:
        return {lane for lane, entries in self._open.items() if entries}

    async def claim(
        self,
        *,
        released: Iterable[bytes] = (),
        held: Iterable[bytes] = (),
        wanted: Iterable[bytes] = (),
        most: int,
    ) -> dict[bytes, list[Entry]]:
        del released
        return {lane: list(self._open[lane].values())[:most] for lane in [*held, *wanted]}

    # What turns call.

    async def context(self, _user_key: int, _sealer: Sealer, room: Room) -> Context:
        dialog_id = self._dialogs[room.chat_hmac]
        return Context(dialog_id, tuple(self._messages[dialog_id]), None, None, None, None)

    async def open(self, question: Question, context: Context, *, model: str) -> OpenTurn:
        del model
        dialog_id = context.dialog_id or uuid4()
        self._messages[dialog_id].append(Earlier(Role.USER, question.model_text))
        return OpenTurn(id=uuid4(), dialog_id=dialog_id, call_id=uuid4(), question=question)

    def speaker(self, _question: Question, _dialog_id: UUID) -> None:
        """There are no groups."""

    async def record_answer(self, turn: OpenTurn, completion: Completion, *, outcome: str) -> None:
        del outcome
        self._messages[turn.dialog_id].append(Earlier(Role.ASSISTANT, completion.text))

    async def finish(
        self, _turn_id: UUID, update_ids: Sequence[int], _ending: Ending, **_more: object
    ) -> None:
        await self.settle(update_ids)


class NoSession:
    """Stands where a transaction would."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        """Nothing was opened."""

    def begin(self) -> NoSession:
        return self


async def run_memory(settings: Settings, stop: asyncio.Event) -> None:
    """The bot over `Store`, until stopped."""
    s = settings
    metrics, vault, translations = Metrics(s.model.models), PlainVault(), Translations("en")
    bot = connect(s.telegram)
    identity = await introduce(bot)
    reader = Reader(identity, command_names(translations))
    notices = RecentNotices()
    store: Any = Store(history=s.bot.max_history_messages)
    nothing: Any = NoSession
    desk: Desk

    async def work(line: Line) -> None:
        await desk.work(line)

    lanes = Lanes(
        store, work, metrics=metrics, most=s.bot.max_lanes, sweep_seconds=s.bot.sweep_seconds
    )
    store.classifier, store.lanes = Classifier(vault, bot, reader), lanes
    client = connect_model(s.model)
    model = Model(client, settings=s.model, metrics=metrics)
    limits = Limits(
        access=s.access, limits=s.limits, prices=s.model.llm_prices,
        most_tokens=model.most_tokens, zone=ZoneInfo("UTC"), sessions=nothing,
    )  # fmt: skip
    turns = Turns(
        ledger=store, history=store, model=model, gate=limits, sessions=nothing, settings=s.model,
        metrics=metrics,
    )  # fmt: skip
    pace = Pace(
        per_second=s.telegram.telegram_messages_per_second,
        chat_interval_seconds=s.telegram.telegram_chat_interval_seconds,
        group_per_minute=s.telegram.telegram_group_messages_per_minute,
    )
    desk = Desk(
        bot=bot,
        dispatcher=create_dispatcher(
            commands=reader.commands,
            talk=Talk(turns=turns, limits=limits, people=store, notices=notices),
            limits=limits,
            people=store,
            model_settings=s.model,
            bot_settings=s.bot,
        ),
        inbox=store, ledger=store, turns=turns, people=store, vault=vault, settings=s.bot,
        opener=Opener(bot, vault=vault, reader=reader, quoter=Quoter(identity.bot_id)),
        visits=Visits(
            outbox=Outbox(bot, pace=pace, metrics=metrics, refusals=store), vault=vault,
            translations=translations, metrics=metrics, settings=s.bot, notices=notices,
        ),
        preferences=store, limits=limits, commands=CommandLimiter(None),
    )  # fmt: skip
    poller = Poller(
        bot, inbox=store, leases=store, metrics=metrics,
        poll_seconds=s.telegram.telegram_poll_seconds,
    )  # fmt: skip
    tasks = [asyncio.create_task(lanes.run()), asyncio.create_task(poller.run())]
    await stop.wait()
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    await bot.session.close()
    await client.close()


async def run_echo(settings: Settings, stop: asyncio.Event) -> None:
    """The smallest aiogram bot there is."""
    bot = connect(settings.telegram)
    dispatcher = Dispatcher()

    @dispatcher.message()
    async def echo(message: Message) -> None:
        await message.answer(message.text or "")

    polling = asyncio.create_task(dispatcher.start_polling(bot, handle_signals=False))
    await stop.wait()
    await dispatcher.stop_polling()
    await polling


async def serve(variant: str) -> None:
    settings = Settings.from_environment()
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
