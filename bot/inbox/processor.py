"""Takes the updates of one line in order and gives each to its handler, once.

Which updates belong together is in `bot.inbox.joining`, what they mean in
`bot.telegram.meaning`.
"""

from __future__ import annotations

import asyncio
import contextlib
import traceback
from collections.abc import AsyncIterator, Collection
from datetime import UTC, datetime

import structlog
from aiogram import Bot, Dispatcher
from aiogram.types import Update

from bot.command_limit import CommandLimiter
from bot.db.locks import Entry
from bot.handlers.context import Visit
from bot.inbox.chat_workers import Line
from bot.inbox.contexts import Visits
from bot.inbox.joining import Joiner
from bot.inbox.opening import Opener
from bot.inbox.store import Inbox
from bot.settings import BotSettings
from bot.telegram.meaning import Sort
from bot.telegram.updates import migration_of
from bot.turns.ledger import Ledger
from bot.turns.limits import Limits
from bot.turns.records import Ending, TakenError
from bot.turns.responder import Notice, UndeliverableError
from bot.turns.service import Turns
from bot.users.preferences import Preferences
from bot.users.repository import People
from common.log import get_logger
from common.postgres import is_transient
from common.sealing import UnreadableError, Vault
from common.tracing import trace
from common.vocabulary import TurnStatus, UpdateOutcome

LONGEST_PAUSE_SECONDS = 30.0
NOTICE_AFTER_SECONDS = 1.0
LONGEST_APOLOGY_SECONDS = 10.0
"""For a word about a parked update: its lane waits meanwhile."""

log = get_logger(__name__)


