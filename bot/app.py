"""The composition root: every part of the bot, put together and taken apart again, in order."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any
from zoneinfo import ZoneInfo

from aiogram import Dispatcher
from aiohttp import web
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import async_sessionmaker

from bot.command_limit import CommandLimiter
from bot.db.bound_values import read_marker, watch_marker
from bot.db.locks import Leases, LeasesLostError
from bot.db.statements import Statements
from bot.handlers.answering import Talk
from bot.handlers.recent import RecentNotices
from bot.handlers.router import command_names, create_dispatcher, register_commands
from bot.health import Monitor
from bot.i18n import Translations
from bot.inbox.chat_workers import Lanes, Line
from bot.inbox.classifier import Classifier
from bot.inbox.contexts import Visits
from bot.inbox.http import Web
from bot.inbox.opening import Opener
from bot.inbox.polling import Poller
from bot.inbox.processor import Desk
from bot.inbox.startup import (
    introduce,
    poll,
    set_webhook,
    webhook_of,
)
from bot.inbox.store import Inbox
from bot.llm.client import Model, connect_model
from bot.metrics import Metrics
from bot.operator.notifier import OperatorMail
from bot.sections import Settings
from bot.telegram.meaning import Identity, Reader
from bot.telegram.quoting import Quoter
from bot.telegram.refusals import ChatRefusals
from bot.telegram.send_limits import Pace
from bot.telegram.sender import Outbox
from bot.telegram.session import connect
from bot.turns.history import DialogHistory
from bot.turns.ledger import Ledger
from bot.turns.limits import CHARACTERS_PER_TOKEN, Limits
from bot.turns.service import Turns
from bot.users.erasure import Erasure
from bot.users.export import Export
from bot.users.invites import Invites
from bot.users.preferences import Preferences
from bot.users.repository import People
from bot.users.usage import UsageReader
from common.bindings import Binding
from common.errors import SettingError, StartupError
from common.http.request_deadline import DeadlineRunner
from common.log import get_logger
from common.postgres import create_engine, wait_until_ready
from common.sealing import OpeningPolicy, Vault, log_refusal

LONGEST_START_PAUSE_SECONDS = 15.0

log = get_logger(__name__)


class App:
    """The running bot.

    Args:
        settings: every section.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        s = settings
        bot_id = s.telegram.bot_id
        self.engine = create_engine(s.database, application_name="bot")
        self.sessions = async_sessionmaker(self.engine, expire_on_commit=False)
        self._is_running = False
        self.broken = asyncio.Event()
        """A part ended by an error: the process must end too."""
        fallback = s.model.llm_fallback_model
        self.metrics = Metrics([*s.model.models, *([fallback] if fallback else [])])
        self.vault = Vault(
            s.data_key.data_key.get_secret_value(),
            second=s.data_key.second,
            policy=OpeningPolicy(on_refusal=self._count_refusal),
        )
        self.bot = connect(s.telegram)
        try:
            self.translations = Translations(s.bot.default_language)
        except ValueError as error:
            raise SettingError("DEFAULT_LANGUAGE", str(error)) from error
        self.people = People(self.vault, self.sessions)
        self.leases = Leases(s.database.asyncpg_url, bot_id)
        self.lanes = Lanes(
            self.leases,
            self._work,
            metrics=self.metrics,
            most=s.bot.max_lanes,
            sweep_seconds=s.bot.sweep_seconds,
        )
        self.pace = Pace(
            per_second=s.telegram.telegram_messages_per_second,
            chat_interval_seconds=s.telegram.telegram_chat_interval_seconds,
            group_per_minute=s.telegram.telegram_group_messages_per_minute,
        )
        self.outbox = Outbox(
            self.bot,
            pace=self.pace,
            metrics=self.metrics,
            refusals=ChatRefusals(bot_id, sessions=self.sessions, vault=self.vault),
        )
        self._client = connect_model(s.model)
        self.model = Model(self._client, settings=s.model, metrics=self.metrics)
        self.statements = Statements(s.database)
        self.ledger = Ledger(bot_id, statements=self.statements)
        self.history = DialogHistory(
            bot_id,
            statements=self.statements,
            vault=self.vault,
            max_history_messages=s.bot.max_history_messages,
            max_history_characters=s.bot.max_history_tokens * CHARACTERS_PER_TOKEN,
            tells_names=s.bot.group_first_names,
        )
        self.limits = Limits(
            access=s.access,
            limits=s.limits,
            prices=s.model.llm_prices,
            most_tokens=self.model.most_tokens,
            zone=ZoneInfo(s.report.report_timezone),
            sessions=self.sessions,
        )
        self.notices = RecentNotices()
        self.turns = Turns(
            ledger=self.ledger,
            history=self.history,
            model=self.model,
            gate=self.limits,
            sessions=self.sessions,
            settings=s.model,
            metrics=self.metrics,
        )
        self.monitor = Monitor(
            engine=self.engine,
            statements=self.statements,
            pace=self.pace,
            metrics=self.metrics,
            model=self.model if s.bot.health_checks_llm else None,
        )

    def _count_refusal(self, binding: Binding) -> None:
        log_refusal(binding)
        self.metrics.refused_values.labels(binding.column).inc()

    async def _work(self, line: Line) -> None:
        await self.desk.work(line)

    def _assemble(self, identity: Identity) -> None:
        """The parts that need to know the bot's own name."""
        s = self.settings
        reader = Reader(identity, command_names(self.translations))
        preferences = Preferences(identity.bot_id, sessions=self.sessions)
        self.inbox = Inbox(
            identity.bot_id,
            sessions=self.sessions,
            statements=self.statements,
            vault=self.vault,
            people=self.people,
            classifier=Classifier(self.vault, self.bot, reader),
            lanes=self.lanes,
            metrics=self.metrics,
        )
        self.monitor.inbox = self.inbox
        quoter = Quoter(identity.bot_id, tells_names=s.bot.group_first_names)
        self.desk = Desk(
            bot=self.bot,
            dispatcher=self._dispatcher(reader, preferences),
            inbox=self.inbox,
            ledger=self.ledger,
            turns=self.turns,
            people=self.people,
            vault=self.vault,
            settings=s.bot,
            opener=Opener(self.bot, vault=self.vault, reader=reader, quoter=quoter),
            visits=Visits(
                outbox=self.outbox,
                vault=self.vault,
                translations=self.translations,
                metrics=self.metrics,
                settings=s.bot,
                notices=self.notices,
            ),
            preferences=preferences,
            limits=self.limits,
            commands=CommandLimiter(s.limits.command_limit_per_minute),
        )

    def _dispatcher(self, reader: Reader, preferences: Preferences) -> Dispatcher:
        s = self.settings
        identity = reader.identity
        return create_dispatcher(
            commands=reader.commands,
            talk=Talk(
                turns=self.turns, limits=self.limits, people=self.people, notices=self.notices
            ),
            history=self.history,
            limits=self.limits,
            invites=Invites(s.access.access_invite_codes, metrics=self.metrics),
            people=self.people,
            preferences=preferences,
            usage_reader=UsageReader(sessions=self.sessions, zone=s.report.report_timezone),
            erasure=Erasure(
                identity.bot_id,
                sessions=self.sessions,
                people=self.people,
                limits=self.limits,
                interrupt=self.lanes.interrupt_person,
            ),
            exporter=Export(sessions=self.sessions),
            model_settings=s.model,
            bot_settings=s.bot,
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Start, and at the end stop, in order.

        Raises:
            StartupError: a setting is wrong, in one line.
        """
        async with contextlib.AsyncExitStack() as stack:
            # Left in the opposite order.
            self._at_end(stack, "connections closed", self._close_clients)
            # First of all: /ready says which of them the bot is waiting for.
            await self._serve(stack)
            self.monitor.waiting_for = "database"
            await wait_until_ready(self.settings.database, self._verify_database)
            self._at_end(stack, "lanes given up", self.leases.close)
            with contextlib.suppress(LeasesLostError):
                await self.leases.open()  # the lanes' loop goes on trying
            self.monitor.waiting_for = "telegram"
            identity = await introduce(self.bot)
            self._assemble(identity)
            if webhook_of(self.settings.telegram):
                # Until Telegram has accepted it nothing is delivered: the bot is not ready.
                await set_webhook(self.bot, self.settings.telegram)
            self._begin(stack, "monitor", self.monitor.watch())
            self._begin(stack, "sealing marker", watch_marker(self.engine, self.vault.policy))
            self._begin(stack, "lanes", self.lanes.run())
            self._at_end(stack, "running turns ended", self._finish_turns)
            self._poll_if_not_delivered(stack)
            if (chat := self.settings.operator.operator_chat_id) is not None:
                mail = OperatorMail(
                    chat,
                    sessions=self.sessions,
                    outbox=self.outbox,
                    translate=self.translations.default,
                )
                self._begin(stack, "operator's mail", mail.run())
            self._begin(stack, "menu", register_commands(self.bot, self.translations))
            self.monitor.waiting_for, self._is_running = None, True
            log.info("bot is running", bot_id=identity.bot_id, username=identity.username)
            yield
            log.info("bot is stopping")
            self.monitor.waiting_for = "stop"

    def _at_end(
        self, stack: contextlib.AsyncExitStack, done: str, step: Callable[[], Awaitable[object]]
    ) -> None:
        async def end() -> None:
            result = await step()
            if not self._is_running:
                return  # the start failed: its one line is all that the operator needs
            log.info(done, **({"handed_back": result} if isinstance(result, int) else {}))

        stack.push_async_callback(end)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()):
            # Half a bot looks healthy from outside: better none, and a supervisor's restart.
            log.error("a part of the bot failed", part=task.get_name(), exc_info=error)
            self.broken.set()

    def _begin(
        self, stack: contextlib.AsyncExitStack, name: str, work: Coroutine[Any, Any, None]
    ) -> None:
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(self._ended)

        async def end() -> None:
            task.cancel()
            await asyncio.wait([task])

        self._at_end(stack, f"{name} stopped", end)

    @property
    def is_running(self) -> bool:
        """Whether the start is complete."""
        return self._is_running

    async def _finish_turns(self) -> int:
        return await self.lanes.finish(self.settings.bot.shutdown_seconds)

    async def _close_clients(self) -> None:
        await self.bot.session.close()
        await self._client.close()
        await self.statements.close()
        await self.engine.dispose()

    async def _verify_database(self) -> None:
        try:
            async with self.engine.connect() as connection:
                await connection.execute(text("SELECT FROM updates LIMIT 0"))
            await read_marker(self.engine, self.vault.policy)
        except ProgrammingError as error:
            raise StartupError(
                "DATABASE_URL: the database has no tables yet, or older ones:"
                " run python -m migrations postgres"
            ) from error
        await self.people.refuse_another_data_key()
        self.model.remember_thinking(await self.ledger.thinking_models())

    async def _serve(self, stack: contextlib.AsyncExitStack) -> None:
        s = self.settings
        routes = Web(
            metrics=self.metrics,
            health=self.monitor.health,
            obstacle=self.monitor.obstacle,
            refresh=self.monitor.refresh,
            metrics_token=s.bot.metrics_token,
        )
        application = routes.application(
            webhook=webhook_of(s.telegram), inbox=lambda: self.monitor.inbox
        )
        runner = DeadlineRunner(application, access_log=None, shutdown_timeout=2)
        await runner.setup()
        self._at_end(stack, "HTTP server stopped", runner.cleanup)
        try:
            await web.TCPSite(runner, s.bot.bind_host, s.bot.bot_port).start()
        except OSError as error:
            raise SettingError(
                "BOT_PORT", f"cannot listen on port {s.bot.bot_port}: {error.strerror}"
            ) from error
        self.port: int = runner.addresses[0][1]

    def _poll_if_not_delivered(self, stack: contextlib.AsyncExitStack) -> None:
        s = self.settings.telegram
        if webhook_of(s):
            return
        poller = Poller(
            self.bot,
            inbox=self.inbox,
            leases=self.leases,
            metrics=self.metrics,
            poll_seconds=s.telegram_poll_seconds,
        )
        self._begin(stack, "poller", poll(self.bot, poller))
