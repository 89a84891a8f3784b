"""The inbox: an update is stored here before Telegram is told that it was received.

Knows how updates are kept and how they end; nothing about what they mean.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import func, select

from bot.db.statements import Statements
from bot.db.tables import Update
from bot.inbox.classifier import Classifier, Incoming, NoUpdateError
from bot.metrics import Metrics
from bot.users.repository import People, Person
from common import bindings
from common.log import get_logger
from common.postgres import Sessions, transaction
from common.sealing import Sealer, UnreadableError, Vault
from common.vocabulary import UpdateOutcome

log = get_logger(__name__)


class Wakeable(Protocol):
    """Whoever works on lanes."""

    def wake(self, lanes: Iterable[bytes]) -> None: ...

    def interrupt(self, lane: bytes) -> None: ...

    def stop_edited(self, lane: bytes, message_id: int, fingerprint: bytes) -> None: ...


@dataclass
class Stored:
    """What became of a batch."""

    new: int = 0
    duplicates: int = 0
    unusable: int = 0
    """Items without an update_id: nothing to keep them under."""


@dataclass(frozen=True)
class Depth:
    """Open updates, and the age of the oldest in seconds."""

    updates: int
    oldest_seconds: float


@dataclass
class _Batch:
    incoming: list[Incoming]
    done: asyncio.Future[set[int]] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class Inbox:
    """Stores updates, once each, and records how they ended."""

    def __init__(
        self,
        bot_id: int,
        *,
        sessions: Sessions,
        statements: Statements,
        vault: Vault,
        people: People,
        classifier: Classifier,
        lanes: Wakeable,
        metrics: Metrics,
    ) -> None:
        self._bot_id = bot_id
        self._sessions = sessions
        self._statements = statements
        self._vault = vault
        self._people = people
        self._classifier = classifier
        self._lanes = lanes
        self._metrics = metrics
        self._waiting: list[_Batch] = []
        self._storing = asyncio.Lock()

    async def store(self, raw_updates: Sequence[Any]) -> Stored:
        """Store these updates. When this returns they are committed."""
        outcome = Stored()
        incoming: dict[int, Incoming] = {}
        for raw in raw_updates:
            try:
                one = self._classifier.classify(raw)
            except NoUpdateError:
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
    ) -> None:
        """Record how these updates ended; their payloads go."""
        await self._statements.rows(
            "settle_updates",
            {
                "bot_id": self._bot_id,
                "update_ids": list(update_ids),
                "outcome": outcome.value,
                "error": error,
            },
        )
        self._metrics.updates_settled.labels(outcome.value).inc(len(update_ids))

    async def count_failure(self, update_id: int, error: str) -> int:
        """One more failed attempt at this update; returns how many there were."""
        async with transaction(self._sessions) as session:
            row = await session.get(Update, (self._bot_id, update_id))
            if row is None:
                return 0
            row.attempts += 1
            row.error = error
            return row.attempts

    async def park(self, update_id: int, error: str) -> UUID | None:
        """Keep this update aside, payload included; returns the turn that it had begun."""
        async with transaction(self._sessions) as session:
            row = await session.get(Update, (self._bot_id, update_id))
            turn_id = row.turn_id if row else None
            if row is not None and row.outcome is None:
                row.outcome = UpdateOutcome.PARKED
                row.error = error
                row.settled_at = func.now()
        self._metrics.updates_settled.labels(UpdateOutcome.PARKED.value).inc()
        log.error("update parked", update_id=update_id, error=error)
        return turn_id

    async def depth(self) -> Depth:
        """How much work waits, and for how long."""
        async with self._sessions() as session:
            row = (
                await session.execute(
                    select(
                        func.count(),
                        func.coalesce(
                            func.extract("epoch", func.now() - func.min(Update.received_at)), 0
                        ),
                    ).where(Update.bot_id == self._bot_id, Update.outcome.is_(None))
                )
            ).one()
        return Depth(row[0], max(float(row[1]), 0.0))

    async def _store_together(self, incoming: list[Incoming]) -> set[int]:
        """Store with everything that arrived while the previous batch was being written."""
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
                    batch.done.exception()  # read here: not every waiter may still be there
            if not isinstance(error, Exception):
                raise
            return
        for batch in batches:
            # The same update in two batches is new in the first one only.
            mine = {one.update_id for one in batch.incoming} & new
            new -= mine
            if not batch.done.done():
                batch.done.set_result(mine)

    async def _insert(self, incoming: list[Incoming]) -> set[int]:
        stored = await self._insert_once(incoming)
        left = [one for one in incoming if one.update_id not in stored and one.sender]
        if left:
            # Stored before, or their person was erased since we remembered it: look again.
            for one in left:
                if one.sender:
                    self._people.forget(one.sender.telegram_id)
            stored |= await self._insert_once(left)
        return stored

    async def _insert_once(self, incoming: list[Incoming]) -> set[int]:
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

    async def _rows(self, incoming: list[Incoming]) -> dict[str, list[Any]]:
        addressed = [one.sender for one in incoming if one.sender and one.is_addressed]
        people = await self._people.ensure(addressed) if addressed else {}
        # A passer-by in a group becomes no person of ours by talking to others.
        passers_by = {
            one.sender.telegram_id for one in incoming if one.sender and not one.is_addressed
        } - people.keys()
        if passers_by:
            people |= await self._people.find(passers_by)
        rows: dict[str, list[Any]] = {
            name: []
            for name in (
                "update_ids", "kinds", "lanes", "user_keys", "payloads", "outcomes", "errors",
                "refused_kinds",
            )
        }  # fmt: skip
        for one in incoming:
            person = people.get(one.sender.telegram_id) if one.sender else None
            outcome = one.outcome
            error = one.error
            if one.sender and person is None and outcome is None:
                outcome = UpdateOutcome.IGNORED
                if one.is_addressed:
                    # Their row cannot be opened: nothing could be kept for them.
                    outcome, error = UpdateOutcome.PARKED, UnreadableError.__name__
            rows["update_ids"].append(one.update_id)
            rows["kinds"].append(one.kind)
            rows["lanes"].append(one.lane)
            rows["user_keys"].append(person.key if person else None)
            rows["payloads"].append(self._seal(one, person, outcome))
            rows["outcomes"].append(outcome.value if outcome else None)
            rows["errors"].append(error)
            rows["refused_kinds"].append(one.refused_kind)
        return rows

    def _seal(
        self, one: Incoming, person: Person | None, outcome: UpdateOutcome | None
    ) -> bytes | None:
        # A stranger's content is not kept: they could neither see nor erase it.
        if outcome is UpdateOutcome.IGNORED or (one.sender and person is None):
            return None
        sealer: Sealer = person.sealer if person else self._vault.installation
        return sealer.seal(one.payload, bindings.payload(self._bot_id, one.update_id))

    def _announce(self, stored: list[Incoming]) -> None:
        self._metrics.messages_received.inc(sum(one.is_message for one in stored))
        settled = Counter(one.outcome.value for one in stored if one.outcome)
        for outcome, count in settled.items():
            self._metrics.updates_settled.labels(outcome).inc(count)
        for one in stored:
            if one.refused_kind:
                self._metrics.refused_content.labels(one.refused_kind).inc()
            if one.error:
                log.warning("update unreadable", update_id=one.update_id, error=one.error)
            if one.interrupts:
                self._lanes.interrupt(one.lane)
            if one.edited and not any(_is_between(one, other) for other in stored):
                self._lanes.stop_edited(one.lane, *one.edited)
        self._lanes.wake({one.lane for one in stored if one.outcome is None})


def _is_between(edit: Incoming, other: Incoming) -> bool:
    """Whether another open update of the lane comes before the edit."""
    return other.lane == edit.lane and other.outcome is None and other.update_id < edit.update_id
