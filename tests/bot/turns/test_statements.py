"""Batched writes: none is lost, a bad one does not affect the others."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text

from bot.turns.question import QuestionMessage
from bot.turns.records import (
    ChatRef,
    OpenTurn,
    Question,
    UpdateConflictError,
)
from common.postgres import transaction
from common.vocabulary import ChatType
from tests.bot.conftest import MODEL, Start, World
from tests.bot.constants import WEBHOOK
from tests.bot.requests import text_update

PEOPLE = 10


@pytest.fixture
async def quiet(start: Start) -> World:
    """A bot that answers nothing, with a stored text of each of ten users."""
    world = await start(**WEBHOOK)
    world.app.chat_workers._accepts_work = False
    await world.app.inbox.store(
        [json.loads(text_update(number, person=number)) for number in range(1, PEOPLE + 1)]
    )
    return world


async def questions(world: World) -> list[Question]:
    people = await world.rows(
        "SELECT update_id, key, wrapped_key, telegram_hmac"
        " FROM updates JOIN users ON key = user_key ORDER BY 1"
    )
    return [
        Question(
            user_key=row.key, account_id=row.update_id,
        messages=(QuestionMessage("hello"),),
        update_ids=(row.update_id,),
            sealer=world.vault.user_sealer(row.wrapped_key, row.telegram_hmac),
            chat_ref=ChatRef(world.vault.lookup("chat", row.update_id), 0, ChatType.PRIVATE),
            received_at=datetime.now(UTC), sent_at=None, language="en",
        )
        for row in people
    ]  # fmt: skip


async def open_turn(world: World, question: Question) -> OpenTurn:
    ledger = world.app.ledger
    context = await world.app.history.load_context(
        question.user_key, question.sealer, question.chat_ref
    )
    return await ledger.open(question, context, model=MODEL)


async def count(world: World, table: str) -> int:
    [row] = await world.rows(f"SELECT count(*) AS rows FROM {table}")
    return int(row.rows)


async def test_turns_that_wait_are_written_together(quiet: World):
    sizes: list[int] = []
    statements = quiet.app.statements
    write_batch = statements.write_batch

    async def slow_and_counted(name: str, calls: list[Mapping[str, Any]]) -> list[Any]:
        sizes.append(len(calls))
        await asyncio.sleep(0.2)  # everyone else has come: what they need is there already
        return await write_batch(name, calls)

    statements.write_batch = slow_and_counted  # type: ignore[method-assign] # looks on

    ledger = quiet.app.ledger
    asked = await questions(quiet)
    contexts = [
        await quiet.app.history.load_context(each.user_key, each.sealer, each.chat_ref)
        for each in asked
    ]
    turns = await asyncio.gather(
        *(
            ledger.open(question, context, model=MODEL)
            for question, context in zip(asked, contexts, strict=True)
        )
    )

    assert sum(sizes) == len({turn.id for turn in turns}) == PEOPLE
    assert len(sizes) <= 3
    assert await count(quiet, "turns") == await count(quiet, "llm_calls") == PEOPLE


async def test_one_bad_write_fails_alone(quiet: World):
    asked = await questions(quiet)
    asked[4] = replace(asked[4], language="a character that no text may hold: \x00")

    ended = await asyncio.gather(
        *(open_turn(quiet, each) for each in asked), return_exceptions=True
    )

    assert [type(one) for one in ended].count(OpenTurn) == PEOPLE - 1
    assert isinstance(ended[4], asyncpg.PostgresError)
    assert await count(quiet, "turns") == PEOPLE - 1


async def test_cancelling_one_caller_does_not_affect_others(quiet: World):
    asked = await questions(quiet)
    tasks = [asyncio.create_task(open_turn(quiet, each)) for each in asked]
    await asyncio.sleep(0)
    tasks[0].cancel()

    ended = await asyncio.gather(*tasks[1:])

    assert len(ended) == PEOPLE - 1


async def test_a_turn_gets_all_its_updates_or_writes_nothing(quiet: World):
    [first, second, *_] = await questions(quiet)
    await open_turn(quiet, second)
    torn = replace(first, update_ids=(*first.update_ids, *second.update_ids))

    with pytest.raises(UpdateConflictError):
        await open_turn(quiet, torn)

    for table in ("turns", "llm_calls", "messages", "dialogs"):
        assert await count(quiet, table) == 1, table
    await open_turn(quiet, first)


async def test_a_turn_of_an_erased_user_writes_nothing(quiet: World):
    [first, *_] = await questions(quiet)
    context = await quiet.app.history.load_context(first.user_key, first.sealer, first.chat_ref)
    async with transaction(quiet.sessions) as session:
        await session.execute(text("DELETE FROM users"))

    with pytest.raises(UpdateConflictError):
        await quiet.app.ledger.open(first, context, model=MODEL)

    assert await count(quiet, "turns") == await count(quiet, "llm_calls") == 0
