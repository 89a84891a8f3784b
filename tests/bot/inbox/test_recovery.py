"""Turns that a stopped process leaves behind."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from bot.db.retry import retry_write
from bot.llm.completion import CallReport, Completion, Usage
from bot.telegram.updates import Chat
from bot.turns.ledger import Ledger
from bot.turns.question import QuestionMessage
from bot.turns.records import (
    ChatRef,
    OpenTurn,
    Question,
    TurnOutcome,
    UpdateConflictError,
)
from common.postgres import is_transient, transaction
from common.vocabulary import ChatType, TurnStatus
from tests.bot.conftest import FALLBACK, MODEL, Start, World
from tests.bot.constants import BROKE_OFF, WEBHOOK
from tests.bot.requests import all_settled, text_update
from tests.running import eventually


@pytest.fixture
async def quiet(start: Start) -> World:
    """A bot that polls nothing and whose chat workers do not run."""
    world = await start(**WEBHOOK)
    world.app.chat_workers._accepts_work = False
    return world


FIRST_TOKEN_AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


async def leave_behind(
    world: World,
    *,
    answer: str | None,
    outcome: str = "answered",
    finish_reason: str = "stop",
    fallback: str | None = None,
) -> OpenTurn:
    """The state after a kill: a stored update whose turn is open, maybe with its answer."""
    await world.app.inbox.store([json.loads(text_update(1))])
    [update] = await world.updates()
    [person] = await world.rows("SELECT key FROM users")
    sealer = await world.sealer()
    question = Question(
        user_key=person.key, account_id=1001, sealer=sealer,
        messages=(QuestionMessage("hello"),),
        update_ids=(1,),
        chat_ref=ChatRef(world.vault.lookup("chat", 1001), 0, ChatType.PRIVATE),
        received_at=update.received_at, sent_at=datetime.now(UTC), language="en",
    )  # fmt: skip
    ledger = world.app.ledger
    context = await world.app.history.load_context(person.key, sealer, question.chat_ref)
    turn = await ledger.open(question, context, model=MODEL)
    if answer:
        if fallback:
            turn = await ledger.next_attempt(
                turn, outcome="rate_limited", report=CallReport(), model=fallback
            )
        report = CallReport(
            MODEL, finish_reason, Usage(prompt_tokens=3), first_token_at=FIRST_TOKEN_AT
        )
        completion = Completion(answer, report)
        await ledger.record_answer(turn, completion, outcome=outcome)
        await ledger.record_answer(turn, completion, outcome=outcome)
    return turn


def resume(world: World) -> None:
    world.app.chat_workers._accepts_work = True


async def test_a_call_without_an_outcome_is_never_repeated_and_the_user_notified(quiet: World):
    await leave_behind(quiet, answer=None)
    resume(quiet)

    assert "restarted" in (await quiet.replies(1))[0]

    await eventually(lambda: all_settled(quiet, 1))
    [turn] = await quiet.turns()
    assert (turn.status, turn.reason) == ("failed", "interrupted")
    [call] = await quiet.rows("SELECT outcome, is_unpriced FROM llm_calls")
    assert (call.outcome, call.is_unpriced, turn.unpriced_calls) == ("interrupted", True, 1)
    assert len(quiet.simulator.calls) == 0


@pytest.mark.parametrize(
    ("outcome", "finish_reason", "status", "reason", "notice"),
    [
        ("answered", "stop", "answered", None, None),
        ("answered", "length", "answered", "length", "length limit"),
        ("incomplete", "stop", "answered", "incomplete", BROKE_OFF),
        ("cancelled", "stop", "cancelled", "cancelled", "Stopped"),
    ],
)
async def test_an_answer_that_was_kept_is_delivered_after_the_restart(
    quiet: World,
    *,
    outcome: str,
    finish_reason: str,
    status: str,
    reason: str | None,
    notice: str | None,
):
    await leave_behind(
        quiet, answer="the kept answer", outcome=outcome, finish_reason=finish_reason
    )
    resume(quiet)

    await eventually(lambda: all_settled(quiet, 1))

    replies = await quiet.replies(1)
    assert replies[0] == "the kept answer"
    assert (notice or "") in replies[-1]
    [turn] = await quiet.turns()
    assert (turn.status, turn.reason, turn.prompt_tokens) == (status, reason, 3)
    assert (turn.first_token_at, turn.finish_reason) == (FIRST_TOKEN_AT, finish_reason)
    assert len(quiet.simulator.calls) == 0


async def test_a_restart_keeps_the_fallback_cause(quiet: World):
    await leave_behind(quiet, answer="the fallback's answer", fallback=FALLBACK)
    resume(quiet)

    await eventually(lambda: all_settled(quiet, 1))

    [turn] = await quiet.turns()
    assert (turn.status, turn.fallback_cause) == ("answered", "rate_limited")


async def test_a_turn_finished_before_the_kill_is_not_answered_again(quiet: World):
    turn = await leave_behind(quiet, answer="said already")
    await quiet.app.ledger.finish(turn.id, [], TurnOutcome(TurnStatus.ANSWERED))
    resume(quiet)

    await eventually(lambda: all_settled(quiet, 1))

    assert quiet.simulator.counters.messages_sent == 0
    assert [update.outcome for update in await quiet.updates()] == ["turn"]


async def test_a_turn_is_finished_once(quiet: World):
    turn = await leave_behind(quiet, answer="x")
    ledger = quiet.app.ledger
    await ledger.finish(turn.id, [1], TurnOutcome(TurnStatus.ANSWERED))
    await ledger.finish(turn.id, [1], TurnOutcome(TurnStatus.FAILED, reason="late"))
    [row] = await quiet.turns()
    assert (row.status, row.reason) == ("answered", None)
    with pytest.raises(UpdateConflictError):
        await ledger.next_attempt(turn, outcome="timeout", report=CallReport(), model=MODEL)


async def test_an_update_belongs_to_one_turn(quiet: World):
    turn = await leave_behind(quiet, answer=None)
    ledger: Ledger = quiet.app.ledger
    question = turn.question
    context = await quiet.app.history.load_context(
        question.user_key, question.sealer, question.chat_ref
    )
    with pytest.raises(UpdateConflictError):
        await ledger.open(question, context, model=MODEL)
    assert len(await quiet.turns()) == 1


async def test_a_turn_of_an_erased_user_ends_cancelled(quiet: World):
    await leave_behind(quiet, answer=None)
    async with transaction(quiet.sessions) as session:
        await session.execute(text("DELETE FROM users"))
    resume(quiet)

    await eventually(lambda: all_settled(quiet, 1))

    [turn] = await quiet.turns()
    assert (turn.status, turn.reason) == ("cancelled", "erased")


async def test_a_turn_whose_delivery_always_fails_is_parked_and_finished(quiet: World):
    await leave_behind(quiet, answer="cannot be rendered")

    async def break_down(*_arguments: object) -> None:
        raise LookupError

    quiet.app.turns.resume = break_down  # type: ignore[assignment,method-assign] # a bug on purpose
    resume(quiet)

    await eventually(lambda: all_settled(quiet, 1))

    assert [update.outcome for update in await quiet.updates()] == ["parked"]
    [turn] = await quiet.turns()
    assert (turn.status, turn.reason) == ("failed", "parked")


async def test_a_replica_that_lost_its_locks_takes_them_again(world: World):
    world.simulator.model.set_behaviour(MODEL, first_token_seconds=1.5)
    world.write("hello")
    await world.until(lambda: len(world.simulator.calls) == 1)
    await world.rows(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name = 'bot-lanes' AND datname = current_database()"
    )

    await world.replies(1)

    await world.settled()
    [turn] = await world.turns()
    assert turn.status == "answered"
    assert len(world.simulator.calls) == 1
    await world.ask("and again")


async def test_a_failed_part_ends_the_process(world: World):
    async def fail() -> None:
        raise LookupError("a part")

    world.app.parts.begin("a part", fail())
    await asyncio.wait_for(world.app.parts.broken.wait(), 60)


# Writes while the database is unavailable


class _DriverError(Exception):
    sqlstate: Any = None


def dbapi_error(state: str | None, kind: type[DBAPIError] = DBAPIError) -> DBAPIError:
    cause = _DriverError()
    cause.sqlstate = state
    return kind("SELECT 1", {}, cause)


async def test_a_write_is_repeated_while_the_database_is_transient():
    failures = [ConnectionRefusedError(), dbapi_error("57P01"), dbapi_error("08006")]

    async def write() -> str:
        if failures:
            raise failures.pop()
        return "written"

    assert await retry_write(write) == "written"


async def test_a_write_that_is_wrong_is_not_repeated():
    tries = []

    async def write() -> None:
        tries.append(1)
        raise dbapi_error("23505", IntegrityError)

    with pytest.raises(IntegrityError):
        await retry_write(write)
    assert len(tries) == 1


async def test_a_write_is_given_up_in_the_end():
    async def write() -> None:
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await retry_write(write, seconds=0.05)


def test_only_transient_errors_count_as_unavailable():
    assert is_transient(PoolTimeoutError())
    assert is_transient(dbapi_error(None))
    assert not is_transient(dbapi_error("22021"))
    assert not is_transient(ValueError())


def test_a_chat_knows_whether_it_is_private():
    assert Chat(1, 0, ChatType.PRIVATE).is_private
    assert not Chat(-1, 0, ChatType.GROUP).is_private
