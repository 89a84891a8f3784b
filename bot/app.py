"""The composition root: creates every part of the bot, starts and stops them in order."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from aiogram import Dispatcher
from aiohttp import web
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import async_sessionmaker

from bot.db.bound_values import read_marker, watch_marker
from bot.db.kept_pictures import drop_old_pictures
from bot.db.locks import ChatLocks, LocksLostError
from bot.db.statements import Statements
from bot.handlers.admin.people import PersonPages
from bot.handlers.answering import AnswerText
from bot.handlers.recent import RecentNotices
from bot.handlers.router import (
    ADMIN_COMMANDS,
    command_names,
    create_dispatcher,
    register_commands,
)
from bot.health import HealthMonitor
from bot.inbox.bans import BanCheck
from bot.inbox.chat_workers import ChatQueue, ChatWorkers
from bot.inbox.classifier import UpdateClassifier
from bot.inbox.contexts import ContextFactory
from bot.inbox.http import HttpRoutes
from bot.inbox.opening import UpdateOpener
from bot.inbox.polling import Poller
from bot.inbox.processor import UpdateProcessor
from bot.inbox.startup import (
    fetch_identity,
    run_polling,
    set_webhook,
    webhook_config,
)
from bot.inbox.store import Inbox
from bot.llm.client import ModelClient, connect_model
from bot.llm.prices import CHARACTERS_PER_TOKEN, ModelPrices
from bot.llm.sight import Sight
from bot.llm.transcription import Transcriber, connect_transcription
from bot.media.fetching import TelegramFiles
from bot.media.process import ReadingProcess
from bot.media.reader import MediaReader
from bot.metrics import BotMetrics
from bot.operator.bill import BillReporter
from bot.operator.notifier import OperatorNotifier
from bot.operator.start import record_start
from bot.operator.webhooks import WebhookSender
from bot.settings import Settings
from bot.stats_api import StatsApi
from bot.telegram.attachments import AttachmentFinder
from bot.telegram.intent import BotIdentity, IntentParser
from bot.telegram.quoting import Quoter
from bot.telegram.refusals import ChatRefusals
from bot.telegram.send_limits import SendRateLimiter
from bot.telegram.sender import MessageSender
from bot.telegram.session import create_bot
from bot.turns.bill import Bill, limits_below
from bot.turns.history import DialogHistory, PictureLimits
from bot.turns.ledger import Ledger
from bot.turns.policy import TurnPolicy
from bot.turns.rules import RuleReader
from bot.turns.service import TurnService
from bot.turns.steps.opening import TurnOpener
from bot.turns.summaries.writer import SummaryWriter
from bot.users.erasure import Erasure
from bot.users.export import UserExport
from bot.users.invites import InviteCodes
from bot.users.preferences import Preferences
from bot.users.ratings import Ratings
from bot.users.repository import UserRepository
from bot.users.usage import UsageReader
from bot.window_limiter import WindowLimiter
from common.encryption.bindings import Binding
from common.encryption.sealing import OpeningPolicy, Vault, log_refusal
from common.errors import SettingError, StartupError
from common.http.request_deadline import DeadlineRunner
from common.language.i18n import Translations
from common.log import get_logger
from common.postgres import create_engine, wait_until_ready
from common.tables.changed_settings import digest_settings, watch_settings

LOCALES = Path(__file__).parent / "locales"

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
        """Set when a part failed: the process must exit."""
        others = (
            s.model.llm_fallback_model, s.model.llm_saving_model, s.model.llm_vision_model,
            s.model.llm_summary_model, s.speech.transcription_model,
        )  # fmt: skip
        self.metrics = BotMetrics([*s.model.models, *filter(None, others)])
        self.vault = Vault(
            s.data_key.data_key.get_secret_value(),
            second=s.data_key.second,
            policy=OpeningPolicy(on_refusal=self._count_refusal),
        )
        self.bot = create_bot(s.telegram)
        try:
            self.translations = Translations(s.bot.default_language, directory=LOCALES)
        except ValueError as error:
            raise SettingError("DEFAULT_LANGUAGE", str(error)) from error
        self.users = UserRepository(self.vault, self.sessions)
        self.chat_locks = ChatLocks(s.database.asyncpg_url, bot_id)
        self.chat_workers = ChatWorkers(
            self.chat_locks,
            self._work,
            metrics=self.metrics,
            max_chats=s.bot.max_lanes,
            sweep_seconds=s.bot.sweep_seconds,
        )
        self.rate_limiter = SendRateLimiter(
            per_second=s.telegram.telegram_messages_per_second,
            chat_interval_seconds=s.telegram.telegram_chat_interval_seconds,
            group_per_minute=s.telegram.telegram_group_messages_per_minute,
        )
        self.sender = MessageSender(
            self.bot,
            rate_limiter=self.rate_limiter,
            metrics=self.metrics,
            refusals=ChatRefusals(bot_id, sessions=self.sessions, vault=self.vault),
        )
        self._client = connect_model(s.model)
        self.model = ModelClient(self._client, settings=s.model, metrics=self.metrics)
        self.stats_api = StatsApi(s.stats_api)
        self._speech_client = connect_transcription(s.speech, s.model)
        transcriber = Transcriber(self._speech_client, settings=s.speech, metrics=self.metrics)
        self.sight = Sight(self._client, s.model, is_on=s.media.max_pictures > 0)
        self.statements = Statements(s.database)
        self.rules = RuleReader(self.statements)
        self.history = DialogHistory(
            bot_id,
            statements=self.statements,
            vault=self.vault,
            max_history_messages=s.bot.max_history_messages,
            max_history_characters=s.bot.max_history_tokens * CHARACTERS_PER_TOKEN,
            picture_limits=PictureLimits(
                s.media.max_pictures, s.media.media_retention_hours, s.media.picture_tokens
            ),
            uses_first_names=s.bot.group_first_names,
        )
        prices = ModelPrices(
            s.model.llm_prices,
            max_answer_tokens=self.model.max_answer_tokens,
            speech_usd_per_minute=s.speech.transcription_usd_per_minute,
        )
        zone = ZoneInfo(s.report.report_timezone)
        self.policy = TurnPolicy(
            access=s.access, limits=s.limits, prices=prices, zone=zone, sessions=self.sessions
        )
        self.bill = Bill(
            bot_id,
            limits=s.bill,
            saving_model=s.model.llm_saving_model,
            zone=zone,
            periods=self.policy.periods,
            sessions=self.sessions,
        )
        reserve = prices.reserve(s.model.llm_model)
        for setting in limits_below(s.bill, reserve):
            log.warning(
                "limit_below_one_answer",
                setting=setting,
                model=s.model.llm_model,
                may_cost_usd=str(reserve),
            )
        self.ledger = Ledger(
            bot_id,
            statements=self.statements,
            prices=prices,
            bill=self.bill,
            counting=s.counting,
            keeps_pictures=s.media.media_retention_hours > 0,
        )
        self.notices = RecentNotices()
        self.turns = TurnService(
            ledger=self.ledger,
            bill=self.bill,
            history=self.history,
            model=self.model,
            rules=self.rules,
            transcriber=transcriber,
            summaries=self._summary_writer(),
            opener=TurnOpener(
                ledger=self.ledger,
                bill=self.bill,
                policy=self.policy,
                reader=self._media_reader(),
                sight=self.sight,
                max_pictures=s.media.max_pictures,
                transcription_model=s.speech.transcription_model,
                sessions=self.sessions,
                settings=s.model,
            ),
            settings=s.model,
            metrics=self.metrics,
        )
        self.monitor = HealthMonitor(
            engine=self.engine,
            statements=self.statements,
            rate_limiter=self.rate_limiter,
            metrics=self.metrics,
            model=self.model if s.bot.health_checks_llm else None,
        )

    def _summary_writer(self) -> SummaryWriter:
        s = self.settings
        return SummaryWriter(
            ledger=self.ledger,
            bill=self.bill,
            history=self.history,
            model=self.model,
            settings=s.model,
            max_history_messages=s.bot.max_history_messages,
            max_history_characters=s.bot.max_history_tokens * CHARACTERS_PER_TOKEN,
        )

    def _media_reader(self) -> MediaReader:
        media = self.settings.media
        return MediaReader(
            media,
            files=TelegramFiles(
                self.bot,
                seconds=media.media_fetch_seconds,
                max_bytes=media.media_megabytes * 1024 * 1024,
            ),
            process=ReadingProcess(
                seconds=media.media_read_seconds,
                memory_megabytes=media.media_memory_megabytes,
                processes=media.media_processes,
            ),
            max_speech_seconds=self.settings.speech.transcription_max_seconds,
        )

    def _count_refusal(self, binding: Binding) -> None:
        log_refusal(binding)
        self.metrics.refused_values.labels(binding.column).inc()

    async def _work(self, queue: ChatQueue) -> None:
        await self.processor.process(queue)

    def _assemble(self, identity: BotIdentity) -> None:
        """Create the parts that need the bot's username."""
        s = self.settings
        intents = IntentParser(
            identity,
            command_names(self.translations),
            admin_commands=ADMIN_COMMANDS,
            admin_ids=s.access.admin_ids,
            attachments=AttachmentFinder(
                reads_pictures=lambda: self.sight.is_available,
                hears=s.speech.transcription_model is not None,
            ),
        )
        preferences = Preferences(identity.bot_id, sessions=self.sessions)
        self.inbox = Inbox(
            identity.bot_id,
            sessions=self.sessions,
            statements=self.statements,
            vault=self.vault,
            users=self.users,
            classifier=UpdateClassifier(self.vault, self.bot, intents),
            chat_workers=self.chat_workers,
            metrics=self.metrics,
        )
        self.monitor.inbox = self.inbox
        quoter = Quoter(identity.bot_id, uses_first_names=s.bot.group_first_names)
        self.processor = UpdateProcessor(
            bot=self.bot,
            dispatcher=self._dispatcher(intents, preferences),
            inbox=self.inbox,
            ledger=self.ledger,
            turns=self.turns,
            users=self.users,
            vault=self.vault,
            settings=s.bot,
            opener=UpdateOpener(
                self.bot,
                vault=self.vault,
                intents=intents,
                quoter=quoter,
            ),
            contexts=ContextFactory(
                sender=self.sender,
                vault=self.vault,
                translations=self.translations,
                metrics=self.metrics,
                settings=s.bot,
                notices=self.notices,
                bot_id=identity.bot_id,
            ),
            preferences=preferences,
            policy=self.policy,
            bans=BanCheck(self.rules, self.policy),
            commands=WindowLimiter(s.limits.command_limit_per_minute),
        )

    def _dispatcher(self, intents: IntentParser, preferences: Preferences) -> Dispatcher:
        s = self.settings
        identity = intents.identity
        usage_reader = UsageReader(sessions=self.sessions, zone=s.report.report_timezone)
        return create_dispatcher(
            commands=intents.commands,
            answer_text=AnswerText(
                turns=self.turns, policy=self.policy, users=self.users, notices=self.notices
            ),
            history=self.history,
            policy=self.policy,
            bill=self.bill,
            stats_api=self.stats_api,
            read_health=self.monitor.overview,
            invites=InviteCodes(
                s.access.access_invite_codes,
                preferences=preferences,
                sessions=self.sessions,
                metrics=self.metrics,
            ),
            users=self.users,
            preferences=preferences,
            usage_reader=usage_reader,
            ratings=Ratings(identity.bot_id, statements=self.statements, counting=s.counting),
            person_pages=PersonPages(self.stats_api, usage_reader=usage_reader, policy=self.policy),
            erasure=Erasure(
                identity.bot_id,
                sessions=self.sessions,
                users=self.users,
                policy=self.policy,
                interrupt=self.chat_workers.interrupt_user,
            ),
            exporter=UserExport(sessions=self.sessions),
            model_settings=s.model,
            bot_settings=s.bot,
            consent=s.consent,
            counting=s.counting,
            media_settings=s.media,
            speech_settings=s.speech,
            sight=self.sight,
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Start in order; stop in reverse order at the end.

        Raises:
            StartupError: a setting is wrong.
        """
        async with contextlib.AsyncExitStack() as stack:
            # The stack unwinds in reverse order.
            self._at_end(stack, "connections closed", self._close_clients)
            # Served first: /ready says what the bot is waiting for.
            await self._serve(stack)
            self.monitor.startup_step = "database"
            await wait_until_ready(self.settings.database, self._verify_database)
            self._at_end(stack, "chat locks released", self.chat_locks.close)
            with contextlib.suppress(LocksLostError):
                await self.chat_locks.open()  # the workers' loop keeps trying
            self.monitor.startup_step = "telegram"
            identity = await fetch_identity(self.bot)
            self._assemble(identity)
            self._begin(stack, "list of models", self.sight.watch())
            await self.sight.wait_until_known()
            if webhook_config(self.settings.telegram):
                # Not ready until Telegram has accepted the webhook: it delivers nothing before.
                await set_webhook(self.bot, self.settings.telegram)
            self._begin(stack, "monitor", self.monitor.watch())
            self._begin(stack, "sealing marker", watch_marker(self.engine, self.vault.policy))
            self._begin(stack, "chat workers", self.chat_workers.run())
            self._at_end(stack, "running turns ended", self._finish_turns)
            self._poll_if_not_delivered(stack)
            operator = self.settings.operator
            chat = operator.operator_chat_id
            mail = OperatorNotifier(
                chat,
                sessions=self.sessions,
                sender=self.sender,
                translate=self.translations.default,
            )
            self._begin(stack, "operator notifier", mail.run())
            webhooks = WebhookSender(
                sessions=self.sessions, allows_internal=operator.webhook_internal_addresses
            )
            self._begin(stack, "webhook sender", webhooks.run())
            if self.bill.limits:
                reporter = BillReporter(
                    self.bill,
                    sessions=self.sessions,
                    metrics=self.metrics,
                    translate=self.translations.default if chat is not None else None,
                )
                self._begin(stack, "bill reporter", reporter.run())
            hours = self.settings.media.media_retention_hours
            self._begin(stack, "picture retention", drop_old_pictures(self.statements, hours))
            digests = digest_settings(
                "bot",
                self.settings,
                key_name="DATA_KEY",
                second_key=self.settings.data_key.second,
            )
            self._begin(stack, "changed settings", watch_settings(self.sessions, digests))
            start = record_start(
                self.sessions,
                identity,
                limits=self.settings.bill,
                has_operator_chat=chat is not None,
            )
            self._begin(stack, "record of the start", start)
            self._begin(stack, "menu", register_commands(self.bot, self.translations))
            self.monitor.startup_step, self._is_running = None, True
            log.info("bot is running", bot_id=identity.bot_id, username=identity.username)
            yield
            log.info("bot is stopping")
            self.monitor.startup_step = "stop"

    def _at_end(
        self, stack: contextlib.AsyncExitStack, done: str, step: Callable[[], Awaitable[object]]
    ) -> None:
        async def end() -> None:
            result = await step()
            if not self._is_running:
                return  # the start failed and has reported why
            log.info(done, **({"handed_back": result} if isinstance(result, int) else {}))

        stack.push_async_callback(end)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()):
            # With a failed part the bot would still look healthy: exit, to be restarted.
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
        """Whether start-up is complete."""
        return self._is_running

    async def _finish_turns(self) -> int:
        return await self.chat_workers.finish(self.settings.bot.shutdown_seconds)

    async def _close_clients(self) -> None:
        await self.bot.session.close()
        await self._client.close()
        await self.stats_api.close()
        await self._speech_client.close()
        await self.statements.close()
        await self.engine.dispose()

    async def _verify_database(self) -> None:
        try:
            async with self.engine.connect() as connection:
                await connection.execute(text("SELECT FROM updates LIMIT 0"))
            await read_marker(self.engine, self.vault.policy)
        except ProgrammingError as error:
            raise StartupError(
                "DATABASE_URL: the database has no tables or outdated ones:"
                " run python -m migrations postgres"
            ) from error
        await self.users.refuse_another_data_key()
        await self.bill.prepare()
        self.model.remember_thinking(await self.ledger.thinking_models())

    async def _serve(self, stack: contextlib.AsyncExitStack) -> None:
        s = self.settings
        routes = HttpRoutes(
            metrics=self.metrics,
            health=self.monitor.health,
            not_ready_reason=self.monitor.not_ready_reason,
            refresh=self.monitor.refresh,
            metrics_token=s.bot.metrics_token,
        )
        application = routes.application(
            webhook=webhook_config(s.telegram), inbox=lambda: self.monitor.inbox
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
        if webhook_config(s):
            return
        poller = Poller(
            self.bot,
            inbox=self.inbox,
            chat_locks=self.chat_locks,
            metrics=self.metrics,
            poll_seconds=s.telegram_poll_seconds,
        )
        self._begin(stack, "poller", run_polling(self.bot, poller))
