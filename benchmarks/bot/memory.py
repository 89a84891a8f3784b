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
from typing import Any, Self
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from aiogram import Dispatcher
from aiogram.types import Message

from bot.components import LOCALES
from bot.db.locks import QueuedUpdate
from bot.handlers.answering import AnswerText
from bot.handlers.recent import RecentNotices
from bot.handlers.router import command_names, create_dispatcher
from bot.inbox.chat_workers import ChatQueue, ChatWorkers
from bot.inbox.classifier import NotAnUpdateError, UpdateClassifier
from bot.inbox.contexts import ContextFactory
from bot.inbox.opening import UpdateOpener
from bot.inbox.polling import Poller
from bot.inbox.processor import UpdateProcessor
from bot.inbox.startup import fetch_identity
from bot.inbox.store import StoreResult
from bot.llm.client import ModelClient, connect_model
from bot.llm.completion import Completion
from bot.llm.prices import ModelPrices
from bot.llm.sight import Sight
from bot.llm.transcription import Transcriber
from bot.metrics import BotMetrics
from bot.settings import BillSettings, Settings
from bot.telegram.intent import IntentParser
from bot.telegram.quoting import Quoter
from bot.telegram.send_limits import SendRateLimiter
from bot.telegram.sender import MessageSender
from bot.telegram.session import create_bot
from bot.turns.bill import Bill
from bot.turns.policy import TurnPolicy
from bot.turns.records import (
    ChatRef,
    DialogContext,
    HistoryMessage,
    OpenTurn,
    Question,
    TurnOutcome,
)
from bot.turns.service import TurnService
from bot.turns.steps.opening import TurnOpener
from bot.turns.summaries.writer import SummaryWriter
from bot.window_limiter import WindowLimiter
from common.encryption.bindings import Binding
from common.encryption.sealing import Sealer, Vault
from common.language.i18n import Translations
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


class NoSession:
    """A transaction that does nothing."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        """Close nothing: no transaction was opened."""

    def begin(self) -> NoSession:
        return self


async def run_memory(settings: Settings, stop: asyncio.Event) -> None:
    """The bot over `Store`, until stopped."""
    s = settings
    metrics, vault, translations = (
        BotMetrics(s.model.models),
        PlainVault(),
        Translations("en", directory=LOCALES),
    )
    bot = create_bot(s.telegram)
    identity = await fetch_identity(bot)
    intents = IntentParser(identity, command_names(translations))
    notices = RecentNotices()
    store: Any = Store(history=s.bot.max_history_messages)
    nothing: Any = NoSession
    processor: UpdateProcessor

    async def work(queue: ChatQueue) -> None:
        await processor.process(queue)

    chat_workers = ChatWorkers(
        store, work, metrics=metrics, max_chats=s.bot.max_lanes, sweep_seconds=s.bot.sweep_seconds
    )
    store.classifier, store.chat_workers = UpdateClassifier(vault, bot, intents), chat_workers
    client = connect_model(s.model)
    model = ModelClient(client, settings=s.model, metrics=metrics)
    prices = ModelPrices(s.model.llm_prices, max_answer_tokens=model.max_answer_tokens)
    zone = ZoneInfo("UTC")
    policy = TurnPolicy(
        access=s.access, limits=s.limits, prices=prices, zone=zone, sessions=nothing
    )
    bill = Bill(
        0, limits=BillSettings(), saving_model=None, zone=zone,
        periods=policy.periods, sessions=nothing,
    )  # fmt: skip
    sight = Sight(client, s.model, is_on=False)
    turns = TurnService(
        ledger=store, bill=bill, history=store, model=model, settings=s.model, metrics=metrics,
        rules=store,
        transcriber=Transcriber(client, settings=s.speech, metrics=metrics),
        summaries=SummaryWriter(
            ledger=store, bill=bill, history=store, model=model, settings=s.model,
            max_history_messages=s.bot.max_history_messages, max_history_characters=0,
        ),
        opener=TurnOpener(
            ledger=store, bill=bill, policy=policy, reader=nothing, max_pictures=0,
            transcription_model=None, sight=sight, sessions=nothing, settings=s.model,
        ),
    )  # fmt: skip
    rate_limiter = SendRateLimiter(
        per_second=s.telegram.telegram_messages_per_second,
        chat_interval_seconds=s.telegram.telegram_chat_interval_seconds,
        group_per_minute=s.telegram.telegram_group_messages_per_minute,
    )
    processor = UpdateProcessor(
        bot=bot,
        dispatcher=create_dispatcher(
            commands=intents.commands,
            answer_text=AnswerText(turns=turns, policy=policy, users=store, notices=notices),
            policy=policy,
            users=store,
            model_settings=s.model,
            bot_settings=s.bot,
            sight=sight,
        ),
        inbox=store, ledger=store, turns=turns, users=store, vault=vault, settings=s.bot,
        opener=UpdateOpener(bot, vault=vault, intents=intents, quoter=Quoter(identity.bot_id)),
        contexts=ContextFactory(
            sender=MessageSender(bot, rate_limiter=rate_limiter, metrics=metrics, refusals=store),
            vault=vault,
            translations=translations, metrics=metrics, settings=s.bot, notices=notices,
            bot_id=identity.bot_id,
        ),
        preferences=store, policy=policy, bans=store, commands=WindowLimiter(None),
    )  # fmt: skip
    poller = Poller(
        bot, inbox=store, chat_locks=store, metrics=metrics,
        poll_seconds=s.telegram.telegram_poll_seconds,
    )  # fmt: skip
    tasks = [asyncio.create_task(chat_workers.run()), asyncio.create_task(poller.run())]
    await stop.wait()
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    await bot.session.close()
    await client.close()


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
