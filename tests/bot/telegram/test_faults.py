"""Faults of Telegram and models, and their effect on the user's message."""

from __future__ import annotations

import asyncio
import os
from collections import defaultdict
from itertools import pairwise
from typing import Any

import pytest

from common import bindings
from simulator.model.behaviour import ModelFault
from simulator.telegram.faults import (
    MALFORMED,
    REALISTIC_LIMITS,
    DeliveryFaults,
    FloodLimits,
    TelegramFault,
)
from tests.bot.conftest import FALLBACK, MODEL, Start, World, breaks_down, eventually, group
from tests.bot.constants import BROKE_OFF
from tests.bot.handlers.test_commands import press_forget

CHATS = int(os.environ.get("STORM", "80")) // 8
MESSAGES = 5 if CHATS < 50 else 20


def model_fails(world: World, kind: Any, **more: Any) -> None:
    world.simulator.model.faults.add(ModelFault(kind=kind, model=MODEL, **more))


def telegram_fails(world: World, kind: Any, **more: Any) -> None:
    world.simulator.telegram.faults.add(TelegramFault(kind=kind, **more))


async def only_turn(world: World) -> Any:
    await world.settled()
    [turn] = await world.turns()
    return turn


# B2


async def test_an_update_delivered_five_times_or_out_of_order_is_answered_once(world: World):
    world.simulator.telegram.deliveries = DeliveryFaults(repeat=0.9, shuffle=0.9)

    for number in range(12):
        world.write(f"question {number}", person=number % 3 + 1)

    updates = await world.settled()
    assert [update.outcome for update in updates] == ["turn"] * 12
    assert len(world.simulator.calls) == 12
    assert world.simulator.counters.messages_sent == 12


async def test_a_replay_of_a_settled_update_is_dropped_and_counted(world: World):
    await world.ask("hello")
    [update] = await world.settled()
    raw = {
        "update_id": update.update_id,
        "message": {
            "message_id": 1, "date": 1, "text": "hello",
            "chat": {"id": 1001, "type": "private"},
            "from": {"id": 1001, "is_bot": False, "first_name": "Ada"},
        },
    }  # fmt: skip

    results = [await world.app.inbox.store([raw, raw]) for _ in range(5)]

    assert [result.new for result in results] == [0] * 5
    assert sum(result.duplicates for result in results) == 10
    assert len(world.simulator.calls) == 1


# B3


async def test_each_chat_keeps_its_order_and_a_slow_chat_delays_no_other(start: Start):
    world = await start(llm_first_token_seconds=200, llm_timeout_seconds=200)
    world.simulator.model.set_behaviour(
        MODEL, first_token_seconds=0.01, first_token_jitter_seconds=0.05, answer_words=3
    )
    # It answers nothing at all until it is stopped, however long the others take.
    slow = ModelFault(kind="drip", model=MODEL, seconds=90, after_chunks=0, contains="slow")
    world.simulator.model.faults.add(slow)
    world.write("slow", person=999)

    for number in range(MESSAGES):
        for chat in range(1, CHATS + 1):
            world.write(f"{number}", person=chat)
    sent_log = world.simulator.account.sent_log
    await world.until(lambda: len(sent_log.records(kind="message")) >= CHATS * MESSAGES, seconds=60)

    assert sent_log.texts(999) == []
    world.write("/stop", person=999)
    await world.settled(seconds=60)
    by_person: dict[int, list[Any]] = defaultdict(list)
    for turn in await world.turns():
        by_person[turn.user_key].append(turn)
    for update_turns in by_person.values():
        assert len(update_turns) in {1, MESSAGES}
        if len(update_turns) == 1:
            continue  # the slow one
        ordered = sorted(update_turns, key=lambda turn: turn.answered_at)
        assert all(one.answered_at <= two.first_token_at for one, two in pairwise(ordered))
    rows = await world.rows(
        "SELECT u.lane, array_agg(u.update_id ORDER BY t.answered_at) AS ids"
        " FROM updates u JOIN turns t ON t.id = u.turn_id GROUP BY u.lane"
    )
    assert all(row.ids == sorted(row.ids) for row in rows)


