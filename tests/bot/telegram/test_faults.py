"""Faults of Telegram: repeated updates, rate limits, broken responses, polling conflicts."""

from __future__ import annotations

import asyncio
import os
from collections import defaultdict
from itertools import pairwise
from typing import Any

import pytest

from simulator.model.behaviour import ModelFault
from simulator.telegram.faults import (
    REALISTIC_LIMITS,
    DeliveryFaults,
    FloodLimits,
    TelegramFault,
)
from tests.bot.conftest import MODEL, Start, World
from tests.running import eventually

CHATS = int(os.environ.get("STORM", "80")) // 8
MESSAGES = 5 if CHATS < 50 else 20


def telegram_fails(world: World, kind: Any, **more: Any) -> None:
    world.simulator.telegram.faults.add(TelegramFault(kind=kind, **more))


# Duplicates


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


# Order


async def test_each_chat_keeps_its_order_and_a_slow_chat_delays_no_other(start: Start):
    world = await start(llm_first_token_seconds=200, llm_timeout_seconds=200)
    world.simulator.model.set_behaviour(
        MODEL, first_token_seconds=0.01, first_token_jitter_seconds=0.05, answer_words=3
    )
    # It answers nothing at all until it is stopped, however long the others take.
    slow = ModelFault(kind="drip", model=MODEL, seconds=150, after_chunks=0, contains="slow")
    world.simulator.model.faults.add(slow)
    world.write("slow", person=999)

    for number in range(MESSAGES):
        for chat in range(1, CHATS + 1):
            world.write(f"{number}", person=chat)
    sent_log = world.simulator.account.sent_log
    await world.until(lambda: len(sent_log.records(kind="message")) >= CHATS * MESSAGES)

    assert sent_log.texts(999) == []
    world.write("/stop", person=999)
    await world.settled()
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


# Rate limits


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


# Broken responses


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

    turn = await world.only_turn()

    assert (turn.status, turn.reason) == ("failed", "blocked")
    await eventually(lambda: is_blocked(world))


async def is_blocked(world: World) -> bool:
    return bool(await world.rows("SELECT 1 FROM users WHERE blocked_at IS NOT NULL"))


# Polling


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
