"""Updates that wait for the bot, as the Bot API keeps them: delivered again until confirmed.

Updates are held as JSON bytes, so that a long backlog stays small. Knows nothing about HTTP.
"""

from __future__ import annotations

import random
import time
from collections import deque
from itertools import islice
from typing import Any

from simulator import lenient
from simulator.bell import Bell
from simulator.counters import Counters
from simulator.journal import Journal

Update = dict[str, Any]

EPOCH = 1_750_000_000
"""Seconds. Ids start at the milliseconds since then, so that a restarted simulator without
state uses none again that a bot may remember."""
NOT_BY_DEFAULT = frozenset({"chat_member", "message_reaction", "message_reaction_count"})
LARGEST_BATCH = 100


class UpdateQueue:
    """One bot's queue.

    Args:
        bot_id: marks this queue's records in the journal.
    """

    def __init__(self, bot_id: int, *, bell: Bell, counters: Counters, journal: Journal) -> None:
        self._bot_id = bot_id
        self._bell = bell
        self._counters = counters
        self._journal = journal
        self._pending: dict[int, bytes] = {}
        self._again: deque[bytes] = deque()
        self._last_id = int((time.time() - EPOCH) * 1000)
        self.allowed: frozenset[str] | None = None
        """Kinds asked for by `allowed_updates`; None: the default set."""

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
        """Accept an update and return its id; None when the bot did not ask for this kind.

        An update that brings its own `update_id` keeps it. When that id is not above the last
        one, it can be confirmed by nobody and is delivered once, as a late repeat would be.
        """
        if not self.allows(update):
            self._counters.updates_not_allowed += 1
            return None
        given = update.get("update_id")
        if isinstance(given, int) and given <= self._last_id:
            self._again.append(lenient.dumps(update))
            self._counters.updates_accepted += 1
            self._bell.ring()
            return given
        update_id = given if isinstance(given, int) else self._last_id + 1
        whole = {"update_id": update_id, **update}
        self._journal.append({"bot": self._bot_id, "update": whole})
        self.restore(whole)
        self._counters.updates_accepted += 1
        self._bell.ring()
        return update_id

    def put_raw(self, body: bytes) -> None:
        """Accept bytes that need not be an update at all; delivered once."""
        self._again.append(body)
        self._counters.updates_malformed += 1
        self._bell.ring()

    def restore(self, update: Update) -> None:
        """Take back an update that the journal kept."""
        self._last_id = max(self._last_id, int(update["update_id"]))
        self._pending[int(update["update_id"])] = lenient.dumps(update)

    def skip_to(self, update_id: int) -> None:
        """Let the next id be above this one, as after a week without updates."""
        self._last_id = max(self._last_id, update_id)

    def confirm(self, offset: int) -> int:
        """Forget updates below `offset`; a negative one keeps only the last `-offset`."""
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
            self._bell.ring()
        return len(ids)

    def settle(self, update_id: int) -> None:
        """Confirm one update: a webhook answered 2xx."""
        if self._pending.pop(update_id, None) is not None:
            self._journal.append({"bot": self._bot_id, "settled": update_id})
            self._counters.updates_confirmed += 1
            self._bell.ring()

    def drop_all(self) -> None:
        self.confirm(self._last_id + 1)
        self._again.clear()

    def repeat_bodies(self, bodies: list[bytes]) -> None:
        """Deliver these once more, whatever was confirmed."""
        self._again.extend(bodies)
        self._counters.updates_repeated += len(bodies)
        self._bell.ring()

    def rouse(self) -> None:
        """Let whoever waits here look again: the way of delivery changed."""
        self._bell.ring()

    def has_news(self, offset: int) -> bool:
        return bool(self._again) or any(update_id >= offset for update_id in self._pending)

    def batch(self, *, offset: int, limit: int) -> tuple[list[bytes], list[bytes]]:
        """What getUpdates hands out now: repeats, and the earliest unconfirmed after them."""
        repeats = [self._again.popleft() for _ in range(min(limit, len(self._again)))]
        waiting = (body for update_id, body in self._pending.items() if update_id >= offset)
        fresh = list(islice(waiting, limit - len(repeats)))
        self._counters.updates_delivered += len(repeats) + len(fresh)
        return repeats, fresh

    def take_again(self) -> bytes | None:
        """The next repeat for a webhook."""
        return self._again.popleft() if self._again else None

    def first(self, limit: int) -> list[tuple[int, bytes]]:
        """The earliest unconfirmed updates, by id."""
        return list(islice(self._pending.items(), limit))


def shuffled(bodies: list[bytes], chance: random.Random) -> list[bytes]:
    """The same updates in another order."""
    order = list(bodies)
    chance.shuffle(order)
    return order
