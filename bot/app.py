"""Starts and stops the parts of the bot in order."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from bot.components import Components
from bot.db.bound_values import read_marker, watch_marker
from bot.db.kept_pictures import drop_old_pictures
from bot.db.locks import LocksLostError
from bot.handlers.router import register_commands
from bot.inbox.http import HttpRoutes
from bot.inbox.polling import Poller
from bot.inbox.startup import fetch_identity, run_polling, set_webhook, webhook_config
from bot.operator.bill import BillReporter
from bot.operator.notifier import OperatorNotifier
from bot.operator.start import record_start
from bot.operator.webhooks import WebhookSender
from bot.running_parts import RunningParts
from bot.settings import Settings
from common.errors import SettingError, StartupError
from common.http.request_deadline import DeadlineRunner
from common.log import get_logger
from common.postgres import wait_until_ready
from common.tables.changed_settings import digest_settings, watch_settings

log = get_logger(__name__)


class App(Components):
    """The running bot.

    Args:
        settings: every section.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.parts = RunningParts()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Start in order; stop in reverse order at the end.

        Raises:
            StartupError: a setting is wrong.
        """
        async with self.parts:
            self.parts.at_end("connections closed", self.close)
            # Served first: /ready says what the bot is waiting for.
            await self._serve()
            self.monitor.startup_step = "database"
            await wait_until_ready(self.settings.database, self._verify_database)
            self.parts.at_end("chat locks released", self.chat_locks.close)
            with contextlib.suppress(LocksLostError):
                await self.chat_locks.open()  # the workers' loop keeps trying
            self.monitor.startup_step = "telegram"
            identity = await fetch_identity(self.bot)
            self.complete(identity)
            self.parts.begin("list of models", self.vision.watch())
            await self.vision.wait_until_known()
            if webhook_config(self.settings.telegram):
                # Not ready until Telegram has accepted the webhook: it delivers nothing before.
                await set_webhook(self.bot, self.settings.telegram)
            self.parts.begin("monitor", self.monitor.watch())
            self.parts.begin("sealing marker", watch_marker(self.engine, self.vault.policy))
            self.parts.begin("chat workers", self.chat_workers.run())
            self.parts.at_end("running turns ended", self._finish_turns)
            self._poll_if_not_delivered()
            operator = self.settings.operator
            chat = operator.operator_chat_id
            mail = OperatorNotifier(
                chat,
                sessions=self.sessions,
                sender=self.sender,
                translate=self.translations.default,
            )
            self.parts.begin("operator notifier", mail.run())
            webhooks = WebhookSender(
                sessions=self.sessions, allows_internal=operator.webhook_internal_addresses
            )
            self.parts.begin("webhook sender", webhooks.run())
            if self.bill.limits:
                reporter = BillReporter(
                    self.bill,
                    sessions=self.sessions,
                    metrics=self.metrics,
                    translate=self.translations.default if chat is not None else None,
                )
                self.parts.begin("bill reporter", reporter.run())
            hours = self.settings.media.media_retention_hours
            self.parts.begin("picture retention", drop_old_pictures(self.statements, hours))
            digests = digest_settings(
                "bot",
                self.settings,
                key_name="DATA_KEY",
                second_key=self.settings.data_key.second,
            )
            self.parts.begin("changed settings", watch_settings(self.sessions, digests))
            start = record_start(
                self.sessions,
                identity,
                limits=self.settings.bill,
                has_operator_chat=chat is not None,
                access_mode=self.settings.access.access_mode,
            )
            self.parts.begin("record of the start", start)
            self.parts.begin("menu", register_commands(self.bot, self.translations))
            self.monitor.startup_step, self.parts.is_running = None, True
            log.info("bot is running", bot_id=identity.bot_id, username=identity.username)
            yield
            log.info("bot is stopping")
            self.monitor.startup_step = "stop"

    async def _finish_turns(self) -> int:
        return await self.chat_workers.finish(self.settings.bot.shutdown_seconds)

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

    async def _serve(self) -> None:
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
        self.parts.at_end("HTTP server stopped", runner.cleanup)
        try:
            await web.TCPSite(runner, s.bot.bind_host, s.bot.bot_port).start()
        except OSError as error:
            raise SettingError(
                "BOT_PORT", f"cannot listen on port {s.bot.bot_port}: {error.strerror}"
            ) from error
        self.port: int = runner.addresses[0][1]

    def _poll_if_not_delivered(self) -> None:
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
        self.parts.begin("poller", run_polling(self.bot, poller))
