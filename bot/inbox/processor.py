"""Passes the updates of a chat to their handlers, in order, each once.

`bot.inbox.joining` decides which updates belong together, `bot.telegram.intent` what they mean.
"""

from __future__ import annotations

import asyncio
import contextlib
import traceback
from collections.abc import AsyncIterator, Collection, Iterator

import structlog
from aiogram import Bot, Dispatcher
from aiogram.types import Update

from bot.buttons import Action
from bot.db.locks import QueuedUpdate
from bot.handlers.context import UpdateContext
from bot.inbox.bans import DATA_BUTTONS, BanCheck
from bot.inbox.chat_workers import ChatQueue
from bot.inbox.contexts import ContextFactory
from bot.inbox.joining import MessageJoiner
from bot.inbox.opening import UpdateOpener
from bot.inbox.store import Inbox
from bot.settings import BotSettings
from bot.telegram.intent import IntentKind
from bot.telegram.updates import migration_of
from bot.turns.ledger import Ledger
from bot.turns.policy import TurnPolicy
from bot.turns.records import TurnOutcome, UpdateConflictError
from bot.turns.responder import Notice, UndeliverableError
from bot.turns.service import TurnService
from bot.users.blocks import BlockRecorder
from bot.users.preferences import Preferences
from bot.window_limiter import WindowLimiter
from common.backoff import backoff
from common.encryption.sealing import UnreadableError, Vault
from common.log import get_logger
from common.postgres import is_transient
from common.tracing import trace
from common.vocabulary import TurnStatus, UpdateOutcome

MAX_PAUSE_SECONDS = 30.0
NOTICE_AFTER_SECONDS = 1.0
MAX_FAILURE_NOTICE_SECONDS = 10.0
"""Timeout for the notice about a parked update: its chat waits meanwhile."""

log = get_logger(__name__)