# B5


async def test_telegrams_own_limits_are_never_hit(start: Start):
    world = await start(
        telegram_chat_interval_seconds=1.05,
        telegram_messages_per_second=28,
        telegram_group_messages_per_minute=20,
    )
    world.simulator.telegram.flood.limits = REALISTIC_LIMITS
    world.simulator.model.set_behaviour(MODEL, answer="line\n" * 1200)
    world.write("long", person=1)
    for person in range(2, 12):
        world.write("hi", person=person)

    await world.settled()

    assert world.simulator.counters.requests_refused == 0
    first = [turn for turn in await world.turns() if turn.answer_parts > 1]
    assert first


async def test_a_429_of_a_limited_chat_loses_nothing(world: World):
    world.simulator.telegram.flood.limits = FloodLimits(per_chat_per_second=1)
    for number in range(3):
        world.write(f"{number}")

    await world.settled()

    assert len(await world.replies(3)) == 3


# B7


async def test_an_unparsable_update_is_sealed_for_its_user_and_erased_with_them(world: World):
    await world.ask("hello")
    put = world.simulator.account.queue.put
    of_a_person = put({"message": {"text": "my secret", "chat": "moon", "from": {"id": 1001}}})
    of_a_stranger = put({"message": {"text": "a secret", "chat": "moon", "from": {"id": 7}}})
    of_nobody = put({"message": {"text": "a riddle", "chat": "moon", "from": {"id": True}}})
    await world.settled()

    parked = {update.update_id: update for update in await world.updates()}

    [person] = await world.rows("SELECT key FROM users")
    mine = parked[of_a_person]
    assert (mine.outcome, mine.kind, mine.user_key) == ("parked", "unreadable", person.key)
    binding = bindings.payload(mine.bot_id, mine.update_id)
    assert b"my secret" in (await world.sealer()).open(mine.payload or b"", binding)
    stranger = parked[of_a_stranger]
    assert (stranger.outcome, stranger.user_key, stranger.payload) == ("parked", None, None)
    assert stranger.error
    other = parked[of_nobody]
    binding = bindings.payload(other.bot_id, other.update_id)
    assert b"a riddle" in world.vault.installation.open(other.payload or b"", binding)
    await press_forget(world, "forget:yes")
    await eventually(lambda: is_let_go(world, of_a_person))


async def is_let_go(world: World, update_id: int | None) -> bool:
    [row] = await world.rows("SELECT * FROM updates WHERE update_id = :id", id=update_id)
    return (row.outcome, row.payload, row.user_key) == ("parked", None, None)


async def test_an_unparsable_update_is_parked_and_the_rest_of_its_batch_is_answered(
    world: World,
):
    for malformed in MALFORMED:
        world.simulator.account.queue.put(dict(malformed))
    world.simulator.account.queue.put_raw(b'["not an update", 7]')
    world.write("hello")

    await world.replies(1)

    updates = await world.settled()
    outcomes = [update.outcome for update in updates]
    assert outcomes.count("turn") == 1
    assert outcomes.count("parked") >= len(MALFORMED) - 1
    parked = [update for update in updates if update.outcome == "parked"]
    assert all(update.kind == "unreadable" and update.error for update in parked)
    assert all(update.payload for update in parked), "kept aside, whole"


async def test_an_update_whose_handler_always_fails_is_parked_after_its_attempts(start: Start):
    world = await start(max_update_attempts=3)

    async def break_down(*_arguments: object, **_more: object) -> None:
        raise RuntimeError("a bug about secret text")

    world.app.turns.take = break_down  # type: ignore[assignment,method-assign] # a bug on purpose
    world.write("poison")

    [update] = await world.settled()

    assert (update.outcome, update.attempts) == ("parked", 3)
    assert update.error is not None
    assert "RuntimeError" in update.error
    assert "secret" not in update.error
    assert "hello" not in await world.ask("/help")
    settled = world.app.metrics.registry.get_sample_value(
        "bot_updates_settled_total", {"outcome": "parked"}
    )
    assert settled == 1


