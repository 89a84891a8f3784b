"""Responses of models and providers, and what user, operator and ledger see of them."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from common.encryption import bindings
from common.postgres import transaction
from simulator.model.behaviour import ModelFault
from tests.bot.conftest import FALLBACK, MODEL, Start, World
from tests.bot.handlers.test_commands import press_forget
from tests.bot.turns.test_costs import (
    answers_with,
    calls,
    events,
    one_turn,
)

STOP = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
HOUR = 3600


def content(*parts: str) -> list[dict[str, Any]]:
    return [{"choices": [{"index": 0, "delta": {"content": part}}]} for part in parts]


@pytest.fixture
def bodies(world: World) -> list[dict[str, Any]]:
    """Everything that the bot asks the model from now on."""
    return watched(world)


def watched(world: World) -> list[dict[str, Any]]:
    seen: list[dict[str, Any]] = []
    body = world.app.model._body

    def remembered(*arguments: Any) -> dict[str, Any]:
        seen.append(body(*arguments))
        return seen[-1]

    world.app.model._body = remembered  # type: ignore[method-assign] # looks on
    return seen


async def stored(world: World) -> list[str]:
    """The texts of the dialog, in order."""
    rows = await world.rows(
        "SELECT id, dialog_id, content, wrapped_key, telegram_hmac"
        " FROM messages JOIN users ON key = user_key ORDER BY messages.created_at"
    )
    return [
        world.vault.user_sealer(row.wrapped_key, row.telegram_hmac).open_text(
            row.content, bindings.text(row.id, row.dialog_id)
        )
        for row in rows
    ]


async def test_thinking_is_not_in_answers_previews_or_the_history(
    world: World, bodies: list[dict[str, Any]]
):
    parts = ["<th", "ink>sec", "ret</thi", "nk>\n\nThe ", "answer ", "is two."]
    reasoning = {"choices": [{"index": 0, "delta": {"reasoning": "secret"}}]}
    answers_with(world.simulator, events(reasoning, *content(*parts), STOP), line_seconds=0.05)

    assert await world.ask("one and one?") == "The answer is two."

    await world.ask("and now?")
    await world.settled()
    shown = [record.text or "" for record in world.simulator.account.sent_log.records()]
    assert not any("secret" in one or "think" in one for one in shown)
    assert "secret" not in json.dumps(bodies)
    assert await stored(world) == [
        "one and one?", "The answer is two.", "and now?", "The answer is two.",
    ]  # fmt: skip


async def test_thinking_without_an_end_is_folded_and_not_in_the_history(
    world: World, bodies: list[dict[str, Any]]
):
    answers_with(
        world.simulator, events(*content("<thi", "nk>one and", " one is two"), STOP), times=1
    )

    assert await world.ask("one and one?") == "one and one is two"

    [sent] = world.simulator.account.sent_log.records(kind="message")
    assert [entity["type"] for entity in sent.entities or []] == ["expandable_blockquote"]
    turn = await one_turn(world)
    assert (turn.status, turn.answer_parts) == ("answered", 1)
    await world.ask("and now?")
    assert "one is two" not in json.dumps(bodies)
    assert [one["role"] for one in bodies[-1]["messages"]] == ["system", "user"]


async def test_a_split_character_arrives_whole(world: World):
    answers_with(world.simulator, [
        r'data: {"choices":[{"index":0,"delta":{"content":"Hi \ud83d"}}]}', "",
        r'data: {"choices":[{"index":0,"delta":{"content":"\ude00"}}]}', "",
        *events(STOP),
    ])  # fmt: skip
    assert await world.ask("hello") == "Hi 😀"


async def test_done_without_a_finish_reason_is_a_whole_answer(world: World):
    answers_with(world.simulator, events(*content("All of it.")))

    assert await world.ask("hello") == "All of it."

    turn = await one_turn(world)
    assert (turn.status, turn.reason) == ("answered", None)
    assert len(world.simulator.account.sent_log.texts(1001)) == 1


async def test_a_refusal_is_shown_and_recorded(world: World):
    world.simulator.model.faults.add(ModelFault(kind="refusal"))

    assert await world.ask("hello") == "I cannot help with that."

    turn = await one_turn(world)
    [call] = await calls(world)
    assert (turn.status, turn.reason, call.outcome) == ("answered", "refusal", "refused")
    assert turn.model_used == MODEL


@pytest.mark.parametrize("kind", ["whole", "parts"])
async def test_an_answer_in_another_shape_is_read(world: World, kind: Any):
    world.simulator.model.set_behaviour(MODEL, answer="one two three")
    world.simulator.model.faults.add(ModelFault(kind=kind))

    assert await world.ask("count") == "one two three"

    turn = await one_turn(world)
    assert (turn.status, turn.reason, turn.finish_reason) == ("answered", None, "stop")
    assert turn.first_token_at is not None


async def test_an_error_as_json_under_200_is_understood(start: Start):
    world = await start()
    lines = [json.dumps({"error": {"code": 429, "message": "slow down"}}, indent=1)]
    answers_with(world.simulator, lines, model=MODEL)

    await world.ask("hello")

    turn = await one_turn(world)
    assert (turn.status, turn.fallback_cause, turn.unpriced_calls) == (
        "answered", "rate_limited", 0,
    )  # fmt: skip
    assert [call.outcome for call in await calls(world)][-1] == "answered"


@pytest.mark.parametrize("sign", [
    ": PROCESSING",
    'data: {"choices":[{"index":0,"delta":{"content":"","reasoning":"hm"}}]}',
    'data: {"choices":[{"index":0,"delta":{"reasoning_details":[{"type":"reasoning.text"}]}}]}',
])  # fmt: skip
async def test_a_sign_of_life_is_no_silence(start: Start, sign: str):
    # Longer than silence may last in all, and a tenth of it between two signs.
    world = await start(llm_first_token_seconds=2, llm_attempts=1, llm_fallback_model=None)
    lines = [line for _ in range(13) for line in (sign, "")]
    answers_with(world.simulator, [*lines, *events(*content("At last."), STOP)], line_seconds=0.1)
    assert await world.ask("hello") == "At last."


async def test_silence_after_a_sign_of_life_is_a_timeout(start: Start):
    world = await start(llm_first_token_seconds=2, llm_attempts=1)
    world.simulator.model.set_behaviour(FALLBACK, answer="from the fallback")
    answers_with(world.simulator, [": PROCESSING", "", "data: x"], line_seconds=30, model=MODEL)

    assert await world.ask("hello") == "from the fallback"
    assert (await one_turn(world)).fallback_cause == "timeout"


async def test_an_answer_eaten_by_thinking_says_so_and_the_next_one_has_room(start: Start):
    world = await start(llm_max_tokens=100, llm_reasoning_tokens=900, llm_fallback_model=None)
    seen = watched(world)
    world.simulator.model.faults.add(ModelFault(kind="thinking", times=1))

    assert "by thinking" in await world.ask("hello")
    await world.ask("hello")

    assert [body["max_tokens"] for body in seen] == [100, 1000]
    assert [body.get("reasoning") for body in seen] == [None, {"max_tokens": 900}]
    assert (await one_turn(world)).status == "answered"


async def test_a_model_that_was_seen_thinking_has_room_after_a_restart_too(start: Start):
    first = await start(llm_fallback_model=None)
    first.simulator.model.faults.add(ModelFault(kind="thinking", times=1))
    await first.ask("hello")
    await first.settled()

    second = await start()

    assert second.app.model.max_answer_tokens(MODEL) == 2048 + 4096
    assert second.app.model.max_answer_tokens(FALLBACK) == 2048


async def test_a_refused_parameter_is_left_out_at_once_and_remembered(start: Start):
    world = await start(llm_temperature=0.5, llm_attempts=1, llm_fallback_model=None)
    seen = watched(world)
    world.simulator.model.set_behaviour(MODEL, refuses=("max_tokens", "temperature"))

    await world.ask("hello")
    await world.ask("again")

    await world.settled()
    assert [turn.status for turn in await world.turns()] == ["answered"] * 2
    assert [call.outcome for call in await calls(world)] == [
        "bad_request", "bad_request", "answered", "answered",
    ]  # fmt: skip
    assert "max_completion_tokens" in seen[-1]
    assert not {"max_tokens", "temperature"} & set(seen[-1])
    assert [turn.unpriced_calls for turn in await world.turns()] == [0, 0]


async def test_consecutive_messages_of_one_role_are_joined(start: Start):
    world = await start(llm_fallback_model=None, llm_attempts=1)
    seen = watched(world)
    world.simulator.model.faults.add(ModelFault(kind="status", times=2))
    for words in ("one", "two", "three"):
        await world.ask(words)
    await world.ask("four")

    for body in seen:
        roles = [message["role"] for message in body["messages"]]
        assert all(first != second for first, second in itertools.pairwise(roles))
    assert seen[2]["messages"][1]["content"] == "one\n\ntwo\n\nthree"
    assert seen[3]["messages"][-1]["content"] == "four"


async def test_the_operator_can_look_up_the_cause(start: Start):
    world = await start(llm_fallback_model=None)
    message = "Insufficient credits " + "x" * 400
    world.simulator.model.faults.add(ModelFault(kind="status", status=402, message=message))

    with capture_logs() as logs:
        await world.ask("hello")
        await world.settled()

    [call] = await calls(world)
    assert (call.outcome, call.http_status, call.provider_code) == ("payment", 402, "402")
    sentence = (await world.sealer()).open_text(
        call.provider_message, bindings.provider_message(call.id, call.turn_id)
    )
    assert sentence == message[:300]
    [line] = [line for line in logs if line["event"] == "completion attempt failed"]
    assert (line["http_status"], line["provider_code"]) == (402, "402")
    assert "Insufficient" not in str(logs)
    await press_forget(world, "forget:yes")
    await world.replies(3)
    assert {call.provider_message for call in await calls(world)} == {None}


async def test_the_message_of_a_moderation_error_is_not_stored(start: Start):
    world = await start(llm_fallback_model=None)
    world.simulator.model.faults.add(ModelFault(kind="moderation"))

    await world.ask("hello")
    await world.settled()

    [call] = await calls(world)
    assert (call.outcome, call.http_status, call.provider_message) == ("moderation", 403, None)


async def test_the_generation_of_an_error_event_is_kept(start: Start):
    world = await start(llm_fallback_model=None, llm_attempts=1)
    world.simulator.model.faults.add(ModelFault(kind="error_event", after_chunks=0))

    await world.ask("hello")
    await world.settled()

    [call] = await calls(world)
    assert call.generation_id == world.simulator.calls[0].id
    assert call.http_status == 200


async def test_the_fallback_is_asked_where_another_model_may_answer(world: World):
    statuses = [
        (404, "No endpoints found for sim/primary.", "not_found"),
        (410, "gone", "not_found"),
        (400, "sim/primary is not a valid model ID", "not_found"),
        (400, "The model `sim/primary` has been deprecated", "not_found"),
        (402, "Insufficient credits", "payment"),
        (403, "Key limit exceeded (total limit)", "payment"),
    ]
    for person, (status, message, cause) in enumerate(statuses, start=1):
        world.simulator.model.faults.clear()
        world.simulator.model.faults.add(
            ModelFault(kind="status", status=status, message=message, model=MODEL)
        )

        await world.ask("hello", person=person, chat=person)

        turn = await one_turn(world)
        assert len(await world.turns()) == person
        assert (turn.status, turn.model_used, turn.fallback_cause) == ("answered", FALLBACK, cause)


async def test_the_fallback_is_asked_after_an_empty_answer(world: World):
    kinds: tuple[Any, ...] = ("empty", "thinking", "tool_calls", "blank")
    for person, kind in enumerate(kinds, start=1):
        world.simulator.model.faults.clear()
        world.simulator.model.faults.add(ModelFault(kind=kind, model=MODEL))

        await world.ask("hello", person=person, chat=person)

        turn = await one_turn(world)
        assert len(await world.turns()) == person
        assert (turn.model_used, turn.fallback_cause) == (FALLBACK, "empty"), kind


async def test_a_notice_says_when_to_try_again(start: Start):
    world = await start(llm_fallback_model=None, llm_attempts=1)
    pauses = [
        (20, "en", "in a minute"),
        (HOUR, "en", "in 1 hour"),
        (HOUR + 1, "en", "in 2 hours"),
        (90, "ru", "через 2 минуты"),
        (3 * 24 * HOUR, "ru", "через 3 дня"),
    ]
    for person, (seconds, language, said) in enumerate(pauses, start=1):
        world.simulator.model.faults.clear()
        world.simulator.model.faults.add(ModelFault(kind="status", status=429, retry_after=seconds))
        assert said in await world.ask("hello", person=person, chat=person, language=language)


async def test_more_history_than_allowed_is_not_used(start: Start):
    world = await start(max_history_messages=2)
    await world.ask("/history")
    async with transaction(world.sessions) as session:
        await session.execute(
            text("INSERT INTO user_settings (user_key, max_history_messages)"
                 " SELECT key, 200 FROM users")
        )  # fmt: skip
    for words in ("one", "two", "three"):
        await world.ask(words)

    assert world.simulator.calls[-1].prompt_messages == 4
    assert "Remembered messages: 2." in await world.ask("/history")


async def test_the_history_is_bounded_by_tokens(start: Start):
    world = await start(max_history_tokens=30, llm_summary_tokens=0)
    world.simulator.model.set_behaviour(MODEL, answer="a" * 25)
    seen = watched(world)
    for words in ("1" * 5, "2" * 5, "3" * 5, "4" * 5):
        await world.ask(words)

    # At two characters a token: the last question and answer, and the answer before them.
    assert [len(body["messages"]) for body in seen] == [2, 4, 6, 6]
    assert seen[-1]["messages"][1]["content"] == "2" * 5
