"""`python -m simulator.demo.history`: loads dialogs into PostgreSQL as finished turns.

In one transaction. A second run detects the first and loads nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from itertools import islice
from pathlib import Path

import asyncpg
import orjson

from common.encryption.sealing import ACCEPTS_UNBOUND, UnreadableError, Vault
from common.errors import SettingError, StartupError
from common.log import redact
from common.postgres import connect
from common.process import run
from common.settings import DatabaseSettings, DataKeySettings, load
from simulator.demo.datafile import DialogLine, DialogSource, ReadCounts
from simulator.demo.days import DateShift, last_messages
from simulator.demo.history_rows import COLUMNS, HistoryRows, turn_id_of
from simulator.demo.people import demo_user
from simulator.demo.source import (
    DialogSettings,
    count,
    open_dialogs,
    report_line,
)
from simulator.settings import SimulatorSettings

BATCH = 5_000
LOCK = 0x68697374
"""Advisory lock against concurrent loaders."""
NOT_READY = (
    asyncpg.UndefinedTableError,
    asyncpg.UndefinedColumnError,
)


@dataclass(slots=True)
class HistoryResult:
    """The result of a load, printed as JSON."""

    loaded: bool = True
    """False: already loaded by an earlier run."""
    lines_read: int = 0
    lines_skipped: int = 0
    turns: int = 0
    people: int = 0
    """Users with a message, including those that existed before."""
    days: int = 0
    first_day: date | None = None
    last_day: date | None = None
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Selection:
    """Which messages to load: the first `limit`, and of these the last `days` distinct days."""

    limit: int | None = None
    days: int | None = None


class HistoryLoader:
    """Loads dialogs into one database.

    Args:
        now: no loaded turn is later.
        report: called with progress messages.
    """

    def __init__(
        self,
        dialogs: DialogSource,
        *,
        vault: Vault,
        bot_id: int,
        now: datetime,
        seed: int,
        report: Callable[[str], None],
    ) -> None:
        self._dialogs = dialogs
        self._vault = vault
        self._bot_id = bot_id
        self._now = now
        self._seed = seed
        self._report = report

    async def load(self, connection: asyncpg.Connection, selection: Selection) -> HistoryResult:
        """Load the selected messages.

        Raises:
            SettingError: the database was sealed with another DATA_KEY.
            StartupError: the database has no tables.
        """
        began = time.monotonic()
        result, tally = HistoryResult(), ReadCounts()
        calendar, first_seen, first_line = self._survey(selection, tally)
        result.lines_read, result.lines_skipped = tally.lines_read, tally.lines_skipped
        result.people = len(first_seen)
        result.first_day, result.last_day = calendar.first, calendar.last
        if calendar.first is not None and calendar.last is not None:
            result.days = (calendar.last - calendar.first).days + 1
        try:
            async with connection.transaction():
                await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
                await self._refuse_other_key(connection)
                result.loaded = first_line is None or not await self._is_loaded(
                    connection, first_line
                )
                if result.loaded:
                    rows = HistoryRows(
                        vault=self._vault, bot_id=self._bot_id, seed=self._seed, calendar=calendar
                    )
                    await self._load_people(connection, rows, first_seen)
                    result.turns = await self._load_turns(connection, rows, selection, calendar)
        except NOT_READY as error:
            raise StartupError(f"DATABASE_URL: apply the migrations first: {error}") from error
        if result.turns:
            await connection.execute("ANALYZE users, dialogs, messages, turns, llm_calls")
        result.seconds = round(time.monotonic() - began, 3)
        return result

    def _lines(self, selection: Selection, tally: ReadCounts | None = None) -> Iterator[DialogLine]:
        return islice(self._dialogs.lines(tally), selection.limit)

    def _survey(
        self, selection: Selection, tally: ReadCounts
    ) -> tuple[DateShift, dict[str, datetime], DialogLine | None]:
        """A first pass: the days, the users with their first shifted time, the first message."""
        self._report("reading the dialogs")
        days = last_messages(self._lines(selection, tally))
        if selection.days is not None:
            days = {day: days[day] for day in sorted(days)[-selection.days :]}
        calendar = DateShift(days, now=self._now)
        first_seen: dict[str, datetime] = {}
        first_line: DialogLine | None = None
        for line in self._lines(selection):
            if line.at.date() in calendar:
                first_line = first_line or line
                if line.user not in first_seen:
                    first_seen[line.user] = calendar.shift(line.at)
        return calendar, first_seen, first_line

    async def _refuse_other_key(self, connection: asyncpg.Connection) -> None:
        self._vault.policy.accepts_unbound = await connection.fetchval(ACCEPTS_UNBOUND)
        person = await connection.fetchrow("SELECT wrapped_key, telegram_hmac FROM users LIMIT 1")
        if person is None:
            return
        try:
            self._vault.user_sealer(*person)
        except UnreadableError as error:
            raise SettingError(
                "DATA_KEY", "is not the key that this database was sealed with"
            ) from error

    async def _is_loaded(self, connection: asyncpg.Connection, first: DialogLine) -> bool:
        identifier = turn_id_of(self._bot_id, first)
        return bool(
            await connection.fetchval("SELECT EXISTS (SELECT FROM turns WHERE id = $1)", identifier)
        )

    async def _load_people(
        self, connection: asyncpg.Connection, rows: HistoryRows, first_seen: dict[str, datetime]
    ) -> None:
        members = {user: demo_user(user) for user in first_seen}
        lookups = {user: self._vault.lookup("user", who.person.id) for user, who in members.items()}
        known = await self._people(connection, list(lookups.values()))
        await _copy(
            connection,
            "users",
            [
                rows.user(members[user], lookups[user], first_seen[user])
                for user in first_seen
                if lookups[user] not in known
            ],
        )
        stored = await self._people(connection, list(lookups.values()))
        chats = await self._open_dialogs(connection)
        started = {
            row["user_key"]
            for row in await connection.fetch(
                "SELECT DISTINCT user_key FROM turns WHERE user_key = ANY($1)",
                [key for key, _ in known.values()],
            )
        }
        for user, lookup in lookups.items():
            key, wrapped_key = stored[lookup]
            sealer = self._vault.user_sealer(wrapped_key, lookup)
            rows.add_user(user, members[user], key, sealer, is_new=key not in started)
        await _copy(connection, "dialogs", list(rows.new_dialogs(first_seen, chats)))
        self._report(f"{len(first_seen)} users, {len(first_seen) - len(known)} of them new")

    async def _people(
        self, connection: asyncpg.Connection, lookups: list[bytes]
    ) -> dict[bytes, tuple[int, bytes]]:
        found = await connection.fetch(
            "SELECT telegram_hmac, key, wrapped_key FROM users WHERE telegram_hmac = ANY($1)",
            lookups,
        )
        return {row["telegram_hmac"]: (row["key"], row["wrapped_key"]) for row in found}

    async def _open_dialogs(self, connection: asyncpg.Connection) -> dict[bytes, object]:
        found = await connection.fetch(
            "SELECT chat_hmac, id FROM dialogs"
            " WHERE bot_id = $1 AND thread_id = 0 AND closed_at IS NULL",
            self._bot_id,
        )
        return {row["chat_hmac"]: row["id"] for row in found}

    async def _load_turns(
        self,
        connection: asyncpg.Connection,
        rows: HistoryRows,
        selection: Selection,
        calendar: DateShift,
    ) -> int:
        loaded = 0
        lines = (line for line in self._lines(selection) if line.at.date() in calendar)
        while batch := list(islice(lines, BATCH)):
            made = [rows.exchange(line) for line in batch]
            await _copy(connection, "turns", [each.turn for each in made])
            await _copy(connection, "llm_calls", [row for each in made for row in each.calls])
            await _copy(connection, "messages", [row for each in made for row in each.messages])
            loaded += len(batch)
            self._report(f"{loaded} turns loaded")
        return loaded


async def _copy(connection: asyncpg.Connection, table: str, rows: list[tuple[object, ...]]) -> None:
    await connection.copy_records_to_table(table, records=rows, columns=COLUMNS[table])


async def load_history(
    dialogs: DialogSource,
    *,
    database_url: str,
    vault: Vault,
    bot_id: int,
    selection: Selection | None = None,
    now: datetime | None = None,
    seed: int = 0,
    report: Callable[[str], None] = report_line,
) -> HistoryResult:
    """Load dialogs as finished turns of one bot.

    Args:
        dialogs: the messages.
        database_url: a libpq URL.
        vault: with the bot's DATA_KEY.
        bot_id: of the turns.
        selection: which messages; default: all.
        now: end of the history; default: the current time.
        seed: for models, tokens, costs and failures.
        report: called with progress messages.

    Raises:
        SettingError: PostgreSQL is unavailable, DATA is damaged, or DATA_KEY is wrong.
        StartupError: the migrations have not been applied.
    """
    loader = HistoryLoader(
        dialogs,
        vault=vault,
        bot_id=bot_id,
        now=now or datetime.now(UTC),
        seed=seed,
        report=report,
    )
    try:
        connection = await connect(database_url, application_name="history")
    except (OSError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise SettingError(
            "DATABASE_URL", f"PostgreSQL cannot be reached: {redact(str(error))}"
        ) from error
    try:
        return await loader.load(connection, selection or Selection())
    finally:
        await connection.close()


def moment(text: str) -> datetime:
    """Parse `now` or an ISO time; without an offset it is UTC."""
    if text == "now":
        return datetime.now(UTC)
    parsed = datetime.fromisoformat(text)
    return parsed if parsed.tzinfo is not None else parsed.replace(tzinfo=UTC)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m simulator.demo.history", description=__doc__)
    parser.add_argument("--data", type=Path, help="gzip JSON lines (default: DATA, else generated)")
    parser.add_argument("--limit", type=count, help="load only the first messages")
    parser.add_argument("--days", type=count, help="load only the last days of these")
    parser.add_argument("--until", type=moment, default="now", help="end: now, or an ISO time")
    arguments = parser.parse_args()
    simulator = load(SimulatorSettings)
    result = asyncio.run(
        load_history(
            open_dialogs(arguments.data, load(DialogSettings)),
            database_url=load(DatabaseSettings).libpq_url,
            vault=Vault(load(DataKeySettings).data_key.get_secret_value()),
            bot_id=int(simulator.telegram_token.get_secret_value().partition(":")[0]),
            selection=Selection(limit=arguments.limit, days=arguments.days),
            now=arguments.until,
            seed=simulator.simulator_seed,
        )
    )
    if not result.loaded:
        report_line("this history is already loaded: nothing was changed")
    sys.stdout.write(orjson.dumps(asdict(result)).decode() + "\n")


if __name__ == "__main__":
    run(main)
