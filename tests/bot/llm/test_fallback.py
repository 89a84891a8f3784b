"""Faults of models: retries, the fallback model, partial answers."""

from __future__ import annotations

import asyncio
from typing import Any

from simulator.model.behaviour import ModelFault
from tests.bot.conftest import FALLBACK, MODEL, Start, World, group
from tests.bot.constants import BROKE_OFF


def model_fails(world: World, kind: Any, **more: Any) -> None:
    world.simulator.model.faults.add(ModelFault(kind=kind, model=MODEL, **more))


FAILURES: tuple[tuple[dict[str, Any], str], ...] = (
    ({"kind": "status", "status": 429, "retry_after": 0}, "rate_limited"),
    ({"kind": "status", "status": 503}, "server_error"),
    ({"kind": "html", "status": 502}, "server_error"),
    ({"kind": "disconnect", "after_chunks": 0}, "connection"),
    ({"kind": "malformed", "after_chunks": 0}, "malformed"),
    ({"kind": "error_event", "after_chunks": 0}, "server_error"),
    ({"kind": "cut", "after_chunks": 0}, "cut"),
    ({"kind": "moderation"}, "moderation"),
    ({"kind": "stall", "after_chunks": 0, "seconds": 90}, "timeout"),
    (
        {"kind": "status", "status": 400, "message": "maximum context length is 10 tokens"},
        "context_length",
    ),
)


async def test_the_fallback_answers_when_the_primary_fails(start: Start):
    # As long as a healthy fallback may need on a busy machine.
    world = await start(llm_first_token_seconds=3)
    world.simulator.model.set_behaviour(FALLBACK, answer="from the fallback")
    for person, (fault, cause) in enumerate(FAILURES, start=1):
        world.simulator.model.faults.clear()
        model_fails(world, **fault)

        said = await world.ask("hello", person=person, chat=person)
        assert said == "from the fallback", fault

        await world.settled()
        [*_, turn] = turns = await world.turns()
        assert len(turns) == person
        assert (turn.status, turn.fallback_cause) == ("answered", cause)
        assert (turn.model_asked, turn.model_used) == (MODEL, FALLBACK)
        calls = await world.rows(
            "SELECT model, outcome FROM llm_calls WHERE turn_id = :id ORDER BY attempt", id=turn.id
        )
        assert calls[-1] == (FALLBACK, "answered")
        assert all(call == (MODEL, cause) for call in calls[:-1])
        used = world.app.metrics.registry.get_sample_value("llm_fallback_used_total")
        assert used == person


async def test_the_fallback_is_asked_at_once_when_the_primary_asks_for_a_long_pause(start: Start):
    world = await start()
    model_fails(world, "status", status=429, retry_after=30)

    await world.ask("hello")

    turn = await world.only_turn()
    assert (turn.status, turn.fallback_cause) == ("answered", "rate_limited")
    calls = await world.rows("SELECT model, outcome FROM llm_calls ORDER BY attempt")
    assert calls == [(MODEL, "rate_limited"), (FALLBACK, "answered")]


async def test_a_short_pause_is_waited_out_and_the_same_model_asked_again(start: Start):
    world = await start()
    model_fails(world, "status", status=429, retry_after=1, times=1)

    await world.ask("hello")

    turn = await world.only_turn()
    assert (turn.status, turn.fallback_cause, turn.model_used) == ("answered", None, MODEL)


async def test_an_answer_that_a_filter_broke_off_is_incomplete(world: World):
    world.simulator.model.set_behaviour(MODEL, answer="one two", finish_reason="content_filter")

    await world.ask("count")

    assert BROKE_OFF in (await world.replies(2))[1]
    turn = await world.only_turn()
    assert (turn.status, turn.reason) == ("answered", "incomplete")
    assert turn.finish_reason == "content_filter"
    [call] = await world.rows("SELECT outcome FROM llm_calls")
    assert call.outcome == "incomplete"


async def test_when_every_model_fails_the_user_is_notified_in_their_language(world: World):
    world.simulator.model.faults.add(ModelFault(kind="status", status=500))

    reply = await world.ask("привет", language="ru")

    assert "не может ответить" in reply
    turn = await world.only_turn()
    assert (turn.status, turn.reason, turn.cost_usd) == ("failed", "server_error", None)
    assert len(world.simulator.calls) == 4


async def test_a_stream_cut_after_some_text_is_stored_as_incomplete_with_a_notice(
    world: World,
):
    world.simulator.model.set_behaviour(MODEL, answer="one two three four five six")
    model_fails(world, "cut", after_chunks=3)

    replies = [await world.ask("count")]
    replies = await world.replies(2)

    assert replies[0].startswith("one")
    assert BROKE_OFF in replies[1]
    turn = await world.only_turn()
    assert (turn.status, turn.reason, turn.finish_reason) == ("answered", "incomplete", None)
    assert turn.fallback_cause is None, "no other model after the first visible word"


async def test_a_total_deadline_holds_under_a_drip(start: Start):
    world = await start(llm_timeout_seconds=3)
    world.simulator.model.set_behaviour(MODEL, answer="word " * 500)
    model_fails(world, "drip", seconds=0.3, after_chunks=0)

    await world.ask("hello")

    turn = await world.only_turn()
    assert (turn.status, turn.reason) == ("answered", "incomplete")
    # No more than drips in so many seconds, by the clock that both go by: all would take 150.
    assert 0 < turn.answer_chars <= len("word ") * (3 / 0.3 + 2)


async def test_no_fault_leaves_a_turn_unfinished(start: Start):
    world = await start(llm_timeout_seconds=1.5, llm_first_token_seconds=0.7)
    kinds: tuple[Any, ...] = (
        "status", "html", "stall", "drip", "cut", "disconnect", "malformed", "error_event",
        "empty", "moderation", "no_done",
    )  # fmt: skip
    for number, kind in enumerate(kinds):
        world.simulator.model.faults.clear()
        world.simulator.model.faults.add(ModelFault(kind=kind, seconds=0.5))
        one, two = 2 * number + 1, 2 * number + 2

        await asyncio.gather(
            world.ask("one", person=one, chat=one), world.ask("two", person=two, chat=two)
        )

        await world.settled()
        turns = await world.turns()
        assert len(turns) == two
        assert {turn.status for turn in turns} <= {"answered", "failed"}, kind
        assert await world.rows("SELECT 1 FROM llm_calls WHERE outcome IS NULL") == [], kind


async def test_unknown_cost_is_null_and_never_zero(world: World):
    world.simulator.model.set_behaviour(MODEL, usage="none")
    await world.ask("hello")
    turn = await world.only_turn()
    assert (turn.cost_usd, turn.prompt_tokens) == (None, None)


async def test_a_private_stop_does_not_stop_a_turn_in_a_group(world: World):
    world.simulator.model.set_behaviour(MODEL, answer="word " * 20, token_seconds=0.02)
    name = world.simulator.account.username
    world.write(f"@{name} tell", chat=group(), person=5)
    world.write("/stop", person=5)

    await world.settled()

    assert [turn.status for turn in await world.turns()] == ["answered"]
