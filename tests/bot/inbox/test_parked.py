"""Parked updates: seen by an operator, given back, and answered once."""

from __future__ import annotations

import asyncio
import subprocess
from datetime import UTC, datetime

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.inbox.parked import (
    PARKED,
    ParkedUpdate,
    list_parked,
    parse,
    retry,
)
from common.errors import StartupError
from common.postgres import Sessions, transaction
from common.settings import DatabaseSettings
from simulator.app import Simulator
from tests.bot.conftest import Start, World, breaks_down, run_program, running_bot
from tests.running import eventually

PERSON = 1_000_000_001
WORDS = "a secret riddle"
OBSTACLES = {
    1: "no parked update has this id",
    2: "cannot be retried, its turn had begun",
    3: "cannot be retried, it cannot be parsed",
    4: "cannot be retried, its payload was erased",
    5: "parked by several bots (7, 8): name one with --bot",
    9: "no parked update has this id",
}


async def command(database: DatabaseSettings, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`python -m bot.inbox.parked`: how it ends and what it prints."""
    return await run_program("bot.inbox.parked", *arguments, DATABASE_URL=database.libpq_url)


async def park_one(world: World) -> int:
    """Park a user's text, then fix the bug; return the update's id."""
    world.app.turns.answer = breaks_down  # type: ignore[assignment,method-assign] # a bug on purpose
    [update_id] = world.write(WORDS, person=PERSON)
    await world.replies(1, chat=PERSON)
    [update] = await world.settled()
    assert (update.outcome, update.attempts) == ("parked", 2)
    del world.app.turns.answer
    return update_id


async def all_turns(world: World) -> bool:
    return {update.outcome for update in await world.updates()} == {"turn"}


async def assert_answered_once(world: World) -> None:
    await eventually(lambda: all_turns(world))
    [update] = await world.updates()
    assert (update.attempts, update.error, update.payload) == (0, None, None)
    [turn] = await world.turns()
    assert (turn.status, turn.id) == ("answered", update.turn_id)
    assert turn.received_at == update.received_at
    assert len(world.simulator.calls) == 1
    # The word that it could not be answered, then the answer.
    assert len(await world.replies(2, chat=PERSON)) == 2


async def test_a_running_bot_answers_retried_updates_once(start: Start, database: DatabaseSettings):
    world = await start(max_update_attempts=2)
    update_id = await park_one(world)

    listed = await command(database, "list")
    retried = await command(database, "retry", str(update_id))

    [update] = listed.stdout.splitlines()
    bot_id, number, kind, received_at, attempts, error, state = update.split("\t")
    assert (bot_id, number) == (str(world.simulator.account.id), str(update_id))
    assert (kind, attempts, state) == ("message", "2", "can be retried")
    assert datetime.fromisoformat(received_at).tzinfo
    assert error.startswith("RuntimeError at ")
    assert (retried.returncode, retried.stdout) == (0, f"{update_id}: given back to the inbox\n")
    said = listed.stdout + listed.stderr + retried.stdout + retried.stderr
    assert WORDS not in said
    assert str(PERSON) not in said
    await assert_answered_once(world)
    again = await command(database, "retry", str(update_id))
    assert (again.returncode, again.stderr) == (2, f"{update_id}: no parked update has this id\n")
    assert (await command(database, "list")).stdout == ""
    await assert_answered_once(world)


async def test_the_next_bot_answers_updates_retried_while_none_ran(
    simulator: Simulator, database: DatabaseSettings, sessions: Sessions
):
    async with running_bot(simulator, database, sessions, max_update_attempts=2) as world:
        update_id = await park_one(world)

    [parked] = await retry(sessions, [update_id])

    assert (parked.update_id, parked.attempts, parked.not_retryable_reason) == (update_id, 2, None)
    async with running_bot(simulator, database, sessions) as world:
        await assert_answered_once(world)


async def test_an_update_retried_during_forget_is_erased_too(start: Start, sessions: Sessions):
    world = await start(max_update_attempts=2)
    update_id = await park_one(world)

    async with transaction(sessions) as forget:
        await forget.execute(text("SELECT FROM users FOR UPDATE"))
        giving_back = asyncio.create_task(retry(sessions, [update_id]))
        await eventually(lambda: somebody_waits(sessions))
        await forget.execute(text("UPDATE updates SET payload = NULL, user_key = NULL"))
        await forget.execute(text("DELETE FROM users"))

    with pytest.raises(StartupError, match="its payload was erased"):
        await giving_back


async def somebody_waits(sessions: Sessions) -> bool:
    """Whether a statement waits for a row of another transaction."""
    async with sessions() as session:
        waiting = await session.scalar(
            text(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
        )
    return bool(waiting)


async def put(sessions: Sessions, update_id: int, **columns: object) -> None:
    """A parked update; `columns` make it another."""
    values = {
        "bot_id": 7,
        "update_id": update_id,
        "kind": "message",
        "lane": b"a lane",
        "payload": b"sealed",
        "attempts": 5,
        "outcome": "parked",
        "error": "RuntimeError at take:1",
        "settled_at": datetime.now(UTC),
        **columns,
    }
    async with transaction(sessions) as session:
        await session.execute(
            text(
                f"INSERT INTO updates ({', '.join(values)})"
                f" VALUES ({', '.join(f':{name}' for name in values)})"
            ),
            values,
        )


async def snapshot(sessions: Sessions) -> list[object]:
    async with sessions() as session:
        return list(await session.execute(text("SELECT * FROM updates ORDER BY update_id, bot_id")))


@pytest.fixture
async def refused(sessions: Sessions) -> None:
    """One update for each reason not to give it back, and two that may be."""
    await put(sessions, 1, outcome="turn", payload=None)
    await put(sessions, 2, turn_id="00000000-0000-0000-0000-000000000001")
    await put(sessions, 3, kind="unreadable", attempts=0)
    await put(sessions, 4, payload=None)
    await put(sessions, 5)
    await put(sessions, 5, bot_id=8)
    await put(sessions, 6)


@pytest.mark.usefixtures("refused")
async def test_one_update_that_cannot_be_retried_leaves_all_parked(
    sessions: Sessions, database: DatabaseSettings
):
    before = await snapshot(sessions)

    outcome = await command(database, "retry", "6", *map(str, OBSTACLES))

    assert outcome.returncode == 2
    assert outcome.stdout == ""
    assert outcome.stderr.splitlines() == [f"{each}: {why}" for each, why in OBSTACLES.items()]
    assert await snapshot(sessions) == before


@pytest.mark.usefixtures("refused")
async def test_an_id_parked_by_two_bots_is_retried_for_the_named_one(sessions: Sessions):
    [given] = await retry(sessions, [5, 5], bot_id=8)

    assert given.bot_id == 8
    left = {(one.bot_id, one.update_id) for one in await list_parked(sessions)}
    assert left == {(7, update_id) for update_id in (2, 3, 4, 5, 6)}
    with pytest.raises(StartupError, match="6: no parked update has this id"):
        await retry(sessions, [6], bot_id=8)


@pytest.mark.parametrize("wrong", ["0x1", "-1", "٣", str(2**63), "1.5", ""])
def test_an_invalid_id_is_refused(wrong: str, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as ended:
        parse(["retry", "1", wrong])
    assert ended.value.code == 2
    assert capsys.readouterr().err


def test_a_parked_update_without_an_error_has_a_dash():
    when = datetime(2025, 3, 10, tzinfo=UTC)
    line = ParkedUpdate(7, 1, "message", when, 0, None, has_turn=False, has_payload=True).line()
    assert line == "7\t1\tmessage\t2025-03-10T00:00:00+00:00\t0\t-\tcan be retried"


async def test_parked_updates_are_found_by_an_index(engine: AsyncEngine):
    async with engine.begin() as connection:
        # The planner reads an empty table whole unless it may not.
        await connection.execute(text("SET LOCAL enable_seqscan = off"))
        query = PARKED.compile(connection, compile_kwargs={"literal_binds": True})
        plan = await connection.scalars(text(f"EXPLAIN {query}"))
        assert "ix_updates_parked" in "\n".join(plan)
