"""Takes the updates of one line in order and gives each to its handler, once.

Knows how updates fail and are joined; what they mean, the handlers know.
"""

from __future__ import annotations

import asyncio
import json
import math
import traceback
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog
from aiogram import Bot, Dispatcher
from aiogram.types import Message, Update

from bot.audience import Notice, UndeliverableError
from bot.conversation import Conversation, PreviewPace
from bot.delivery import Outbox
from bot.i18n import Translations
from bot.inbox import Inbox
from bot.incoming import Identity, Place, as_sender, is_addressed, kind_of, parse, place_of
from bot.lanes import Line
from bot.leases import Entry
from bot.ledger import Ledger
from bot.metrics import Metrics
from bot.people import People, Person
from bot.records import Ending, Room, TakenError
from bot.render import units
from bot.settings import BotSettings
from bot.turns import Turns
from bot.visit import Visit
from common.log import get_logger
from common.postgres import is_transient
from common.sealing import Sealer, UnreadableError, Vault
from common.tracing import trace
from common.vocabulary import TurnStatus, UpdateOutcome

LONG_PART_UNITS = 4000
MOST_PARTS = 16
LONGEST_PAUSE_SECONDS = 30.0
LONGEST_APOLOGY_SECONDS = 10.0
"""For a word about a parked update: its lane waits meanwhile."""

log = get_logger(__name__)


@dataclass(frozen=True)
class _Opened:
    """An entry with its update, unsealed."""

    entry: Entry
    update: Update

    @property
    def message(self) -> Message | None:
        return self.update.message

    @property
    def text(self) -> str | None:
        return self.message.text if self.message else None


