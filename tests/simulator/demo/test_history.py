"""History: old dialogs become finished turns of the last days, once."""

from __future__ import annotations

import gzip
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import pytest

from common.encryption import bindings
from common.encryption.sealing import Vault
from common.errors import SettingError, StartupError
from common.settings import DatabaseSettings
from embedded.postgres import EmbeddedPostgres
from simulator.demo.datafile import DialogLine, ReadCounts
from simulator.demo.days import DateShift
from simulator.demo.history import HistoryResult, Selection, load_history
from simulator.demo.people import demo_user

KEY = "a data key for tests, long enough"
BOT_ID = 42
NOW = datetime(2026, 6, 15, 12, 0, tzinfo=UTC)


class Logs:
    """Forty users on ten scattered days, mornings only."""

    def lines(self, tally: ReadCounts | None = None) -> Iterator[DialogLine]:
        for number in range(2000):
            day = datetime(2004, 1, 1, 8, tzinfo=UTC) + timedelta(days=100 * (number // 200))
            if tally is not None:
                tally.lines_read += 1
            yield DialogLine(
                number=number + 1,
                at=day + timedelta(minutes=number % 200 // 2),
                user=f"user{number * number % 40}",
                text=f"question {number}",
            )


@pytest.fixture
async def connection(database: DatabaseSettings) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(database.libpq_url)
    yield connection
    await connection.close()


@pytest.fixture
def database_url(database: DatabaseSettings) -> str:
    return database.libpq_url


async def load(database: DatabaseSettings, *, key: str = KEY, **more: Any) -> HistoryResult:
    return await load_history(
        Logs(),
        database_url=database.libpq_url,
        vault=Vault(key),
        bot_id=BOT_ID,
        now=NOW,
        report=lambda _: None,
        **more,
    )


async def test_every_message_is_one_finished_turn(
    database: DatabaseSettings, connection: Any
) -> None:
    result = await load(database)
    turns = await connection.fetch("SELECT * FROM turns ORDER BY received_at")
    assert (result.turns, len(turns), result.lines_read) == (2000, 2000, 2000)
    assert all(turn["user_messages"] == 1 and turn["bot_id"] == BOT_ID for turn in turns)
    assert {turn["status"] for turn in turns} == {"answered", "failed", "cancelled", "rejected"}
    assert all(turn["received_at"] <= NOW for turn in turns)
    assert all(turn["answered_at"] <= NOW for turn in turns if turn["answered_at"])
    days = sorted({turn["received_at"].date() for turn in turns})
    assert days == [date(2026, 6, 6) + timedelta(days=n) for n in range(10)]
    assert (result.first_day, result.last_day, result.days) == (days[0], days[-1], 10)
    keys = sorted({turn["user_key"] for turn in turns})
    assert keys == list(range(1, len(keys) + 1))
    assert result.people == len(keys)


async def test_costs_are_sums_of_attempts_and_unknown_is_null(
    database: DatabaseSettings, connection: Any
) -> None:
    await load(database)
    differing = await connection.fetchval(
        "SELECT count(*) FROM turns LEFT JOIN"
        " (SELECT turn_id, sum(cost_usd) AS cost, sum(prompt_tokens) AS prompt,"
        "  count(*) FILTER (WHERE is_unpriced) AS unpriced"
        "  FROM llm_calls GROUP BY turn_id) AS calls ON calls.turn_id = turns.id"
        " WHERE turns.cost_usd IS DISTINCT FROM calls.cost"
        " OR turns.prompt_tokens IS DISTINCT FROM calls.prompt"
        " OR turns.unpriced_calls <> coalesce(calls.unpriced, 0)"
    )
    unpriced = await connection.fetchval(
        "SELECT count(*) FROM turns"
        " WHERE status = 'answered' AND cost_usd IS NULL AND unpriced_calls > 0"
    )
    free = await connection.fetchval("SELECT count(*) FROM turns WHERE cost_usd = 0")
    fallbacks = await connection.fetchval(
        "SELECT count(*) FROM turns WHERE fallback_cause IS NOT NULL AND model_used <> model_asked"
    )
    assert (differing, free) == (0, 0)
    assert 0 < unpriced < 100
    assert 0 < fallbacks < 150


async def test_texts_open_with_their_users_key(database: DatabaseSettings, connection: Any) -> None:
    await load(database)
    vault = Vault(KEY)
    row = await connection.fetchrow(
        "SELECT * FROM users WHERE telegram_hmac = $1",
        vault.lookup("user", demo_user("user1").person.id),
    )
    person = vault.user_sealer(row["wrapped_key"], row["telegram_hmac"])
    texts = await connection.fetch(
        "SELECT * FROM messages WHERE user_key = $1 AND role = 'user' ORDER BY created_at",
        row["key"],
    )
    binding = bindings.text(texts[0]["id"], texts[0]["dialog_id"])
    assert person.open_text(texts[0]["content"], binding) == "question 1"
    assert texts[0]["content_length"] == len("question 1")
    profile = person.open(row["sealed_profile"], bindings.profile(row["telegram_hmac"]))
    assert orjson.loads(profile)["first_name"] == "user1"
    chat = await connection.fetchrow(
        "SELECT * FROM dialogs WHERE chat_hmac = $1",
        vault.lookup("chat", demo_user("user1").person.id),
    )
    assert (chat["user_key"], chat["closed_at"]) == (row["key"], None)


async def test_a_second_run_changes_nothing(database: DatabaseSettings, connection: Any) -> None:
    async def contents() -> list[Any]:
        return list(
            await connection.fetch(
                "SELECT (SELECT count(*) FROM turns), (SELECT count(*) FROM users),"
                " (SELECT count(*) FROM messages), (SELECT count(*) FROM dialogs)"
            )
        )

    first = await load(database)
    before = await contents()
    second = await load(database)
    assert (first.loaded, second.loaded, second.turns) == (True, False, 0)
    assert await contents() == before


async def test_existing_users_keep_their_key(database: DatabaseSettings, connection: Any) -> None:
    vault = Vault(KEY)
    telegram_hmac = vault.lookup("user", demo_user("user4").person.id)
    _, wrapped_key = vault.new_user_key(telegram_hmac)
    await connection.execute(
        "INSERT INTO users (telegram_hmac, wrapped_key, sealed_profile) VALUES ($1, $2, '')",
        telegram_hmac,
        wrapped_key,
    )
    result = await load(database)
    assert await connection.fetchval("SELECT count(*) FROM users") == result.people
    assert await connection.fetchval("SELECT count(*) FROM turns WHERE user_key = 1") > 0


async def test_another_data_key_is_refused(database: DatabaseSettings) -> None:
    await load(database, selection=Selection(limit=10))
    with pytest.raises(SettingError, match=r"^DATA_KEY: is not the key"):
        await load(database, key="another data key, also long enough")


async def test_the_last_days_of_the_first_messages_are_selected(
    database: DatabaseSettings,
) -> None:
    result = await load(database, selection=Selection(limit=1000, days=2))
    assert (result.turns, result.days) == (400, 2)


async def test_a_database_without_tables_asks_for_migrations(
    postgres_server: EmbeddedPostgres,
) -> None:
    with pytest.raises(StartupError, match=r"^DATABASE_URL: apply the migrations first"):
        await load_history(
            Logs(),
            database_url=postgres_server.url("postgres"),
            vault=Vault(KEY),
            bot_id=BOT_ID,
            report=lambda _: None,
        )


def test_nothing_is_moved_into_the_future() -> None:
    evening = datetime(2004, 1, 1, 23, 59, tzinfo=UTC)
    morning = datetime(2003, 5, 1, 6, tzinfo=UTC)
    days = {evening.date(): evening, morning.date(): morning}
    shift = DateShift(days, now=NOW)
    assert shift.shift(evening) == datetime(2026, 6, 14, 23, 59, tzinfo=UTC)
    assert shift.shift(morning) == datetime(2026, 6, 13, 6, tzinfo=UTC)


def test_the_command_prints_its_result_last(database_url: str, tmp_path: Path) -> None:
    data = tmp_path / "dialogs.gz"
    line = {"ts": "2004-12-25T09:14:00Z", "user": "ada", "text": "hello"}
    data.write_bytes(gzip.compress(orjson.dumps(line) + b"\nrubbish\n"))
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "simulator.demo.history",
            "--data",
            str(data),
            "--until",
            "2026-06-15",
        ],
        env={"PYTHONPATH": ".", "DATABASE_URL": database_url, "DATA_KEY": KEY},
        capture_output=True,
        text=True,
        check=True,
    )
    result = orjson.loads(done.stdout)
    assert (result["turns"], result["lines_read"], result["lines_skipped"]) == (1, 2, 1)
    assert result["last_day"] == "2026-06-14"
    assert f"{data}: line 2 skipped: not JSON" in done.stderr
