"""The simulated Telegram refuses what Telegram refuses, with the same messages."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import ClientSession

from simulator.app import Simulator
from simulator.telegram.faults import REALISTIC_LIMITS
from simulator.telegram.flood import FloodLimiter
from simulator.telegram.world import SimChat, SimUser
from tests.simulator.conftest import until_polled
from tests.simulator.constants import BAD_REQUEST, CHAT_NOT_FOUND, NOT_MODIFIED, STRANGERS_TOKEN

Call = Callable[..., Awaitable[dict[str, Any]]]

CHAT = 55
GROUP = SimChat(id=-100500, type="supergroup", title="Group")
FORUM = SimChat(id=-100600, type="supergroup", title="Forum", is_forum=True)


@pytest.mark.parametrize(
    ("parameters", "description"),
    [
        ({"text": ""}, "message text is empty"),
        ({"text": " \n "}, "message text is empty"),
        ({"text": "x" * 4097}, "message is too long"),
        ({"text": "😀" * 2049}, "message is too long"),
        ({"text": "x", "parse_mode": "Word"}, "unsupported parse_mode"),
        (
            {"text": "x", "entities": [{"type": "bold", "offset": 0, "length": 9}]},
            "ends after the end of the text",
        ),
        (
            {"text": "😀", "entities": [{"type": "bold", "offset": 1, "length": 1}]},
            "in a middle of a UTF-16 symbol",
        ),
        (
            {
                "text": "x",
                "entities": [{"type": "text_link", "offset": 0, "length": 1, "url": "docs/a"}],
            },
            "entity URL 'docs/a' is invalid",
        ),
        ({"text": "x", "chat_id": "nobody"}, CHAT_NOT_FOUND),
        ({"text": "x", "chat_id": -1}, CHAT_NOT_FOUND),
        ({"text": "x", "chat_id": None}, "chat_id is empty"),
        ({"text": "x", "reply_parameters": {"message_id": 2**40}}, "replied not found"),
        (
            {
                "text": "x",
                "reply_markup": {"inline_keyboard": [[{"text": "a", "callback_data": "x" * 65}]]},
            },
            "BUTTON_DATA_INVALID",
        ),
    ],
)
async def test_a_message_that_telegram_would_refuse_is_refused(
    call: Call, parameters: dict[str, object], description: str
) -> None:
    answer = await call("sendMessage", **({"chat_id": CHAT} | parameters))
    assert answer["error_code"] == 400
    assert answer["description"].startswith(BAD_REQUEST)
    assert description in answer["description"]


async def test_entities_are_shifted_when_a_text_is_trimmed(call: Call):
    entities = [{"type": "italic", "offset": 4, "length": 2}]
    answer = await call("sendMessage", chat_id=CHAT, text=" 😀 x ", entities=entities)
    assert answer["result"]["text"] == "😀 x"
    assert answer["result"]["entities"] == [{"type": "italic", "offset": 3, "length": 1}]


async def test_entities_after_the_hundredth_are_ignored(call: Call):
    entities = [{"type": "bold", "offset": place, "length": 1} for place in range(120)]
    answer = await call("sendMessage", chat_id=CHAT, text="x" * 120, entities=entities)
    assert len(answer["result"]["entities"]) == 100


async def test_a_link_is_shown_as_a_page_unless_that_is_disabled(simulator: Simulator, call: Call):
    text = "see https://site.example"
    await call("sendMessage", chat_id=CHAT, text=text)
    await call("sendMessage", chat_id=CHAT, text=text, link_preview_options={"is_disabled": True})
    sent = simulator.account.sent_log.records(kind="message")
    assert [message.has_preview for message in sent] == [True, None]


async def test_exactly_4096_units_pass(call: Call) -> None:
    assert (await call("sendMessage", chat_id=CHAT, text="😀" * 2048))["ok"]


async def test_an_edit_that_changes_nothing_is_refused(call: Call) -> None:
    message_id = (await call("sendMessage", chat_id=CHAT, text="a"))["result"]["message_id"]
    edit = {"chat_id": CHAT, "message_id": message_id}
    same = await call("editMessageText", text="a", **edit)
    changed = await call("editMessageText", text="b", **edit)
    unknown = await call("editMessageText", chat_id=CHAT, message_id=1, text="b")
    assert NOT_MODIFIED in same["description"]
    assert changed["result"]["text"] == "b"
    assert "message to be edited not found" in unknown["description"]


async def test_a_deleted_message_cannot_be_deleted_again(call: Call) -> None:
    message_id = (await call("sendMessage", chat_id=CHAT, text="a"))["result"]["message_id"]
    assert (await call("deleteMessage", chat_id=CHAT, message_id=message_id))["ok"]
    again = await call("deleteMessage", chat_id=CHAT, message_id=message_id)
    assert "message to delete not found" in again["description"]


async def test_a_person_who_blocked_the_bot_gets_nothing(simulator: Simulator, call: Call) -> None:
    person = SimUser(id=CHAT)
    simulator.account.block(person=person)
    refused = await call("sendMessage", chat_id=CHAT, text="a")
    simulator.account.unblock(person=person)
    assert (refused["error_code"], refused["description"]) == (
        403,
        "Forbidden: bot was blocked by the user",
    )
    assert (await call("sendMessage", chat_id=CHAT, text="a"))["ok"]
    changes = (await call("getUpdates"))["result"]
    assert [change["my_chat_member"]["new_chat_member"]["status"] for change in changes] == [
        "kicked",
        "member",
    ]


async def test_a_topic_exists_in_forums_only(simulator: Simulator, call: Call) -> None:
    for chat in (GROUP, FORUM):
        simulator.account.add_to_group(chat)
    answer = await call("sendMessage", chat_id=FORUM.id, text="a", message_thread_id=7)
    refused = await call("sendMessage", chat_id=GROUP.id, text="a", message_thread_id=7)
    assert answer["result"]["message_thread_id"] == 7
    assert "message thread not found" in refused["description"]


async def test_drafts_are_for_private_chats(simulator: Simulator, call: Call) -> None:
    simulator.account.add_to_group(GROUP)
    assert (await call("sendMessageDraft", chat_id=CHAT, draft_id=1, text=""))["ok"]
    assert not (await call("sendMessageDraft", chat_id=CHAT, draft_id=0, text="a"))["ok"]
    assert not (await call("sendMessageDraft", chat_id=GROUP.id, draft_id=1, text="a"))["ok"]
    assert simulator.counters.drafts_sent == 1


async def test_an_unknown_method_is_not_found(call: Call) -> None:
    answer = await call("makeCoffee")
    assert (answer["error_code"], answer["description"]) == (404, "Not Found")


async def test_a_second_poller_ends_the_first_with_a_conflict(
    simulator: Simulator, call: Call
) -> None:
    first = asyncio.create_task(call("getUpdates", timeout=50))
    await until_polled(simulator)
    second = asyncio.create_task(call("getUpdates", timeout=1))
    answer = await asyncio.wait_for(first, 40)
    assert answer["error_code"] == 409
    assert "terminated by other getUpdates request" in answer["description"]
    assert (await second)["result"] == []


async def test_polling_is_refused_while_a_webhook_is_set(call: Call) -> None:
    await call("setWebhook", url="http://127.0.0.1:9/hook")
    assert (await call("getUpdates"))["error_code"] == 409
    await call("deleteWebhook")
    assert (await call("getUpdates"))["ok"]


async def test_updates_of_a_kind_not_asked_for_do_not_come(
    simulator: Simulator, call: Call
) -> None:
    await call("getUpdates", allowed_updates=["message"])
    simulator.account.block()
    simulator.account.send_text("hello")
    updates = (await call("getUpdates"))["result"]
    assert [sorted(update) for update in updates] == [["message", "update_id"]]
    assert simulator.counters.updates_not_allowed == 1


async def test_a_negative_offset_keeps_the_last_updates_only(
    simulator: Simulator, call: Call
) -> None:
    for number in range(5):
        simulator.account.send_text(f"text {number}")
    updates = (await call("getUpdates", offset=-2))["result"]
    assert [update["message"]["text"] for update in updates] == ["text 3", "text 4"]
    assert len((await call("getUpdates"))["result"]) == 2


async def test_realistic_limits_say_how_long_to_wait(simulator: Simulator, call: Call) -> None:
    # All at one moment, however long the calls take.
    simulator.telegram.flood = FloodLimiter(clock=lambda: 100.0)
    simulator.telegram.flood.limits = REALISTIC_LIMITS
    assert (await call("sendMessage", chat_id=CHAT, text="1"))["ok"]
    refused = await call("sendMessage", chat_id=CHAT, text="2")
    other = await call("sendMessage", chat_id=CHAT + 1, text="3")
    assert refused["error_code"] == 429
    assert refused["parameters"] == {"retry_after": 1}
    assert other["ok"]


async def test_methods_are_understood_in_every_form(
    simulator: Simulator, http: ClientSession
) -> None:
    url = f"{simulator.url}/bot{simulator.token}/sendmessage"
    parameters = {"chat_id": str(CHAT), "text": "a"}
    async with http.get(url, params=parameters) as by_query:
        assert (await by_query.json())["ok"]
    async with http.post(url, data=parameters) as by_form:
        assert (await by_form.json())["ok"]


async def test_a_malformed_token_is_not_found_and_a_foreign_one_unauthorised(
    simulator: Simulator, http: ClientSession
) -> None:
    statuses = []
    for token in ("rubbish", STRANGERS_TOKEN):
        async with http.get(f"{simulator.url}/bot{token}/getMe") as response:
            statuses.append(response.status)
    assert statuses == [404, 401]