class Desk:
    """Works through lines.

    Args:
        commands: the registered names; a part of a long text is none of them.
    """

    def __init__(
        self,
        *,
        bot: Bot,
        dispatcher: Dispatcher,
        inbox: Inbox,
        ledger: Ledger,
        turns: Turns,
        people: People,
        outbox: Outbox,
        vault: Vault,
        translations: Translations,
        metrics: Metrics,
        settings: BotSettings,
        commands: Collection[str],
    ) -> None:
        self._bot = bot
        self._dispatcher = dispatcher
        self._inbox = inbox
        self._ledger = ledger
        self._turns = turns
        self._people = people
        self._outbox = outbox
        self._vault = vault
        self._translations = translations
        self._metrics = metrics
        self._settings = settings
        self._commands = frozenset(commands)

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
            opened = self._open(entry)
        except UnreadableError:
            # The person was erased after this update was stored: nobody can read it any more.
            await self._settle_erased(entry)
            line.entries.popleft()
            return
        parts = [opened] if entry.turn_id else await self._join(line, opened)
        visit = self._visit(line, parts)
        if visit is None:
            await self._inbox.settle([entry.update_id], UpdateOutcome.IGNORED)
        else:
            try:
                if entry.turn_id:
                    await self._resume(visit, entry)
                else:
                    await self._handle(visit, opened.update)
            except UndeliverableError as error:
                await self._gone(visit, error)
        done = set(visit.update_ids) if visit else {entry.update_id}
        while line.entries and line.entries[0].update_id in done:
            line.entries.popleft()
        if visit and visit.reload:
            await line.refill()

    async def _settle_erased(self, entry: Entry) -> None:
        if entry.turn_id:
            ending = Ending(TurnStatus.CANCELLED, reason="erased", call_outcome="cancelled")
            await self._ledger.finish(entry.turn_id, [entry.update_id], ending)
        else:
            await self._inbox.settle([entry.update_id], UpdateOutcome.IGNORED, error="erased")

    async def _handle(self, visit: Visit, update: Update) -> None:
        outcome = await self._dispatcher.feed_update(self._bot, update, visit=visit)
        if not visit.settled:
            if not isinstance(outcome, UpdateOutcome):
                outcome = UpdateOutcome.IGNORED
            await self._inbox.settle(visit.update_ids, outcome)

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
        opened = self._open(entry)
        if opened.message is not None:
            # What people in a group say to each other was to be ignored: so is its failure.
            me = await self._bot.me()
            if not is_addressed(opened.message, Identity(me.id, me.username or "")):
                return
        elif opened.update.callback_query is None:
            return  # nobody waits for an answer to anything else
        if visit := self._visit(line, [opened]):
            await visit.conversation.tell(Notice.FAILED)

    async def _pause(self, failures: int) -> None:
        pause = self._settings.retry_update_seconds * 2 ** min(failures - 1, 10)
        await asyncio.sleep(min(pause, LONGEST_PAUSE_SECONDS))

    def _open(self, entry: Entry) -> _Opened:
        sealer: Sealer = self._vault.installation
        if entry.user_key is not None:
            if entry.wrapped_key is None:
                raise UnreadableError("the person is gone")
            sealer = self._vault.person(entry.wrapped_key)
        return _Opened(entry, parse(json.loads(sealer.open(entry.payload)), self._bot))

    async def _join(self, line: Line, head: _Opened) -> list[_Opened]:
        """The head with the further parts of its text, if it is a long one."""
        parts = [head]
        while _is_long(parts[-1]) and len(parts) < MOST_PARTS:
            if len(line.entries) == len(parts) and not line.is_closing:
                age = (datetime.now(UTC) - parts[-1].entry.received_at).total_seconds()
                rest = self._settings.join_seconds - max(age, 0)
                if rest > 0 and await line.wait_for_next(rest):
                    await line.refill()
                    if not line.entries or line.entries[0].update_id != head.entry.update_id:
                        raise TakenError("settled elsewhere")
                    continue
            if len(line.entries) <= len(parts):
                break
            try:
                following = self._open(line.entries[len(parts)])
            except UnreadableError:
                break
            if not self._continues(parts[-1], following):
                break
            parts.append(following)
        return parts

    def _continues(self, last: _Opened, following: _Opened) -> bool:
        first, second = last.message, following.message
        if first is None or second is None or following.entry.turn_id or not second.text:
            return False
        if first.from_user != second.from_user or self._is_command(second.text):
            return False
        stored_apart = following.entry.received_at - last.entry.received_at
        sent_apart = second.date - first.date
        seconds = self._settings.join_seconds
        return stored_apart.total_seconds() <= seconds and sent_apart.total_seconds() <= math.ceil(
            seconds
        )

    def _is_command(self, text: str) -> bool:
        word = text.split(maxsplit=1)[0] if text.strip() else ""
        return word.startswith("/") and word[1:].partition("@")[0].lower() in self._commands

    def _visit(self, line: Line, parts: list[_Opened]) -> Visit | None:
        head = parts[0]
        place = place_of(head.update)
        _, event = kind_of(head.update)
        user = getattr(event, "from_user", None)
        if place is None or user is None or head.entry.user_key is None:
            return None
        sender = as_sender(user)
        translator = self._translations.for_language(sender.language)
        wrapped_key = head.entry.wrapped_key or b""
        message = head.message
        return Visit(
            person=Person(head.entry.user_key, self._vault.person(wrapped_key), sender.language),
            sender=sender,
            place=place,
            room=self.room(place),
            line=line,
            conversation=Conversation(
                place,
                translator,
                self._outbox,
                self._metrics,
                PreviewPace(self._settings.draft_seconds, self._settings.edit_seconds),
                person_id=sender.telegram_id,
                reply_to=message.message_id if message else None,
                draft_id=head.entry.update_id % (2**31 - 1) + 1,
            ),
            translate=translator,
            received_at=head.entry.received_at,
            sent_at=message.date if message else None,
            update_ids=tuple(part.entry.update_id for part in parts),
            texts=tuple(part.text for part in parts if part.text is not None),
        )

    def room(self, place: Place) -> Room:
        """The place, as the ledger knows it."""
        return Room(self._vault.lookup("chat", place.chat_id), place.thread_id, place.chat_type)


def _is_long(part: _Opened) -> bool:
    return part.text is not None and units(part.text) >= LONG_PART_UNITS


def _place_of(error: Exception) -> str:
    """Where an error came from. Its message is left out: it may quote a text."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "/bot/" in frame.filename] or frames
    return f"{ours[-1].name}:{ours[-1].lineno}" if ours else "unknown"
