"""Users do not affect each other: commands are limited, a large export delays no one."""

from __future__ import annotations

import asyncio
import gc
import time
from uuid import uuid4

import orjson
import pytest
from sqlalchemy import insert

from bot.db.tables import LlmCall, MessageRow, Turn
from bot.users.export import UserExport
from bot.users.repository import User
from common.encryption import bindings
from common.postgres import transaction
from tests.bot.conftest import Start, World

MAX_HOLD_SECONDS = 0.050
TICK_SECONDS = 0.010


async def test_commands_have_a_rate_limit_and_one_notice(start: Start):
    world = await start(command_limit_per_minute=3, admin_ids="9")
    for _ in range(20):
        world.write("/help")
    world.write("/nothing")
    updates = await world.settled()
    assert [update.outcome for update in updates] == ["command"] * 3 + ["ignored"] * 18
    assert {update.error for update in updates[3:]} == {"rate_limit"}
    texts = world.simulator.account.sent_log.texts(1001)
    assert len(texts) == 4
    assert "Too many commands" in texts[-1]
    assert "no answer to stop" in await world.ask("/stop")
    for _ in range(4):
        assert "/help" in await world.ask("/help", person=9, chat=9)


@pytest.mark.parametrize("many", [6_000, pytest.param(20_000, marks=pytest.mark.long)])
async def test_an_export_of_many_messages_delays_no_one(world: World, many: int):
    await world.ask("hello")
    await world.settled()
    person = await fill(world, many)
    content, longest = await longest_hold(world, person)
    assert longest <= MAX_HOLD_SECONDS
    exported = orjson.loads(content)
    assert len(exported["messages"]) == many + 2
    assert exported["messages"][-1]["text"] == "a text of usual length " * 10
    assert len(exported["turns"]) == many // 2 + 1
    assert all(len(turn["attempts"]) == 1 for turn in exported["turns"])


async def longest_hold(world: World, person: User) -> tuple[bytes, float]:
    """An export, and the longest time that it worked while nothing else could happen.

    Of this thread's processor time: what other programs of a busy machine do meanwhile is not it.
    """
    holds = []

    async def tick() -> None:
        while True:
            before = time.thread_time()
            await asyncio.sleep(TICK_SECONDS)
            holds.append(time.thread_time() - before)

    # Keep the garbage collector away from the test suite's own objects.
    gc.collect()
    gc.freeze()
    ticker = asyncio.create_task(tick())
    content, _ = await UserExport(sessions=world.sessions).as_json(person)
    ticker.cancel()
    gc.unfreeze()
    return content, max(holds)


async def fill(world: World, many: int) -> User:
    """Give the user this many messages."""
    [row] = await world.rows("SELECT key FROM users")
    [turn] = await world.turns()
    person = User(row.key, await world.sealer())
    ids = [uuid4() for _ in range(many // 2)]
    columns = {
        column.key: getattr(turn, column.key)
        for column in Turn.__table__.columns
        if column.key not in {"id", "version"}
    }
    async with transaction(world.sessions) as session:
        await session.execute(insert(Turn), [{**columns, "id": each} for each in ids])
        await session.execute(
            insert(LlmCall),
            [{"id": uuid4(), "turn_id": each, "attempt": 1, "model": "m"} for each in ids],
        )
        await session.execute(
            insert(MessageRow),
            [
                {
                    "id": message_id, "user_key": person.key, "dialog_id": turn.dialog_id,
                    "turn_id": each, "role": role, "content_length": 230,
                    "content": person.sealer.seal_text(
                        "a text of usual length " * 10, bindings.text(message_id, turn.dialog_id)
                    ),
                }
                for each in ids
                for role, message_id in (("user", uuid4()), ("assistant", uuid4()))
            ],
        )  # fmt: skip
    return person