async def test_a_user_is_notified_of_a_parked_update_in_their_language(start: Start):
    world = await start(max_update_attempts=2)
    world.app.turns.take = breaks_down  # type: ignore[assignment,method-assign] # a bug on purpose

    assert "не может ответить" in await world.ask("привет", language="ru")

    assert [update.outcome for update in await world.settled()] == ["parked"]
    assert len(await world.replies()) == 1


async def test_a_notice_that_cannot_be_sent_does_not_prevent_parking(
    start: Start,
):
    world = await start(max_update_attempts=2)
    world.app.turns.take = breaks_down  # type: ignore[assignment,method-assign] # a bug on purpose
    world.simulator.account.blocked.add(1001)
    world.write("hello")

    assert [update.outcome for update in await world.settled()] == ["parked"]

    world.simulator.account.blocked.clear()
    assert await world.ask("/help"), "its lane goes on"


async def test_a_group_gets_no_notice_of_a_parked_update_that_was_not_for_the_bot(start: Start):
    world = await start(max_update_attempts=2)
    name = world.simulator.account.username
    await world.ask("hello")
    world.app.processor._dispatcher.feed_update = breaks_down  # type: ignore[method-assign,assignment] # a bug on purpose
    chat = group()

    world.write("between us", chat=chat)
    world.write(f"@{name} and you?", chat=chat)

    await world.settled()
    assert [update.outcome for update in await world.updates()] == ["turn", "parked", "parked"]
    assert len(await world.replies(1, chat=chat.id)) == 1


# B8


ODDITIES: tuple[dict[str, Any], ...] = (
    {"kind": "html", "status": 502},
    {"kind": "garbage"},
    {"kind": "no_description", "status": 500},
    {"kind": "no_description", "status": 429},
    {"kind": "error", "status": 429, "description": "Too Many Requests"},
    {"kind": "error", "status": 500},
    {"kind": "drop"},
)


async def test_an_oddity_of_the_transport_is_retried_until_the_answer_arrives(world: World):
    for person, fault in enumerate(ODDITIES, start=1):
        telegram_fails(world, method="sendMessage", times=2, **fault)
        telegram_fails(world, method="getUpdates", times=1, **fault)

        assert await world.ask("hello", person=person, chat=person), fault

        await world.settled()
        assert [turn.status for turn in await world.turns()] == ["answered"] * person
        assert world.simulator.counters.messages_sent == person, fault


async def test_an_answer_whose_markup_is_refused_is_sent_plain(world: World):
    world.simulator.model.set_behaviour(MODEL, answer="some **bold** words")
    telegram_fails(
        world, "error", method="sendMessage", status=400, times=1,
        description="Bad Request: can't parse entities: oops",
    )  # fmt: skip

    assert await world.ask("hello") == "some bold words"
    [sent] = world.simulator.account.sent_log.records(kind="message")
    assert sent.entities == []


async def test_a_turn_of_a_user_who_blocked_the_bot_fails_and_marks_them_blocked(world: World):
    world.simulator.account.blocked.add(1001)
    world.write("hello")

    turn = await only_turn(world)

    assert (turn.status, turn.reason) == ("failed", "blocked")
    await eventually(lambda: is_blocked(world))


async def is_blocked(world: World) -> bool:
    return bool(await world.rows("SELECT 1 FROM users WHERE blocked_at IS NOT NULL"))


# B9


