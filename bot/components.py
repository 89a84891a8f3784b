"""Creates every part of the bot and gives each what it depends on."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

from aiogram import Dispatcher
from sqlalchemy.ext.asyncio import async_sessionmaker

from bot.db.locks import ChatLocks
from bot.db.statements import Statements
from bot.handlers.admin.people import PersonPages
from bot.handlers.answering import AnswerText
from bot.handlers.recent import RecentNotices
from bot.handlers.router import (
    ADMIN_COMMANDS,
    command_names,
    create_dispatcher,
)
from bot.health import HealthMonitor
from bot.inbox.bans import BanCheck
from bot.inbox.chat_workers import ChatQueue, ChatWorkers
from bot.inbox.classifier import UpdateClassifier
from bot.inbox.contexts import ContextFactory
from bot.inbox.opening import UpdateOpener
from bot.inbox.processor import UpdateProcessor
from bot.inbox.store import Inbox
from bot.llm.client import ModelClient, connect_model
from bot.llm.prices import CHARACTERS_PER_TOKEN, ModelPrices
from bot.llm.transcription import Transcriber, connect_transcription
from bot.llm.vision import VisionModels
from bot.media.reader import MediaReader
from bot.metrics import BotMetrics
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
from bot.users.blocks import BlockRecorder
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
from common.errors import SettingError
from common.language.i18n import Translations
from common.log import get_logger
from common.postgres import create_engine

LOCALES = Path(__file__).parent / "locales"

log = get_logger(__name__)


class Components:
    """The parts of the bot.

    Those that need the bot's username are created by `complete`.

    Args:
        settings: every section.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        s = settings
        bot_id = s.telegram.bot_id
        self.engine = create_engine(s.database, application_name="bot")
        self.sessions = async_sessionmaker(self.engine, expire_on_commit=False)
        others = (
            s.model.llm_fallback_model, s.model.llm_saving_model, s.model.llm_vision_model,
            s.model.llm_summary_model, s.speech.transcription_model,
        )  # fmt: skip
        self.metrics = BotMetrics([*s.model.models, *filter(None, others)])
        self.bot = create_bot(s.telegram)
        try:
            self.translations = Translations(s.bot.default_language, directory=LOCALES)
        except ValueError as error:
            raise SettingError("DEFAULT_LANGUAGE", str(error)) from error
        self._client = connect_model(s.model)
        self.model = ModelClient(self._client, settings=s.model, metrics=self.metrics)
        self.stats_api = StatsApi(s.stats_api)
        self._speech_client = connect_transcription(s.speech, s.model)
        transcriber = Transcriber(self._speech_client, settings=s.speech, metrics=self.metrics)
        self.vision = VisionModels(self._client, s.model, is_on=s.media.max_pictures > 0)
        self.statements = Statements(s.database)
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
        self._create_stores(prices)
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
            refusals=self.refusals,
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
                reader=MediaReader(
                    self.bot, s.media, max_speech_seconds=s.speech.transcription_max_seconds
                ),
                vision=self.vision,
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

    def _create_stores(self, prices: ModelPrices) -> None:
        """Create the parts that read and write the database, or encrypt what they write."""
        s = self.settings
        bot_id = s.telegram.bot_id
        self.vault = Vault(
            s.data_key.data_key.get_secret_value(),
            second=s.data_key.second,
            policy=OpeningPolicy(on_refusal=self._count_refusal),
        )
        self.users = UserRepository(self.vault, self.sessions)
        self.chat_locks = ChatLocks(s.database.asyncpg_url, bot_id)
        self.refusals = ChatRefusals(bot_id, sessions=self.sessions, vault=self.vault)
        self.blocks = BlockRecorder(bot_id, statements=self.statements, counting=s.counting)
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
        self.ledger = Ledger(
            bot_id,
            statements=self.statements,
            prices=prices,
            bill=self.bill,
            counting=s.counting,
            keeps_pictures=s.media.media_retention_hours > 0,
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

    def _count_refusal(self, binding: Binding) -> None:
        log_refusal(binding)
        self.metrics.refused_values.labels(binding.column).inc()

    async def _work(self, queue: ChatQueue) -> None:
        await self.processor.process(queue)

    def complete(self, identity: BotIdentity) -> None:
        """Create the parts that need the bot's username."""
        s = self.settings
        intents = IntentParser(
            identity,
            command_names(self.translations),
            admin_commands=ADMIN_COMMANDS,
            admin_ids=s.access.admin_ids,
            attachments=AttachmentFinder(
                reads_pictures=lambda: self.vision.is_available,
                hears=s.speech.transcription_model is not None,
            ),
        )
        self._create_inbox(intents)
        self.monitor.inbox = self.inbox
        quoter = Quoter(identity.bot_id, uses_first_names=s.bot.group_first_names)
        self.processor = UpdateProcessor(
            bot=self.bot,
            dispatcher=self._dispatcher(intents),
            inbox=self.inbox,
            ledger=self.ledger,
            turns=self.turns,
            blocks=self.blocks,
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
            preferences=self.preferences,
            policy=self.policy,
            bans=self.bans,
            commands=WindowLimiter(s.limits.command_limit_per_minute),
        )

    def _create_inbox(self, intents: IntentParser) -> None:
        bot_id = intents.identity.bot_id
        self.preferences = Preferences(bot_id, sessions=self.sessions)
        self.inbox = Inbox(
            bot_id,
            sessions=self.sessions,
            statements=self.statements,
            vault=self.vault,
            users=self.users,
            classifier=UpdateClassifier(self.vault, self.bot, intents),
            chat_workers=self.chat_workers,
            metrics=self.metrics,
            counting=self.settings.counting,
        )
        self.bans = BanCheck(self.rules, self.policy)

    def _dispatcher(self, intents: IntentParser) -> Dispatcher:
        s = self.settings
        identity = intents.identity
        usage_reader = UsageReader(sessions=self.sessions, zone=s.report.report_timezone)
        return create_dispatcher(
            commands=intents.commands,
            answer_text=AnswerText(
                turns=self.turns, policy=self.policy, blocks=self.blocks, notices=self.notices
            ),
            history=self.history,
            policy=self.policy,
            bill=self.bill,
            stats_api=self.stats_api,
            read_health=self.monitor.overview,
            invites=InviteCodes(
                s.access.access_invite_codes,
                preferences=self.preferences,
                sessions=self.sessions,
                metrics=self.metrics,
            ),
            users=self.users,
            blocks=self.blocks,
            preferences=self.preferences,
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
            vision=self.vision,
        )

    async def close(self) -> None:
        """Close the connections of all parts."""
        await self.bot.session.close()
        await self._client.close()
        await self.stats_api.close()
        await self._speech_client.close()
        await self.statements.close()
        await self.engine.dispose()
