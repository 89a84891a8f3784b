"""Faults of the simulated Telegram strike when asked for, and only then."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.exceptions import (
    ClientDecodeError,
    TelegramAPIError,
    TelegramNetworkError,
    TelegramRetryAfter,
    TelegramServerError,
)
from aiohttp import ClientSession, ServerDisconnectedError

from simulator.app import Simulator
from simulator.telegram.faults import DeliveryFaults, TelegramFault
from simulator.telegram.world import SimChat

Call = Callable[..., Awaitable[dict[str, Any]]]


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (TelegramFault(kind="error", status=429, retry_after=3), TelegramRetryAfter),
        (TelegramFault(kind="error", status=429), TelegramAPIError),
        (TelegramFault(kind="error", status=500), TelegramServerError),
        (TelegramFault(kind="no_description", status=502), TypeError),
        (TelegramFault(kind="html", status=502), ClientDecodeError),
        (TelegramFault(kind="garbage"), ClientDecodeError),
        (TelegramFault(kind="drop"), TelegramNetworkError),
    ],
)
async def test_aiogram_meets_the_oddity_and_nothing_was_sent(
    simulator: Simulator, fault: TelegramFault, error: type[Exception]
) -> None:
    simulator.telegram.faults.add(fault)
    session = AiohttpSession(api=TelegramAPIServer.from_base(simulator.url))
    async with Bot(simulator.token, session=session) as bot:
        with pytest.raises(error):
            await bot.send_message(5, "hello")
    assert simulator.account.sent_log.texts(5) == []
    assert simulator.counters.faults_injected == 1


async def test_a_connection_dropped_afterwards_has_delivered_the_message(
    simulator: Simulator, call: Call
) -> None:
    simulator.telegram.faults.add(TelegramFault(kind="drop_after", method="sendMessage"))
    with pytest.raises(ServerDisconnectedError):
        await call("sendMessage", chat_id=5, text="hello")
    assert simulator.account.sent_log.texts(5) == ["hello"]


async def test_a_rule_strikes_as_often_as_it_says(simulator: Simulator, call: Call) -> None:
    rule = TelegramFault(kind="error", method="sendMessage", times=2, skip=1)
    simulator.telegram.faults.add(rule)
    answers = [(await call("sendMessage", chat_id=5, text="x"))["ok"] for _ in range(5)]
    assert answers == [True, False, False, True, True]
    assert simulator.telegram.faults.struck == {rule.id: 2}
    assert (await call("getMe"))["ok"]


async def test_chances_repeat_with_their_seed(simulator: Simulator, call: Call) -> None:
    simulator.telegram.faults.add(TelegramFault(kind="error", probability=0.5))

    async def answers() -> list[bool]:
        simulator.reseed(7)
        return [(await call("getMe"))["ok"] for _ in range(20)]

    first = await answers()
    assert first == await answers()
    assert len(set(first)) == 2


async def test_updates_come_twice_and_out_of_order_when_asked_for(
    simulator: Simulator, call: Call
) -> None:
    simulator.telegram.deliveries = DeliveryFaults(repeat=1.0, shuffle=1.0)
    for number in range(10):
        simulator.account.send_text(f"text {number}")
    first = [update["update_id"] for update in (await call("getUpdates"))["result"]]
    last = max(first)
    again = [
        update["update_id"] for update in (await call("getUpdates", offset=last + 1))["result"]
    ]
    rest = (await call("getUpdates", offset=last + 1))["result"]
    assert first != sorted(first)
    assert sorted(first) == sorted(again)
    assert rest == []
    assert simulator.counters.updates_repeated == 10


async def test_a_malformed_update_precedes_a_good_one_when_asked_for(
    simulator: Simulator, http: ClientSession, call: Call
) -> None:
    await http.put(f"{simulator.url}/control/deliveries", json={"malformed": 1.0})
    await http.post(f"{simulator.url}/control/messages", json={"text": "good"})
    broken, good = (await call("getUpdates"))["result"]
    assert good["message"]["text"] == "good"
    assert broken["update_id"] == good["update_id"] - 1
    assert simulator.counters.updates_malformed == 1


async def test_anything_at_all_can_be_delivered(
    simulator: Simulator, http: ClientSession, call: Call
) -> None:
    url = f"{simulator.url}/control/updates"
    for body in (
        b'{"message": {"text": "lone \\ud800 and \\u0000"}}',
        b'{"update_id": 5, "late": 1}',
        b"[1, 2]",
    ):
        async with http.post(url, data=body) as response:
            assert response.status == 200, await response.text()
    late, array, odd = (await call("getUpdates"))["result"]
    assert late == {"update_id": 5, "late": 1}
    assert array == [1, 2]
    assert odd["message"]["text"] == "lone \ud800 and \x00"


async def test_a_fault_of_a_topic_strikes_only_there(simulator: Simulator, call: Call) -> None:
    forum = SimChat(id=-77, type="supergroup", title="Forum", is_forum=True)
    simulator.account.add_to_group(forum)
    simulator.telegram.faults.add(
        TelegramFault(
            kind="error", status=400, description="Bad Request: TOPIC_CLOSED", thread_id=11
        )
    )
    closed = await call("sendMessage", chat_id=forum.id, text="x", message_thread_id=11)
    assert closed["description"] == "Bad Request: TOPIC_CLOSED"
    for thread_id in (12, None):
        sent = await call("sendMessage", chat_id=forum.id, text="x", message_thread_id=thread_id)
        assert sent["ok"]