async def test_polling_backs_off_after_a_conflict_and_continues(world: World):
    telegram_fails(
        world, "error", method="getUpdates", status=409, times=2,
        description="Conflict: terminated by other getUpdates request",
    )  # fmt: skip
    # A poll that was under way when the rule was set ends without a conflict.
    await eventually(lambda: has_met_two_conflicts(world))

    assert await world.ask("hello")

    assert await has_met_two_conflicts(world)


async def has_met_two_conflicts(world: World) -> bool:
    met = world.app.metrics.registry.get_sample_value(
        "telegram_poll_errors_total", {"cause": "conflict"}
    )
    return met == 2


async def test_a_server_without_long_polls_is_polled_after_a_pause(
    start: Start, monkeypatch: pytest.MonkeyPatch
):
    # The simulator then answers every poll at once.
    monkeypatch.setattr("simulator.telegram.server.MAX_POLL_SECONDS", 0)
    world = await start()
    polls = world.simulator.counters.methods
    before = polls.get("getupdates", 0)

    await asyncio.sleep(1.2)

    assert polls["getupdates"] - before <= 4
    assert await world.ask("hello")


async def test_one_of_two_replicas_polls_and_both_process_updates(start: Start):
    one = await start()
    two = await start()
    for number in range(6):
        one.write(f"{number}", person=number + 1)

    await one.settled()

    pollers = [world.app.metrics.registry.get_sample_value("bot_is_poller") for world in (one, two)]
    assert sorted(pollers) == [0, 1]
    assert len(one.simulator.calls) == 6
    assert one.simulator.counters.messages_sent == 6


# Models


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

    turn = await only_turn(world)
    assert (turn.status, turn.fallback_cause) == ("answered", "rate_limited")
    calls = await world.rows("SELECT model, outcome FROM llm_calls ORDER BY attempt")
    assert calls == [(MODEL, "rate_limited"), (FALLBACK, "answered")]


async def test_a_short_pause_is_waited_out_and_the_same_model_asked_again(start: Start):
    world = await start()
    model_fails(world, "status", status=429, retry_after=1, times=1)

    await world.ask("hello")

    turn = await only_turn(world)
    assert (turn.status, turn.fallback_cause, turn.model_used) == ("answered", None, MODEL)


async def test_an_answer_that_a_filter_broke_off_is_incomplete(world: World):
    world.simulator.model.set_behaviour(MODEL, answer="one two", finish_reason="content_filter")

    await world.ask("count")

    assert BROKE_OFF in (await world.replies(2))[1]
    turn = await only_turn(world)
    assert (turn.status, turn.reason) == ("answered", "incomplete")
    assert turn.finish_reason == "content_filter"
    [call] = await world.rows("SELECT outcome FROM llm_calls")
    assert call.outcome == "incomplete"


async def test_when_every_model_fails_the_user_is_notified_in_their_language(world: World):
    world.simulator.model.faults.add(ModelFault(kind="status", status=500))

    reply = await world.ask("привет", language="ru")

    assert "не может ответить" in reply
    turn = await only_turn(world)
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
    turn = await only_turn(world)
    assert (turn.status, turn.reason, turn.finish_reason) == ("answered", "incomplete", None)
    assert turn.fallback_cause is None, "no other model after the first visible word"


async def test_a_total_deadline_holds_under_a_drip(start: Start):
    world = await start(llm_timeout_seconds=3)
    world.simulator.model.set_behaviour(MODEL, answer="word " * 500)
    model_fails(world, "drip", seconds=0.3, after_chunks=0)

    await world.ask("hello")

    turn = await only_turn(world)
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
    turn = await only_turn(world)
    assert (turn.cost_usd, turn.prompt_tokens) == (None, None)


async def test_a_private_stop_does_not_stop_a_turn_in_a_group(world: World):
    world.simulator.model.set_behaviour(MODEL, answer="word " * 20, token_seconds=0.02)
    name = world.simulator.account.username
    world.write(f"@{name} tell", chat=group(), person=5)
    world.write("/stop", person=5)

    await world.settled()

    assert [turn.status for turn in await world.turns()] == ["answered"]
