"""A hostile ledger: turns where clocks change, at midnights and everywhere else, in three acts.

It is written into PostgreSQL directly. Between the acts the pipelines publish, so that the later
ones are corrections of what readers know already.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
import psycopg
from psycopg import sql

from common.encryption import bindings
from common.encryption.sealing import Vault
from tests.recount.constants import (
    BIG_KEYS,
    BOTS,
    CHAT_TYPES,
    DAY,
    EVENTS,
    FALLBACK_CAUSES,
    HOUR,
    LANGUAGES,
    MICRO,
    MODELS,
    NOT_PEOPLE,
    PEOPLE,
    QUARTER,
    RARE_SOURCES,
    REASONS,
    SOURCES,
    UNCOUNTED_SHARE,
    ZONES,
)
from tests.recount.zones import micros, moment, zone

Turn = dict[str, Any]

DAYS = 430
"""How far the ledger reaches back: every zone has changed its clock twice since."""
OLD_DAYS = 30
"""Days of the past on which something happened, beside clock changes: builds take time."""
CORRECTED_DAYS = 40
TINY, HUGE = Decimal("0.0000000001"), Decimal("99999999.9999999999")
LARGEST_INTEGER, LARGEST_SMALL = 2**31 - 1, 2**15 - 1


class Ledger:
    """All turns and people of one installation.

    Args:
        seed: seed of everything random.
        now: the current time; no turn is later.
        size: approximate number of turns.
    """

    def __init__(self, seed: int, *, now: datetime, size: int = 3_000) -> None:
        self._chance = random.Random(seed)
        self._now = micros(now)
        self._begin = self._now - DAYS * DAY
        self._dialogs: dict[tuple[int, int], list[UUID]] = {}
        self._taken: set[tuple[object, int]] = set()
        self.changes = sorted(
            int(change)
            for name in ZONES
            for change in zone(name).changes
            if self._begin < change < self._now - HOUR
        )
        """Times at which a zone changed its clock."""
        self.turns = [self._turn(at) for at in self._moments(size)]
        self._chance.shuffle(self.turns)
        self.names: dict[int, dict[str, str | None]] = {}
        """Names of the people who were not erased, by key."""

    def _moments(self, size: int) -> Iterator[int]:
        """Where clocks change, at midnights, in the last weeks, on a few days long ago."""
        chance, now = self._chance, self._now
        for change in self.changes:
            for _ in range(4):
                yield change + chance.choice(
                    [0, -1, -QUARTER, QUARTER, HOUR - 1, chance.randint(-4 * HOUR, 4 * HOUR)]
                )
        old = [self._begin + chance.randint(0, DAYS * DAY) for _ in range(OLD_DAYS)]
        for _ in range(size // 8):
            calendar = zone(chance.choice(ZONES))
            day = calendar.day(chance.choice([*old, now - chance.randint(0, 45 * DAY)]))
            day = calendar.first_day_of(day, chance.choice(["day", "day", "week", "month"]))
            yield calendar.midnight(day) + chance.choice([0, -1, 1, -MICRO, QUARTER])
        for length in (2 * HOUR, 2 * DAY, 10 * DAY, 45 * DAY, 60 * DAY):
            for _ in range(size // 8):
                yield now - chance.randint(0, length)
        # Many turns at one time: pages and rankings must not lose any.
        together = now - chance.randint(DAY, 20 * DAY)
        yield from [together] * 25
        for _ in range(size // 8):
            yield chance.choice(old) + chance.randint(0, DAY)

    def _turn(self, at: int, **given: Any) -> Turn:
        chance, at = self._chance, min(at, self._now)
        user = given.get("user_key") or self._user(at)
        bot = chance.choice([*BOTS, BOTS[0]])
        status = chance.choice(["answered"] * 6 + ["failed", "failed", "cancelled", "rejected"])
        return {
            "id": UUID(int=chance.getrandbits(128)),
            "bot_id": bot,
            "user_key": user,
            "is_person": user not in NOT_PEOPLE,
            "is_counted": chance.random() > UNCOUNTED_SHARE,
            "dialog_id": self._dialog(bot, user, at),
            "source": self._source(),
            "received_at": moment(at),
            "sent_at": chance.choice([None, moment(at // MICRO * MICRO)]),
            **self._content(at, status),
            **given,
        }

    def _dialog(self, bot: int, user: int, at: int) -> UUID:
        """One of a person's few dialogs, or of the groups that all share."""
        chance = self._chance
        owner = 0 if chance.random() < 0.15 else user
        known = self._dialogs.setdefault((bot, owner), [])
        if len(known) < 3 or chance.random() < 0.02:
            known.append(UUID(int=chance.getrandbits(128)))
        for dialog in chance.sample(known, len(known)):
            if self._take(dialog, at):
                return dialog
        known.append(UUID(int=chance.getrandbits(128)))
        return known[-1]

    def _source(self) -> str | None:
        if self._chance.random() < 0.6:
            return f"campaign_{self._chance.randint(1, RARE_SOURCES)}"
        return self._chance.choice(SOURCES)

    def _user(self, at: int) -> int:
        while True:
            people = (self._chance.randint(1, PEOPLE) for _ in range(12))
            user = self._chance.choice([*people, *BIG_KEYS, *NOT_PEOPLE])
            if self._take(user, at):
                return user

    def _take(self, what: object, at: int) -> bool:
        """Reserve a time, unless it is taken: first and latest turns must have distinct times."""
        if (what, at) in self._taken:
            return False
        self._taken.add((what, at))
        return True

    def _content(self, at: int, status: str) -> Turn:
        """Columns of a turn that may be corrected at any time."""
        chance = self._chance
        never = {"rejected": 0.8, "cancelled": 0.3}.get(status, 0)
        asked = None if chance.random() < never else chance.choice(MODELS)
        calls = status != "rejected" and asked is not None
        answers = status == "answered" or (calls and chance.random() < 0.2)
        used = chance.choice([asked, asked, asked, chance.choice(MODELS)]) if answers else None
        spoke = calls and (status == "answered" or chance.random() < 0.6)
        # The other model may have failed as well.
        handed_over = used != asked if used else calls and chance.random() < 0.1
        cost = self._cost() if spoke else None
        unpriced = 0
        if calls:
            # A failed attempt may be unpriced beside one whose cost is known.
            unpriced = chance.choice([1, 1, 2]) if cost is None else chance.choice([0, 0, 0, 1])
            if cost is None and status != "answered" and not used and chance.random() < 0.5:
                unpriced = 0  # the request never left
        waits = chance.choice([0, 0, 0, 1, 1_500, LARGEST_INTEGER])
        return {
            "chat_type": chance.choice(CHAT_TYPES),
            "language": chance.choice(LANGUAGES),
            "user_messages": chance.choice([1, 1, 1, 1, 2, 3, 10, 0, LARGEST_SMALL]),
            "first_token_at": moment(at + self._duration()) if spoke else None,
            "answered_at": chance.choice([None, *[moment(at + self._duration())] * 9]),
            "status": status,
            "reason": chance.choice(REASONS[status]),
            "model_asked": asked,
            "model_used": used,
            "fallback_cause": chance.choice(FALLBACK_CAUSES) if handed_over else None,
            "prompt_tokens": self._tokens() if spoke else None,
            "completion_tokens": self._tokens() if spoke else None,
            "cached_tokens": chance.choice([None, self._tokens()]) if spoke else None,
            "reasoning_tokens": chance.choice([None, self._tokens()]) if spoke else None,
            "cost_usd": cost,
            "unpriced_calls": unpriced,
            "finish_reason": chance.choice([None, "stop", "length"]) if spoke else None,
            "user_chars": chance.randint(0, 4_000),
            "answer_chars": chance.randint(0, 4_000),
            "answer_parts": chance.choice([0, 1, 1, 2, LARGEST_SMALL]),
            "flood_wait_ms": waits,
            "pacing_wait_ms": chance.choice([0, 0, 700]),
            **self._pace(spoke=spoke, handed_over=handed_over),
        }

    def _pace(self, *, spoke: bool, handed_over: bool) -> Turn:
        """How fast it was written, and what was lost before another model was asked."""
        came_in_pieces = spoke and self._chance.random() < 0.8
        return {
            "generation_ms": self._chance.randint(1, 90_000) if came_in_pieces else 0,
            "generated_tokens": self._tokens() if came_in_pieces else 0,
            "fallback_wait_ms": self._chance.choice([0, 1, 2_500]) if handed_over else 0,
            "fallback_cost_usd": self._cost() if handed_over else None,
        }

    def _cost(self) -> Decimal | None:
        chance = self._chance
        usual = Decimal(chance.randint(1, 10**9)).scaleb(-10)
        return chance.choice([None, Decimal(0), TINY, HUGE, *[usual] * 6])

    def _tokens(self) -> int:
        return self._chance.choice([0, LARGEST_INTEGER, *[self._chance.randint(1, 4_000)] * 8])

    def _duration(self) -> int:
        """Also none at all, less than nothing (clocks differ), and days."""
        chance = self._chance
        usual = chance.randint(1, 90 * MICRO)
        return chance.choice([0, -MICRO, 1, 3 * DAY, *[usual] * 8])

    def first_act(self, connection: psycopg.Connection[Any], vault: Vault) -> None:
        """Most turns, some of them pending, and all people."""
        self._add_people(connection, vault)
        share = self.turns[: len(self.turns) * 6 // 10]
        for turn in self._chance.sample(share, len(share) // 40):
            turn["status"] = "pending"
        insert(connection, share)
        self._rate(connection, share)
        self._happen(connection, share)
        connection.commit()

    def second_act(self, connection: psycopg.Connection[Any]) -> None:
        """The others, and what happens to turns that were published."""
        chance = self._chance
        known = self.turns[: len(self.turns) * 6 // 10]
        insert(connection, self.turns[len(known) :])
        self._rate(connection, self.turns[len(known) :])
        self._happen(connection, self.turns[len(known) :])
        self._change_minds(connection)
        firsts = _first_turns(known)
        # Earlier first turns of people who are known, and people whose first turns go.
        for turn in chance.sample(firsts, len(firsts) // 5):
            at = micros(turn["received_at"]) - chance.randint(1, 40 * DAY)
            insert(connection, [self._turn(at, user_key=turn["user_key"])])
        gone = chance.sample(firsts, len(firsts) // 5)
        leaver = chance.choice(firsts)["user_key"]
        gone += [turn for turn in known if turn["user_key"] == leaver]
        gone += chance.sample(known, len(known) // 30)
        self._delete(connection, {turn["id"] for turn in gone})
        self._correct(connection, [turn for turn in known if turn not in gone])
        # Deleted and written again by one transaction.
        again = chance.choice(gone)
        insert(connection, [{**again, **self._content(micros(again["received_at"]), "failed")}])
        self._erase(connection, chance.sample(sorted(self.names), len(self.names) // 10))
        connection.commit()

    def third_act(self, connection: psycopg.Connection[Any]) -> None:
        """A day that loses all its turns, and more corrections."""
        chance = self._chance
        rows = connection.execute("SELECT id, received_at FROM turns").fetchall()
        day = chance.choice(rows)[1].date()
        self._delete(connection, {row[0] for row in rows if row[1].date() == day})
        self._correct(connection, chance.sample(self.turns, len(self.turns) // 20))
        self._change_minds(connection)
        connection.commit()

    def _rate(self, connection: psycopg.Connection[Any], turns: Sequence[Turn]) -> None:
        """Some turns are rated, by one person or several."""
        chance = self._chance
        for turn in chance.sample(turns, len(turns) // 5):
            for user in chance.sample(range(1, PEOPLE + 1), chance.choice([1, 1, 1, 3])):
                connection.execute(
                    "INSERT INTO feedback (id, bot_id, turn_id, dialog_id, received_at, user_key,"
                    " verdict, given_by, given_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
                    (
                        UUID(int=chance.getrandbits(128)),
                        *(turn[name] for name in ("bot_id", "id", "dialog_id", "received_at")),
                        user,
                        chance.choice([1, 1, -1, 0]),
                        chance.choice(["button", "reaction"]),
                        moment(self._now),
                    ),
                )

    def _happen(self, connection: psycopg.Connection[Any], turns: Sequence[Turn]) -> None:
        """Commands, blocks and returns near the times of some turns."""
        chance = self._chance
        for turn in chance.sample(turns, len(turns) // 3):
            at = micros(turn["received_at"]) + chance.choice([0, 0, 1, -1, QUARTER, -HOUR])
            kind, name = chance.choice(EVENTS)
            user = turn["user_key"]
            is_counted = user not in NOT_PEOPLE and chance.random() > UNCOUNTED_SHARE
            connection.execute(
                "INSERT INTO user_events (id, bot_id, user_key, occurred_at, chat_type, language,"
                " kind, name, is_counted) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
                (
                    UUID(int=chance.getrandbits(128)),
                    turn["bot_id"],
                    user,
                    moment(min(at, self._now)),
                    chance.choice(CHAT_TYPES),
                    chance.choice(LANGUAGES),
                    kind,
                    name,
                    is_counted,
                ),
            )

    def _change_minds(self, connection: psycopg.Connection[Any]) -> None:
        """Verdicts and events that were published change, and some are deleted."""
        rows = connection.execute("SELECT id FROM feedback ORDER BY id").fetchall()
        changed = self._chance.sample(rows, len(rows) // 6)
        connection.execute(
            "UPDATE feedback SET verdict = CASE verdict WHEN 1 THEN -1 WHEN -1 THEN 0 ELSE 1 END"
            " WHERE id = ANY(%s)",
            ([row[0] for row in changed],),
        )
        gone = self._chance.sample(rows, len(rows) // 30)
        connection.execute("DELETE FROM feedback WHERE id = ANY(%s)", ([row[0] for row in gone],))
        rows = connection.execute("SELECT id FROM user_events ORDER BY id").fetchall()
        some = [row[0] for row in self._chance.sample(rows, len(rows) // 10)]
        half = len(some) // 2
        connection.execute("DELETE FROM user_events WHERE id = ANY(%s)", (some[:half],))
        connection.execute(
            "UPDATE user_events SET is_counted = NOT is_counted WHERE id = ANY(%s)", (some[half:],)
        )

    def _add_people(self, connection: psycopg.Connection[Any], vault: Vault) -> None:
        chance = self._chance
        for key in (*range(1, PEOPLE + 1), *NOT_PEOPLE, *BIG_KEYS):
            profile = {
                "telegram_id": key,
                "username": chance.choice([None, f"user_{key}"]),
                "first_name": chance.choice(["Ann", "=Eve", "Юля"]),
                "last_name": chance.choice([None, f"Number {key}"]),
            }
            telegram_hmac = vault.lookup("user", key)
            sealer, wrapped_key = vault.new_user_key(telegram_hmac)
            connection.execute(
                "INSERT INTO users"
                " (key, telegram_hmac, wrapped_key, sealed_profile, is_person, source)"
                " OVERRIDING SYSTEM VALUE VALUES (%s, %s, %s, %s, %s, %s)",
                (
                    key,
                    telegram_hmac,
                    wrapped_key,
                    sealer.seal(orjson.dumps(profile), bindings.profile(telegram_hmac)),
                    key not in NOT_PEOPLE,
                    chance.choice([None, "ads", "friends"]),
                ),
            )
            parts = (profile["first_name"], profile["last_name"])
            name = " ".join(str(part) for part in parts if part)
            self.names[key] = {"name": name, "username": profile["username"]}

    def _erase(self, connection: psycopg.Connection[Any], keys: Sequence[int]) -> None:
        connection.execute("DELETE FROM users WHERE key = ANY(%s)", (list(keys),))
        for key in keys:
            del self.names[key]

    def _delete(self, connection: psycopg.Connection[Any], ids: set[UUID]) -> None:
        connection.execute("DELETE FROM turns WHERE id = ANY(%s)", (list(ids),))

    def _correct(self, connection: psycopg.Connection[Any], turns: Sequence[Turn]) -> None:
        """Pending turns end, of most of them; turns of the last weeks and others change."""
        chance = self._chance
        border = moment(self._now - CORRECTED_DAYS * DAY)
        recent = [turn for turn in turns if turn["received_at"] > border]
        old = [turn for turn in turns if turn["received_at"] <= border]
        pending = [turn for turn in turns if turn["status"] == "pending"]
        chosen = (
            *chance.sample(recent, len(recent) // 8),
            *chance.sample(old, len(old) // 40),
            *chance.sample(pending, len(pending) * 2 // 3),
        )
        for turn in chosen:
            status = chance.choice(["answered", "answered", "failed", "cancelled", "rejected"])
            turn.update(self._content(micros(turn["received_at"]), status))
            names = [name for name in turn if name != "id"]
            statement = sql.SQL("UPDATE turns SET {} WHERE id = %(id)s").format(
                sql.SQL(", ").join(
                    sql.SQL("{} = {}").format(sql.Identifier(name), sql.Placeholder(name))
                    for name in names
                )
            )
            connection.execute(statement, turn)


def insert(connection: psycopg.Connection[Any], turns: Sequence[Turn]) -> None:
    """By COPY, as all have the same columns."""
    if not turns:
        return
    names = list(turns[0])
    statement = sql.SQL("COPY turns ({}) FROM STDIN").format(
        sql.SQL(", ").join(map(sql.Identifier, names))
    )
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for turn in turns:
            copy.write_row([turn[name] for name in names])


def _first_turns(turns: Sequence[Turn]) -> list[Turn]:
    first: dict[int, Turn] = {}
    for turn in sorted(turns, key=lambda turn: turn["received_at"]):
        first.setdefault(turn["user_key"], turn)
    return list(first.values())
