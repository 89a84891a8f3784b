"""Every stated cost is in the ledger, whatever the outcome of the call."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any, get_args

import pytest

from simulator.app import Simulator
from simulator.model.behaviour import ModelFault
from tests.bot.conftest import FALLBACK, MODEL, Start, World
from tests.bot.handlers.test_commands_data import caption

# Budgets are of a day and of a month.
pytestmark = pytest.mark.usefixtures("one_day")

THOUGHT = (
    {"choices": [{"index": 0, "delta": {"role": "assistant", "reasoning": "hm"}}]},
    {"choices": [{"index": 0, "delta": {}, "finish_reason": "length"}]},
    {"choices": [], "usage": {"prompt_tokens": 200, "completion_tokens": 2048, "cost": 0.02}},
)
STATED = ("thinking", "refusal", "filtered", "tool_calls", "blank", "images", "parts", "empty",
          "error_paid", "cut_paid", "stall_paid", "whole", "malformed")  # fmt: skip


def events(*chunks: Any, done: bool = True) -> tuple[str, ...]:
    """Lines of a stream."""
    lines = [line for chunk in chunks for line in (f"data: {json.dumps(chunk)}", "")]
    return (*lines, *(("data: [DONE]", "") if done else ()))


def answers_with(simulator: Simulator, lines: Sequence[str], **more: Any) -> None:
    simulator.model.faults.add(ModelFault(kind="script", lines=tuple(lines), **more))


async def one_turn(world: World) -> Any:
    await world.settled()
    return (await world.turns())[-1]


async def calls(world: World) -> list[Any]:
    return await world.rows(
        "SELECT c.* FROM llm_calls AS c JOIN turns AS t ON t.id = turn_id"
        " ORDER BY t.received_at, attempt"
    )


async def test_answers_used_up_by_thinking_count_towards_the_budget_and_usage(start: Start):
    world = await start(daily_usd_limit="0.05", llm_fallback_model=None)
    answers_with(world.simulator, events(*THOUGHT))

    replies = [await world.ask("hello") for _ in range(4)]
    for _ in range(2):  # refused in silence: one notice is enough for several
        world.write("hello")
    await world.settled()

    turns = [turn for turn in await world.turns() if turn.status != "pending"]
    assert [turn.status for turn in turns] == ["failed"] * 3 + ["rejected"] * 3
    assert {turn.reason for turn in turns[3:]} == {"daily_usd"}
    for turn in turns[:3]:
        assert (turn.reason, turn.model_used, turn.finish_reason) == ("empty", None, "length")
        assert (turn.cost_usd, turn.prompt_tokens, turn.completion_tokens) == (
            Decimal("0.02"), 200, 2048,
        )  # fmt: skip
        assert turn.unpriced_calls == 0
    for call in await calls(world):
        assert (call.outcome, call.finish_reason, call.cost_usd) == (
            "empty", "length", Decimal("0.02"),
        )  # fmt: skip
    assert "thinking" in replies[0]
    said = await caption(world)
    assert "cost $0.06" in said
    assert "Budget left today: $0.00 of $0.05" in said


async def test_whatever_the_outcome_the_stated_cost_is_counted(start: Start):
    world = await start(
        daily_usd_limit="1", llm_fallback_model=None, llm_attempts=1, llm_first_token_seconds=3
    )
    world.simulator.model.set_behaviour(MODEL, answers_as="sim/primary-2", reasoning_tokens=5)
    for person, kind in enumerate(STATED, start=1):
        await assert_counted(world, kind, person)


async def assert_counted(world: World, kind: Any, person: int) -> None:
    faults = world.simulator.model.faults
    faults.clear()
    faults.add(ModelFault(kind=kind, cost=0.0123456789, seconds=60, after_chunks=1))

    await world.ask("hello", person=person, chat=person)

    turn = await one_turn(world)
    [*_, call] = every = await calls(world)
    assert (len(every), call.turn_id) == (person, turn.id)
    assert call.cost_usd == turn.cost_usd == Decimal("0.0123456789")
    assert (call.prompt_tokens, call.completion_tokens) == (
        turn.prompt_tokens, turn.completion_tokens,
    )  # fmt: skip
    assert call.prompt_tokens > 0
    assert call.reasoning_tokens == turn.reasoning_tokens > 0
    assert call.cached_tokens == turn.cached_tokens == 0
    assert (call.model_used, call.is_unpriced, turn.unpriced_calls) == ("sim/primary-2", False, 0)
    assert call.http_status == 200
    assert call.generation_id.startswith("gen-")
    is_answered = kind in {"refusal", "parts", "whole", "malformed"}
    assert turn.model_used == ("sim/primary-2" if is_answered else None)
    if kind not in {"cut_paid", "stall_paid", "error_paid"}:
        assert call.finish_reason is not None
    spending = await world.app.policy.spending(turn.user_key)
    assert spending.day_usd == spending.month_usd == Decimal("0.0123456789")


async def test_a_turn_costs_what_all_its_attempts_cost(start: Start):
    world = await start(llm_attempts=2)
    world.simulator.model.faults.add(ModelFault(kind="cut_paid", model=MODEL, cost=0.01))
    world.simulator.model.set_behaviour(FALLBACK, cost=0.0000000003, answers_as="sim/other")

    await world.ask("hello")

    turn = await one_turn(world)
    attempts = await calls(world)
    assert [(call.model, call.outcome) for call in attempts] == [
        (MODEL, "cut"), (MODEL, "cut"), (FALLBACK, "answered"),
    ]  # fmt: skip
    assert turn.cost_usd == sum(call.cost_usd for call in attempts) == Decimal("0.0200000003")
    assert turn.prompt_tokens == sum(call.prompt_tokens for call in attempts)
    assert (turn.model_used, turn.unpriced_calls) == ("sim/other", 0)
    # Both attempts of the model that failed, until the other one was asked.
    lost = attempts[-1].started_at - attempts[0].started_at
    assert turn.fallback_cost_usd == Decimal("0.02")
    assert turn.fallback_wait_ms == pytest.approx(lost / timedelta(milliseconds=1), abs=1)
    assert turn.fallback_wait_ms > 0


async def test_what_is_repeated_with_the_same_model_is_no_fallback(start: Start):
    world = await start(llm_attempts=2)
    world.simulator.model.faults.add(ModelFault(kind="cut_paid", model=MODEL, cost=0.01, times=1))
    world.simulator.model.set_behaviour(MODEL, answer="a b c d", token_seconds=0.1)

    await world.ask("hello")

    turn = await one_turn(world)
    attempts = await calls(world)
    assert [call.model for call in attempts] == [MODEL, MODEL]
    assert (turn.fallback_wait_ms, turn.fallback_cost_usd) == (0, None)
    # The tokens of the answer, not those of the attempt before it.
    assert turn.generated_tokens == attempts[-1].completion_tokens > 0
    assert turn.generation_ms >= 100
    took = attempts[-1].ended_at - attempts[-1].started_at
    assert turn.generation_ms <= took / timedelta(milliseconds=1)


async def test_the_pace_of_an_answer_is_unknown_without_its_tokens_or_pieces(start: Start):
    world = await start()
    world.simulator.model.set_behaviour(MODEL, answer="a b c d", usage="none", token_seconds=0.01)
    await world.ask("hello")
    first = await one_turn(world)
    world.simulator.model.set_behaviour(MODEL, answer="a b c d")
    world.simulator.model.faults.add(ModelFault(kind="whole"))
    await world.ask("hello", person=2, chat=2)
    second = await one_turn(world)
    assert second.completion_tokens > 0
    for turn in (first, second):
        assert (turn.status, turn.generation_ms, turn.generated_tokens) == ("answered", 0, 0)


UNSTATED: tuple[tuple[dict[str, Any], int], ...] = (
    ({"kind": "status", "status": 400}, 0),
    ({"kind": "status", "status": 429}, 0),
    ({"kind": "moderation"}, 0),
    ({"kind": "status", "status": 500}, 1),
    ({"kind": "html", "status": 502}, 1),
    ({"kind": "stall", "seconds": 60, "after_chunks": 0}, 1),
    ({"kind": "cut", "after_chunks": 0}, 1),
    ({"kind": "disconnect", "after_chunks": 0}, 1),
    ({"kind": "error_event", "after_chunks": 0}, 1),
    ({"kind": "error_event", "after_chunks": 1, "status": 429}, 1),
    ({"kind": "empty"}, 1),
    ({"kind": "script", "lines": ["<html>"]}, 1),
)


async def test_an_attempt_that_was_sent_without_a_stated_cost_is_unpriced(start: Start):
    world = await start(llm_fallback_model=None, llm_attempts=1, llm_first_token_seconds=3)
    world.simulator.model.set_behaviour(MODEL, usage="none")
    for person, (fault, unpriced) in enumerate(UNSTATED, start=1):
        world.simulator.model.faults.clear()
        world.simulator.model.faults.add(ModelFault(**fault))

        await world.ask("hello", person=person, chat=person)

        turn = await one_turn(world)
        [*_, call] = every = await calls(world)
        assert (len(every), call.turn_id) == (person, turn.id)
        assert (call.is_unpriced, call.cost_usd) == (bool(unpriced), None), fault
        assert (turn.unpriced_calls, turn.cost_usd) == (unpriced, None), fault


async def test_a_connection_that_was_never_made_cost_nothing(start: Start):
    world = await start(llm_fallback_model=None, openrouter_base_url="http://127.0.0.1:9/v1")

    await world.ask("hello")

    turn = await one_turn(world)
    assert (turn.status, turn.reason, turn.unpriced_calls) == ("failed", "connection", 0)
    assert {call.is_unpriced for call in await calls(world)} == {False}
    assert {call.http_status for call in await calls(world)} == {None}


@pytest.mark.parametrize("has_text", [True, False])
async def test_a_cost_stated_before_the_stop_is_counted(start: Start, *, has_text: bool):
    world = await start(daily_usd_limit="1")
    text = [{"choices": [{"delta": {"content": "as far as this " * 3}}]}] if has_text else []
    paid = [{"choices": [], "model": MODEL, "usage": {"prompt_tokens": 7, "cost": 0.3}}]
    lines = [*events(*text, *paid, done=False), *([": PROCESSING"] * 1000)]
    answers_with(world.simulator, lines, line_seconds=0.02)
    world.write("hello")
    sent_log = world.simulator.account.sent_log
    await world.until(lambda: sent_log.records(kind="draft" if has_text else "action"))
    await world.until(lambda: len(world.simulator.calls) == 1)
    # The usage is among the first of many lines: those pauses end beside as many of these.
    for _ in range(50):
        await asyncio.sleep(0.02)

    world.write("/stop")

    turn = await one_turn(world)
    [call] = await calls(world)
    assert (turn.status, call.outcome) == ("cancelled", "cancelled")
    assert turn.cost_usd == call.cost_usd == Decimal("0.3")
    assert turn.unpriced_calls == 0
    assert turn.model_used == (MODEL if has_text else None)


async def test_usage_budgets_and_calls_agree_when_a_third_of_the_calls_fail(start: Start):
    world = await start(
        daily_usd_limit="1000",
        monthly_usd_limit="1000",
        # A call that a busy machine holds up must not run into it: its cost would be unknown.
        llm_first_token_seconds=30,
        llm_attempts=2,
    )
    costly = [kind for kind in STATED if kind not in {"parts", "whole", "refusal"}]
    for number, kind in enumerate(costly):
        world.simulator.model.faults.add(
            ModelFault(kind=kind, cost=f"0.{number + 1:02}00000007", seconds=0.2, probability=0.05)
        )
    people = range(1, 7)
    for _ in range(10):
        for person in people:
            world.write("hello", person=person)

    await world.settled(seconds=120)

    [ledger] = await world.rows(
        "SELECT count(*) AS calls, count(*) FILTER (WHERE outcome <> 'answered') AS failed,"
        " sum(cost_usd) AS cost, count(*) FILTER (WHERE is_unpriced) AS unpriced FROM llm_calls"
    )
    assert ledger.failed > ledger.calls / 5
    assert ledger.unpriced == 0
    stated = sum(Decimal(str(call.cost)) for call in world.simulator.calls)
    assert ledger.cost == stated
    turns = await world.turns()
    assert sum(turn.cost_usd for turn in turns) == ledger.cost
    assert sum(turn.unpriced_calls for turn in turns) == 0
    spent = Decimal(0)
    for person in {turn.user_key for turn in turns}:
        spending = await world.app.policy.spending(person)
        own = sum(turn.cost_usd for turn in turns if turn.user_key == person)
        assert spending.day_usd == spending.month_usd == own
        spent += spending.day_usd
    assert spent == ledger.cost


def test_every_fault_of_the_simulator_with_a_stated_cost_is_tried() -> None:
    kinds = get_args(ModelFault.model_fields["kind"].annotation)
    unstated = {"status", "html", "stall", "drip", "cut", "disconnect", "error_event",
                "moderation", "no_done", "script"}  # fmt: skip
    assert set(kinds) == set(STATED) | unstated
