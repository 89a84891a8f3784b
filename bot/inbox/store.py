"""The inbox: stores updates before they are confirmed to Telegram, and settles them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import func, select

from bot.db.events import UsedCommand, command_parameters
from bot.db.statements import Statements
from bot.db.tables import UpdateRow
from bot.inbox.classifier import ClassifiedUpdate, NotAnUpdateError, UpdateClassifier
from bot.metrics import BotMetrics
from bot.settings import CountingSettings
from bot.users.repository import User, UserRepository
from common.encryption import bindings
from common.encryption.sealing import Sealer, UnreadableError, Vault
from common.log import get_logger
from common.postgres import Sessions, transaction
from common.vocabulary import UpdateOutcome

log = get_logger(__name__)


class ChatNotifier(Protocol):
    """Told about stored updates; see `bot.inbox.chat_workers`."""

    def notify(self, chat_keys: Iterable[bytes]) -> None: ...

    def interrupt(self, chat_key: bytes, reason: str) -> None: ...

    def stop_edited(self, chat_key: bytes, message_id: int, fingerprint: bytes) -> None: ...


@dataclass
class StoreResult:
    """How many updates of a batch were stored."""

    new: int = 0
    duplicates: int = 0
    unusable: int = 0
    """Items without an update_id, which cannot be stored."""


@dataclass(frozen=True)
class InboxDepth:
    """Number of open updates, and the age of the oldest in seconds."""

    updates: int
    oldest_seconds: float


@dataclass
class _Batch:
    incoming: list[ClassifiedUpdate]
    done: asyncio.Future[set[int]] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class Inbox:
    """Stores each update once, and records its outcome."""

    def __init__(
        self,
        bot_id: int,
        *,
        sessions: Sessions,
        statements: Statements,
        vault: Vault,
        users: UserRepository,
        classifier: UpdateClassifier,
        chat_workers: ChatNotifier,
        metrics: BotMetrics,
        counting: CountingSettings,
    ) -> None:
        self._bot_id = bot_id
        self._counting = counting.model_dump()
        self._sessions = sessions
        self._statements = statements
        self._vault = vault
        self._users = users
        self._classifier = classifier
        self._chat_workers = chat_workers
        self._metrics = metrics
        self._waiting: list[_Batch] = []
        self._storing = asyncio.Lock()

    async def store(self, raw_updates: Sequence[Any]) -> StoreResult:
        """Store these updates; committed on return."""
        outcome = StoreResult()
        incoming: dict[int, ClassifiedUpdate] = {}
        for raw in raw_updates:
            try:
                one = self._classifier.classify(raw)
            except NotAnUpdateError:
                outcome.unusable += 1
                continue
            if one.update_id in incoming:
                outcome.duplicates += 1
            else:
                incoming[one.update_id] = one
        self._metrics.unusable_updates.inc(outcome.unusable)
        if incoming:
            new = await self._store_together(list(incoming.values()))
            outcome.new = len(new)
            outcome.duplicates += len(incoming) - len(new)
            self._announce([one for one in incoming.values() if one.update_id in new])
        self._metrics.duplicates_dropped.inc(outcome.duplicates)
        return outcome

    async def settle(
        self,
        update_ids: Sequence[int],
        outcome: UpdateOutcome,
        *,
        error: str | None = None,
        command: UsedCommand | None = None,
    ) -> None:
        """Record the outcome of these updates, and the command; delete their payloads."""
        await self._statements.rows(
            "settle_updates",
            {
                "bot_id": self._bot_id,
                "update_ids": list(update_ids),
                "outcome": outcome.value,
                "error": error,
                **command_parameters(command, self._counting),
            },
        )
        self._metrics.updates_settled.labels(outcome.value).inc(len(update_ids))

    async def count_failure(self, update_id: int, error: str) -> int:
        """Count a failed attempt at this update; return how many there were."""
        async with transaction(self._sessions) as session:
            row = await session.get(UpdateRow, (self._bot_id, update_id))
            if row is None:
                return 0
            row.attempts += 1
            row.error = error
            return row.attempts

    async def park(self, update_id: int, error: str) -> UUID | None:
        """Park this update with its payload; return the turn it had begun, if any."""
        async with transaction(self._sessions) as session:
            row = await session.get(UpdateRow, (self._bot_id, update_id))
            turn_id = row.turn_id if row else None
            if row is not None and row.outcome is None:
                row.outcome = UpdateOutcome.PARKED
                row.error = error
                row.settled_at = func.now()
        self._metrics.updates_settled.labels(UpdateOutcome.PARKED.value).inc()
        log.error("update parked", update_id=update_id, error=error)
        return turn_id

    async def depth(self) -> InboxDepth:
        """How many updates are open, and for how long."""
        async with self._sessions() as session:
            row = (
                await session.execute(
                    select(
                        func.count(),
                        func.coalesce(
                            func.extract("epoch", func.now() - func.min(UpdateRow.received_at)), 0
                        ),
                    ).where(UpdateRow.bot_id == self._bot_id, UpdateRow.outcome.is_(None))
                )
            ).one()
        return InboxDepth(row[0], max(float(row[1]), 0.0))

    async def _store_together(self, incoming: list[ClassifiedUpdate]) -> set[int]:
        """Store in one batch with everything that arrived while the previous one was written."""
        batch = _Batch(incoming)
        self._waiting.append(batch)
        async with self._storing:
            if not batch.done.done():
                together, self._waiting = self._waiting, []
                await self._store_batches(together)
        return await batch.done

    async def _store_batches(self, batches: list[_Batch]) -> None:
        every = {one.update_id: one for batch in batches for one in batch.incoming}
        try:
            new = await self._insert(list(every.values()))
        except BaseException as error:
            for batch in batches:
                if not batch.done.done():
                    batch.done.set_exception(
                        error if isinstance(error, Exception) else ConnectionError("stopped")
                    )
                    batch.done.exception()  # mark as retrieved: some callers may be gone
            if not isinstance(error, Exception):
                raise
            return
        for batch in batches:
            # An update in two batches is new only in the first.
            mine = {one.update_id for one in batch.incoming} & new
            new -= mine
            if not batch.done.done():
                batch.done.set_result(mine)

    async def _insert(self, incoming: list[ClassifiedUpdate]) -> set[int]:
        stored = await self._insert_once(incoming)
        left = [one for one in incoming if one.update_id not in stored and one.telegram_user]
        if left:
            # Stored before, or their user was erased after it was cached: look it up again.
            for one in left:
                if one.telegram_user:
                    self._users.forget(one.telegram_user.telegram_id)
            stored |= await self._insert_once(left)
        return stored

    async def _insert_once(self, incoming: list[ClassifiedUpdate]) -> set[int]:
        rows = await self._rows(incoming)
        stored = await self._statements.rows(
            "store_updates",
            {
                "bot_id": self._bot_id,
                "people": sorted({key for key in rows["user_keys"] if key is not None}),
                **rows,
            },
        )
        return {row["update_id"] for row in stored}

    async def _rows(self, incoming: list[ClassifiedUpdate]) -> dict[str, list[Any]]:
        addressed = [
            one.telegram_user for one in incoming if one.telegram_user and one.is_addressed
        ]
        users = await self._users.get_or_create(addressed) if addressed else {}
        # Talking to others in a group does not create a user.
        passers_by = {
            one.telegram_user.telegram_id
            for one in incoming
            if one.telegram_user and not one.is_addressed
        } - users.keys()
        if passers_by:
            users |= await self._users.find(passers_by)
        rows: dict[str, list[Any]] = {
            name: []
            for name in (
                "update_ids", "kinds", "lanes", "user_keys", "payloads", "outcomes", "errors",
                "refused_kinds",
            )
        }  # fmt: skip
        for one in incoming:
            user = users.get(one.telegram_user.telegram_id) if one.telegram_user else None
            outcome = one.outcome
            error = one.error
            if one.telegram_user and user is None and outcome is None:
                outcome = UpdateOutcome.IGNORED
                if one.is_addressed:
                    # The user's row cannot be opened, so nothing can be sealed for them.
                    outcome, error = UpdateOutcome.PARKED, UnreadableError.__name__
            rows["update_ids"].append(one.update_id)
            rows["kinds"].append(one.kind)
            rows["lanes"].append(one.chat_key)
            rows["user_keys"].append(user.key if user else None)
            rows["payloads"].append(self._seal(one, user, outcome))
            rows["outcomes"].append(outcome.value if outcome else None)
            rows["errors"].append(error)
            rows["refused_kinds"].append(one.refused_kind)
        return rows

    def _seal(
        self, one: ClassifiedUpdate, user: User | None, outcome: UpdateOutcome | None
    ) -> bytes | None:
        # The content of someone who is not a user is not kept: they could not erase it.
        if outcome is UpdateOutcome.IGNORED or (one.telegram_user and user is None):
            return None
        sealer: Sealer = user.sealer if user else self._vault.installation
        return sealer.seal(one.payload, bindings.payload(self._bot_id, one.update_id))

    def _announce(self, stored: list[ClassifiedUpdate]) -> None:
        self._metrics.messages_received.inc(sum(one.is_message for one in stored))
        settled = Counter(one.outcome.value for one in stored if one.outcome)
        for outcome, count in settled.items():
            self._metrics.updates_settled.labels(outcome).inc(count)
        for one in stored:
            if one.refused_kind:
                self._metrics.refused_content.labels(one.refused_kind).inc()
            if one.error:
                log.warning("update could not be read", update_id=one.update_id, error=one.error)
            if one.interrupts:
                self._chat_workers.interrupt(one.chat_key, one.interrupts)
            if one.edited and not any(_is_between(one, other) for other in stored):
                self._chat_workers.stop_edited(one.chat_key, *one.edited)
        self._chat_workers.notify({one.chat_key for one in stored if one.outcome is None})


def _is_between(edit: ClassifiedUpdate, other: ClassifiedUpdate) -> bool:
    """Whether another open update of the chat comes before the edit."""
    return (
        other.chat_key == edit.chat_key
        and other.outcome is None
        and other.update_id < edit.update_id
    )