class Desk:
    """Works through lines."""

    def __init__(
        self,
        *,
        bot: Bot,
        dispatcher: Dispatcher,
        inbox: Inbox,
        ledger: Ledger,
        turns: Turns,
        people: People,
        vault: Vault,
        settings: BotSettings,
        opener: Opener,
        visits: Visits,
        preferences: Preferences,
        limits: Limits,
        commands: CommandLimiter,
    ) -> None:
        self._bot = bot
        self._dispatcher = dispatcher
        self._inbox = inbox
        self._ledger = ledger
        self._turns = turns
        self._people = people
        self._vault = vault
        self._settings = settings
        self._opener = opener
        self._visits = visits
        self._preferences = preferences
        self._limits = limits
        self._commands = commands
        self._joiner = Joiner(settings, opener.open)

    async def work(self, line: Line) -> None:
        """Work until the line is empty or the process ends."""
        failures = 0
        while line.entries and not line.is_closing:
            entry = line.entries[0]
            with (
                structlog.contextvars.bound_contextvars(update_id=entry.update_id),
                trace("update", update_id=entry.update_id),
            ):
                try:
                    if line.is_interrupted:
                        line.is_interrupted = False
                        await line.refill()
                        continue
                    await self._take(line, entry)
                    failures = 0
                except TakenError as error:
                    log.info("update is not ours any more", cause=str(error))
                    failures += 1
                    await self._pause(failures)
                    await line.refill()
                except Exception as error:  # noqa: BLE001 # the edge where updates fail
                    # A handler's bug, or a database that is away, must cost an update or a pause,
                    # never the lane: whatever it is ends here.
                    failures += 1
                    await self._failed(line, entry, error, failures)

    async def _take(self, line: Line, entry: Entry) -> None:
        try:
            opened = self._opener.open(entry)
        except UnreadableError:
            await self._pass_unreadable(line, entry)
            return
        if migration := opened.update.message and migration_of(opened.raw):
            old, new = (self._vault.lookup("chat", chat_id) for chat_id in migration)
            await self._preferences.move_dialogs(old, new)
        parts = [opened] if entry.turn_id else await self._joiner.gather(line, opened)
        if line.is_interrupted:
            # Stored while it was waited for the next part.
            line.is_interrupted = False
            await line.refill()
            if not line.entries or line.entries[0].update_id != entry.update_id:
                raise TakenError("settled elsewhere")
        if self._opener.is_stopped(line, opened):
            dropped = [part.entry.update_id for part in parts]
            await self._inbox.settle(dropped, UpdateOutcome.IGNORED, error="stopped")
            line.cancellation.count_dropped(entry.user_key or 0, len(dropped))
            self._pass_over(line, dropped)
            return
        parts = self._opener.newest(line, parts)
        visit = self._visits.visit(line, parts)
        if visit is None:
            await self._inbox.settle([entry.update_id], UpdateOutcome.IGNORED)
        else:
            try:
                if entry.turn_id:
                    await self._resume(visit, entry)
                else:
                    async with self._watched(line, visit):
                        await self._handle(visit, self._opener.as_command(opened))
            except UndeliverableError as error:
                await self._gone(visit, error)
        self._pass_over(line, visit.update_ids if visit else [entry.update_id])
        if visit and visit.reload:
            await line.refill()

    @staticmethod
    def _pass_over(line: Line, done: Collection[int]) -> None:
        while line.entries and line.entries[0].update_id in done:
            line.entries.popleft()

    async def _pass_unreadable(self, line: Line, entry: Entry) -> None:
        if entry.is_of_erased:
            # After this update was stored: nobody can read it any more.
            await self._settle_erased(entry)
            line.entries.popleft()
            return
        # It may have been sealed anew after it was read.
        await line.refill()
        if line.entries and line.entries[0] == entry:
            await self._park(line, entry, UnreadableError.__name__)
            line.entries.popleft()

    async def _settle_erased(self, entry: Entry) -> None:
        if entry.turn_id:
            ending = Ending(TurnStatus.CANCELLED, reason="erased", call_outcome="cancelled")
            await self._ledger.finish(entry.turn_id, [entry.update_id], ending)
        else:
            await self._inbox.settle([entry.update_id], UpdateOutcome.IGNORED, error="erased")

    async def _handle(self, visit: Visit, update: Update) -> None:
        if await self._is_too_much(visit, update):
            await self._inbox.settle(visit.update_ids, UpdateOutcome.IGNORED, error="rate_limit")
            return
        outcome = await self._dispatcher.feed_update(self._bot, update, visit=visit)
        if not visit.settled:
            if not isinstance(outcome, UpdateOutcome):
                outcome = UpdateOutcome.IGNORED
            await self._inbox.settle(visit.update_ids, outcome)

    async def _is_too_much(self, visit: Visit, update: Update) -> bool:
        """Whether the person sends more commands than they may; they are told once."""
        command = visit.meaning.command if visit.meaning else ""
        if command == "stop" or not (command or update.edited_message):
            return False
        if self._limits.is_admin(visit.sender.telegram_id):
            return False
        seconds = self._commands.seconds_to_wait(visit.person.key)
        if seconds and visit.is_news("command_limit"):
            _ = visit.translate
            await visit.conversation.say(
                _.plural(
                    "⏳ Too many commands. Try again in {count} second.",
                    "⏳ Too many commands. Try again in {count} seconds.",
                    max(round(seconds), 1),
                )
            )
        return seconds > 0

    @contextlib.asynccontextmanager
    async def _watched(self, line: Line, visit: Visit) -> AsyncIterator[None]:
        """Meanwhile others in the group who ask are told that they are next."""
        if visit.place.is_private:
            yield
            return
        watching = asyncio.create_task(self._tell_others(line, visit), name="others who wait")
        try:
            yield
        finally:
            watching.cancel()
            await asyncio.wait([watching])
            if not watching.cancelled() and (error := watching.exception()):
                log.info("others not told that they wait", cause=type(error).__name__)

    async def _tell_others(self, line: Line, visit: Visit) -> None:
        told = {visit.person.key}
        while True:
            # A short answer is done before the notice could be read.
            await asyncio.sleep(NOTICE_AFTER_SECONDS)
            for entry in list(line.entries):
                if entry.kind != "message" or entry.user_key in told or entry.user_key is None:
                    continue
                with contextlib.suppress(UnreadableError):
                    opened = self._opener.open(entry)
                    waiting = self._visits.visit(line, [opened])
                    if waiting and waiting.meaning and waiting.meaning.sort is Sort.QUESTION:
                        told.add(entry.user_key)
                        _ = waiting.translate
                        await waiting.notify(_("⏳ I am answering somebody else first, then you."))
            while not await line.wait_for_next(LONGEST_PAUSE_SECONDS):
                pass
            await line.refill()

    async def _resume(self, visit: Visit, entry: Entry) -> None:
        left = (
            await self._ledger.interrupted(entry.turn_id, visit.person.sealer)
            if entry.turn_id
            else None
        )
        if left is None:
            # The ledger was restored without this turn: the update is answered anew nowhere.
            await self._inbox.settle(visit.update_ids, UpdateOutcome.IGNORED, error="no turn")
            return
        visit.update_ids = left.update_ids or visit.update_ids
        if not left.is_pending:
            await self._inbox.settle(visit.update_ids, UpdateOutcome.TURN)
            return
        with structlog.contextvars.bound_contextvars(turn_id=str(left.id)):
            log.info("turn of a stopped process", has_answer=left.answer is not None)
            finished = await self._turns.resume(left, visit.conversation)
        if finished.ending.reason == "blocked":
            await self._people.set_blocked(visit.person, at=datetime.now(UTC))

    async def _gone(self, visit: Visit, error: UndeliverableError) -> None:
        if error.reason == "blocked" and visit.place.is_private:
            await self._people.set_blocked(visit.person, at=datetime.now(UTC))
        if not visit.settled:
            await self._inbox.settle(visit.update_ids, UpdateOutcome.COMMAND, error=error.reason)

    async def _failed(self, line: Line, entry: Entry, error: Exception, failures: int) -> None:
        cause = f"{type(error).__name__} at {_place_of(error)}"
        if is_transient(error):
            log.warning("database is away", cause=cause)
        else:
            log.error("update failed", cause=cause)
            try:
                attempts = await self._inbox.count_failure(entry.update_id, cause)
                if attempts >= self._settings.max_update_attempts:
                    await self._park(line, entry, cause)
            except Exception as second:  # noqa: BLE001 # counting must not fail the lane
                # The count is lost, the update is not: it is tried again.
                log.warning("failure not counted", cause=type(second).__name__)
        await self._pause(failures)
        await line.refill()

    async def _park(self, line: Line, entry: Entry, cause: str) -> None:
        turn_id = await self._inbox.park(entry.update_id, cause)
        if turn_id:
            ending = Ending(TurnStatus.FAILED, reason="parked", call_outcome="interrupted")
            await self._ledger.finish(turn_id, [], ending)
        try:
            async with asyncio.timeout(LONGEST_APOLOGY_SECONDS):
                await self._apologize(line, entry)
        except Exception as error:  # noqa: BLE001 # it is parked, whether the person hears of it or not
            log.info("person not told of a parked update", cause=type(error).__name__)

    async def _apologize(self, line: Line, entry: Entry) -> None:
        opened = self._opener.open(entry)
        if opened.meaning is not None:
            # What people in a group say to each other was to be ignored: so is its failure.
            if opened.meaning.sort is Sort.ASIDE:
                return
        elif opened.update.callback_query is None:
            return  # nobody waits for an answer to anything else
        if visit := self._visits.visit(line, [opened]):
            await visit.conversation.tell(Notice.FAILED)

    async def _pause(self, failures: int) -> None:
        pause = self._settings.retry_update_seconds * 2 ** min(failures - 1, 10)
        await asyncio.sleep(min(pause, LONGEST_PAUSE_SECONDS))


def _place_of(error: Exception) -> str:
    """Where an error came from. Its message is left out: it may quote a text."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "/bot/" in frame.filename] or frames
    return f"{ours[-1].name}:{ours[-1].lineno}" if ours else "unknown"