class UpdateProcessor:
    """Processes chat queues."""

    def __init__(
        self,
        *,
        bot: Bot,
        dispatcher: Dispatcher,
        inbox: Inbox,
        ledger: Ledger,
        turns: TurnService,
        blocks: BlockRecorder,
        vault: Vault,
        settings: BotSettings,
        opener: UpdateOpener,
        contexts: ContextFactory,
        preferences: Preferences,
        policy: TurnPolicy,
        bans: BanCheck,
        commands: WindowLimiter,
    ) -> None:
        self._bot = bot
        self._dispatcher = dispatcher
        self._inbox = inbox
        self._ledger = ledger
        self._turns = turns
        self._blocks = blocks
        self._vault = vault
        self._settings = settings
        self._opener = opener
        self._contexts = contexts
        self._preferences = preferences
        self._policy = policy
        self._bans = bans
        self._commands = commands
        self._joiner = MessageJoiner(settings, opener.open)

    async def process(self, queue: ChatQueue) -> None:
        """Process updates until the queue is empty or the process shuts down."""
        pauses = self._pauses()
        while queue.updates and not queue.is_closing:
            queued = queue.updates[0]
            with (
                structlog.contextvars.bound_contextvars(update_id=queued.update_id),
                trace("update", update_id=queued.update_id),
            ):
                try:
                    if queue.is_interrupted:
                        queue.is_interrupted = False
                        await queue.reload()
                        continue
                    await self._process_next(queue, queued)
                    pauses = self._pauses()
                except UpdateConflictError as error:
                    log.info("update was taken by another process", cause=str(error))
                    await asyncio.sleep(next(pauses))
                    await queue.reload()
                except Exception as error:  # noqa: BLE001 # the edge where updates fail
                    # A bug in a handler or a database outage may cost an update or a pause,
                    # but must not block the chat: every error ends here.
                    await self._handle_failure(queue, queued, error)
                    await asyncio.sleep(next(pauses))
                    await queue.reload()

    async def _process_next(self, queue: ChatQueue, queued: QueuedUpdate) -> None:
        try:
            opened = self._opener.open(queued)
        except UnreadableError:
            await self._handle_unreadable(queue, queued)
            return
        if migration := opened.update.message and migration_of(opened.raw):
            old, new = (self._vault.lookup("chat", chat_id) for chat_id in migration)
            await self._preferences.move_dialogs(old, new)
        parts = [opened] if queued.turn_id else await self._joiner.collect(queue, opened)
        if queue.is_interrupted:
            # Stored while waiting for the next part.
            queue.is_interrupted = False
            await queue.reload()
            if not queue.updates or queue.updates[0].update_id != queued.update_id:
                raise UpdateConflictError("settled elsewhere")
        if self._opener.is_stopped(queue, opened):
            dropped = [part.queued.update_id for part in parts]
            await self._inbox.settle(dropped, UpdateOutcome.IGNORED, error="stopped")
            queue.cancellation.count_dropped(queued.user_key or 0, len(dropped))
            self._drop_done(queue, dropped)
            return
        parts = self._opener.with_edits(queue, parts)
        context = self._contexts.create(queue, parts)
        if context is None:
            await self._inbox.settle([queued.update_id], UpdateOutcome.IGNORED)
        else:
            try:
                if queued.turn_id:
                    await self._resume(context, queued)
                else:
                    async with self._with_waiting_notices(queue, context):
                        await self._handle(context, self._opener.as_command(opened))
            except UndeliverableError as error:
                await self._record_undeliverable(context, error)
        self._drop_done(queue, context.update_ids if context else [queued.update_id])
        if context and context.reload:
            await queue.reload()

    @staticmethod
    def _drop_done(queue: ChatQueue, done: Collection[int]) -> None:
        while queue.updates and queue.updates[0].update_id in done:
            queue.updates.popleft()

    async def _handle_unreadable(self, queue: ChatQueue, queued: QueuedUpdate) -> None:
        if queued.is_of_erased:
            # Erased after this update was stored: it can never be read again.
            await self._settle_erased(queued)
            queue.updates.popleft()
            return
        # It may have been sealed again after it was read.
        await queue.reload()
        if queue.updates and queue.updates[0] == queued:
            await self._park(queue, queued, UnreadableError.__name__)
            queue.updates.popleft()

    async def _settle_erased(self, queued: QueuedUpdate) -> None:
        if queued.turn_id:
            outcome = TurnOutcome(TurnStatus.CANCELLED, reason="erased", call_outcome="cancelled")
            await self._ledger.finish(queued.turn_id, [queued.update_id], outcome)
        else:
            await self._inbox.settle([queued.update_id], UpdateOutcome.IGNORED, error="erased")

    async def _handle(self, context: UpdateContext, update: Update) -> None:
        if refusal := await self._bans.refusal(context, update):
            await self._inbox.settle(
                context.update_ids, UpdateOutcome.IGNORED, error=refusal.reason
            )
            context.settled = True
            if not update.message_reaction:
                await self._bans.notify(context, refusal)
            return
        if await self._is_too_much(context, update):
            await self._inbox.settle(context.update_ids, UpdateOutcome.IGNORED, error="rate_limit")
            return
        outcome = await self._dispatcher.feed_update(self._bot, update, context=context)
        if not context.settled:
            if not isinstance(outcome, UpdateOutcome):
                outcome = UpdateOutcome.IGNORED
            await self._inbox.settle(context.update_ids, outcome, command=context.command)

    async def _is_too_much(self, context: UpdateContext, update: Update) -> bool:
        """Whether the user exceeds the command limit; sends one notice about it."""
        command = context.intent.command if context.intent else ""
        unlimited = (Action.STOP, *DATA_BUTTONS)
        pressed = update.callback_query and update.callback_query.data not in unlimited
        if command == "stop" or not (
            command or update.edited_message or pressed or update.message_reaction
        ):
            return False
        if self._policy.is_admin(context.telegram_user.telegram_id):
            return False
        seconds = self._commands.seconds_to_wait(context.user.key)
        if update.message_reaction:
            return seconds > 0  # a reaction gets no reply
        if seconds and context.is_new_notice("command_limit"):
            _ = context.translate
            await context.responder.send(
                _.plural(
                    "⏳ Too many commands. Try again in {count} second.",
                    "⏳ Too many commands. Try again in {count} seconds.",
                    max(round(seconds), 1),
                )
            )
        return seconds > 0

    @contextlib.asynccontextmanager
    async def _with_waiting_notices(
        self, queue: ChatQueue, context: UpdateContext
    ) -> AsyncIterator[None]:
        """Meanwhile tell other users of the group who ask that they are next."""
        if context.chat.is_private:
            yield
            return
        watching = asyncio.create_task(
            self._notify_waiting_users(queue, context), name="waiting users"
        )
        try:
            yield
        finally:
            watching.cancel()
            await asyncio.wait([watching])
            if not watching.cancelled() and (error := watching.exception()):
                log.info("waiting users could not be notified", cause=type(error).__name__)

    async def _notify_waiting_users(self, queue: ChatQueue, context: UpdateContext) -> None:
        notified = {context.user.key}
        while True:
            # A short answer is finished before the notice would be read.
            await asyncio.sleep(NOTICE_AFTER_SECONDS)
            for queued in list(queue.updates):
                if (
                    queued.kind != "message"
                    or queued.user_key in notified
                    or queued.user_key is None
                ):
                    continue
                with contextlib.suppress(UnreadableError):
                    opened = self._opener.open(queued)
                    waiting = self._contexts.create(queue, [opened])
                    if waiting and waiting.intent and waiting.intent.kind is IntentKind.QUESTION:
                        notified.add(queued.user_key)
                        if await self._bans.is_banned(waiting):
                            continue
                        _ = waiting.translate
                        await waiting.send_once(
                            _("⏳ I am answering someone else first. You are next.")
                        )
            while not await queue.wait_for_next(MAX_PAUSE_SECONDS):
                pass
            await queue.reload()

    async def _resume(self, context: UpdateContext, queued: QueuedUpdate) -> None:
        left = (
            await self._ledger.interrupted(queued.turn_id, context.user.sealer)
            if queued.turn_id
            else None
        )
        if left is None:
            # The ledger was restored without this turn: the update is not answered again.
            await self._inbox.settle(context.update_ids, UpdateOutcome.IGNORED, error="no turn")
            return
        context.update_ids = left.update_ids or context.update_ids
        if not left.is_pending:
            await self._inbox.settle(context.update_ids, UpdateOutcome.TURN)
            return
        with structlog.contextvars.bound_contextvars(turn_id=str(left.id)):
            log.info("resuming an interrupted turn", has_answer=left.answer is not None)
            result = await self._turns.resume(left, context.responder)
        if result.outcome.reason == "blocked" and context.chat.is_private:
            await self._blocks.record_refusal(context.user, context.update_ids[0])

    async def _record_undeliverable(
        self, context: UpdateContext, error: UndeliverableError
    ) -> None:
        if error.reason == "blocked" and context.chat.is_private:
            await self._blocks.record_refusal(context.user, context.update_ids[0])
        if not context.settled:
            await self._inbox.settle(
                context.update_ids,
                UpdateOutcome.COMMAND,
                error=error.reason,
                command=context.command,
            )

    async def _handle_failure(
        self, queue: ChatQueue, queued: QueuedUpdate, error: Exception
    ) -> None:
        cause = f"{type(error).__name__} at {_location_of(error)}"
        if is_transient(error):
            log.warning("database unavailable", cause=cause)
        else:
            log.error("update failed", cause=cause)
            try:
                attempts = await self._inbox.count_failure(queued.update_id, cause)
                if attempts >= self._settings.max_update_attempts:
                    await self._park(queue, queued, cause)
            except Exception as second:  # noqa: BLE001 # counting must not block the chat
                # Only the count is lost: the update is tried again.
                log.warning("failure could not be counted", cause=type(second).__name__)

    async def _park(self, queue: ChatQueue, queued: QueuedUpdate, cause: str) -> None:
        turn_id = await self._inbox.park(queued.update_id, cause)
        if turn_id:
            outcome = TurnOutcome(TurnStatus.FAILED, reason="parked", call_outcome="interrupted")
            await self._ledger.finish(turn_id, [], outcome)
        try:
            async with asyncio.timeout(MAX_FAILURE_NOTICE_SECONDS):
                await self._send_failure_notice(queue, queued)
        except Exception as error:  # noqa: BLE001 # it is parked, with or without a notice
            log.info("notice about a parked update not sent", cause=type(error).__name__)

    async def _send_failure_notice(self, queue: ChatQueue, queued: QueuedUpdate) -> None:
        opened = self._opener.open(queued)
        if opened.intent is not None:
            # Not addressed to the bot: no notice about it.
            if opened.intent.kind is IntentKind.NOT_ADDRESSED:
                return
        elif opened.update.callback_query is None:
            return  # other updates expect no answer
        if context := self._contexts.create(queue, [opened]):
            await context.responder.send_notice(Notice.FAILED)

    def _pauses(self) -> Iterator[float]:
        return backoff(self._settings.retry_update_seconds, MAX_PAUSE_SECONDS)


def _location_of(error: Exception) -> str:
    """Where an error was raised. Without its message, which may quote a text."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "/bot/" in frame.filename] or frames
    return f"{ours[-1].name}:{ours[-1].lineno}" if ours else "unknown"
