"""The queue of a bot's pending updates: delivered again until confirmed.

Updates are kept as JSON bytes, so that a long backlog needs little memory.
"""

from __future__ import annotations

import random
import time
from collections import deque
from itertools import islice
from typing import Any

from simulator import surrogate_json
from simulator.change_event import ChangeEvent
from simulator.counters import Counters
from simulator.journal import Journal

Update = dict[str, Any]

EPOCH = 1_750_000_000
"""Unix seconds. Ids start at the milliseconds since then, so that a restarted simulator without
state reuses no id."""
NOT_BY_DEFAULT = frozenset({"chat_member", "message_reaction", "message_reaction_count"})
MAX_BATCH = 100


class UpdateQueue:
    """One bot's queue.

    Args:
        bot_id: identifies this queue's records in the journal.
    """

    def __init__(
        self,
        bot_id: int,
        *,
        changed: ChangeEvent,
        counters: Counters,
        journal: Journal,
    ) -> None:
        self._bot_id = bot_id
        self._changed = changed
        self._counters = counters
        self._journal = journal
        self._pending: dict[int, bytes] = {}
        self._again: deque[bytes] = deque()
        self._last_id = int((time.time() - EPOCH) * 1000)
        self.allowed: frozenset[str] | None = None
        """Kinds in `allowed_updates`; None: the default set."""

    def __len__(self) -> int:
        return len(self._pending)

    @property
    def last_id(self) -> int:
        return self._last_id

    def allows(self, update: Update) -> bool:
        kinds = update.keys() - {"update_id"}
        if self.allowed is None:
            return not kinds or bool(kinds - NOT_BY_DEFAULT)
        return not kinds or bool(kinds & self.allowed)

    def put(self, update: Update) -> int | None:
        """Queue an update and return its id; None if the bot does not allow this kind.

        An update with its own `update_id` keeps it. If that is not higher than the last one, it
        cannot be confirmed and is delivered once, like a late repeat.
        """
        if not self.allows(update):
            self._counters.updates_not_allowed += 1
            return None
        given = update.get("update_id")
        if isinstance(given, int) and given <= self._last_id:
            self._again.append(surrogate_json.dumps(update))
            self._counters.updates_accepted += 1
            self._changed.notify()
            return given
        update_id = given if isinstance(given, int) else self._last_id + 1
        whole = {"update_id": update_id, **update}
        self._journal.append({"bot": self._bot_id, "update": whole})
        self.restore(whole)
        self._counters.updates_accepted += 1
        self._changed.notify()
        return update_id

    def put_raw(self, body: bytes) -> None:
        """Queue bytes that need not be an update; delivered once."""
        self._again.append(body)
        self._counters.updates_malformed += 1
        self._changed.notify()

    def restore(self, update: Update) -> None:
        """Restore an update from the journal."""
        self._last_id = max(self._last_id, int(update["update_id"]))
        self._pending[int(update["update_id"])] = surrogate_json.dumps(update)

    def skip_to(self, update_id: int) -> None:
        """Make the next id higher than this one, as after a week without updates."""
        self._last_id = max(self._last_id, update_id)

    def confirm(self, offset: int) -> int:
        """Remove updates below `offset`; a negative one keeps only the last `-offset`."""
        if offset < 0:
            surplus = len(self._pending) + offset
            ids = list(islice(self._pending, max(surplus, 0)))
        else:
            ids = []
            for update_id in self._pending:
                if update_id >= offset:
                    break
                ids.append(update_id)
        for update_id in ids:
            del self._pending[update_id]
        if ids:
            self._journal.append({"bot": self._bot_id, "confirmed": ids[-1]})
            self._counters.updates_confirmed += len(ids)
            self._changed.notify()
        return len(ids)

    def settle(self, update_id: int) -> None:
        """Confirm one update: a webhook answered 2xx."""
        if self._pending.pop(update_id, None) is not None:
            self._journal.append({"bot": self._bot_id, "settled": update_id})
            self._counters.updates_confirmed += 1
            self._changed.notify()

    def drop_all(self) -> None:
        self.confirm(self._last_id + 1)
        self._again.clear()

    def repeat_bodies(self, bodies: list[bytes]) -> None:
        """Deliver these once more, even if confirmed."""
        self._again.extend(bodies)
        self._counters.updates_repeated += len(bodies)
        self._changed.notify()

    def recheck(self) -> None:
        """Notify waiters that the way of delivery has changed."""
        self._changed.notify()

    def has_news(self, offset: int) -> bool:
        return bool(self._again) or any(update_id >= offset for update_id in self._pending)

    def batch(self, *, offset: int, limit: int) -> tuple[list[bytes], list[bytes]]:
        """The next batch for getUpdates: repeats, then the oldest unconfirmed updates."""
        repeats = [self._again.popleft() for _ in range(min(limit, len(self._again)))]
        waiting = (body for update_id, body in self._pending.items() if update_id >= offset)
        fresh = list(islice(waiting, limit - len(repeats)))
        self._counters.updates_delivered += len(repeats) + len(fresh)
        return repeats, fresh

    def next_repeat(self) -> bytes | None:
        """The next repeat for a webhook."""
        return self._again.popleft() if self._again else None

    def first(self, limit: int) -> list[tuple[int, bytes]]:
        """The oldest unconfirmed updates, with their ids."""
        return list(islice(self._pending.items(), limit))


def shuffled(bodies: list[bytes], chance: random.Random) -> list[bytes]:
    """The updates in random order."""
    order = list(bodies)
    chance.shuffle(order)
    return order
