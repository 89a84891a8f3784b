"""The control API over HTTP: users' actions, and what the bot did."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import ClientSession

from simulator.app import Simulator
from simulator.client import ControlClient

Call = Callable[..., Awaitable[dict[str, Any]]]
GROUP = {"id": -100900, "type": "supergroup", "title": "Forum", "is_forum": True}


@pytest.fixture
async def control(simulator: Simulator, http: ClientSession) -> ControlClient:
    return ControlClient(simulator.url, session=http)


async def test_users_write_edit_press_join_and_block(
    simulator: Simulator, control: ControlClient, call: Call
) -> None:
    button = {"inline_keyboard": [[{"text": "Yes", "callback_data": "yes"}]]}
    question = await call("sendMessage", chat_id=7, text="Sure?", reply_markup=button)
    message_id = question["result"]["message_id"]
    person = {"id": 7, "first_name": "Eva", "language_code": "ru"}
    await control.send("POST", "memberships", {"person": person, "chat": GROUP})
    await control.send(
        "POST", "messages", {"person": person, "chat": GROUP, "thread_id": 3, "text": "/start x"}
    )
    await control.send(
        "POST",
        "messages",
        {"person": person, "text": "a reply", "reply_to_message_id": message_id, "date": 1},
    )
    await control.send("POST", "edits", {"person": person, "text": "edited", "message_id": 9})
    press = {"person": person, "data": "yes", "message_id": message_id}
    await control.send("POST", "presses", press)
    await control.send("POST", "blocks", {"person": person})
    joined, command, reply, edit, pressed, blocked = (await call("getUpdates"))["result"]
    assert joined["my_chat_member"]["new_chat_member"]["status"] == "member"
    assert command["message"]["entities"] == [{"type": "bot_command", "offset": 0, "length": 6}]
    assert command["message"]["message_thread_id"] == 3
    assert reply["message"]["reply_to_message"]["text"] == "Sure?"
    assert reply["message"]["from"]["language_code"] == "ru"
    assert edit["edited_message"]["text"] == "edited"
    assert pressed["callback_query"]["message"]["text"] == "Sure?"
    assert blocked["my_chat_member"]["new_chat_member"]["status"] == "kicked"
    assert 7 in simulator.account.blocked


async def test_users_react_and_stop_drafts_and_a_group_tells_its_admin_alone(
    control: ControlClient, call: Call
) -> None:
    person = {"id": 7, "first_name": "Eva"}
    kinds = ["message_reaction", "stopped_message_generation", "my_chat_member"]
    await call("getUpdates", allowed_updates=kinds)
    reaction = {"person": person, "message_id": 5, "emoji": ["👍"], "before": ["👎"]}
    await control.send("POST", "reactions", reaction)
    await control.send("POST", "draft-stops", {"person": person, "draft_id": 3})
    in_group = reaction | {"chat": GROUP}
    untold = await control.send("POST", "reactions", in_group)
    await control.send("POST", "memberships", {"chat": GROUP, "admin": True})
    told = await control.send("POST", "reactions", in_group)
    assert (untold["update_id"], told["update_id"] is not None) == (None, True)
    reacted, stopped, _member, of_group = (await call("getUpdates"))["result"]
    assert reacted["message_reaction"]["new_reaction"] == [{"type": "emoji", "emoji": "👍"}]
    assert reacted["message_reaction"]["old_reaction"] == [{"type": "emoji", "emoji": "👎"}]
    assert stopped["stopped_message_generation"] == {
        "chat": {"id": 7, "type": "private"} | stopped["stopped_message_generation"]["chat"],
        "draft_id": 3,
    }
    assert of_group["message_reaction"]["chat"]["id"] == GROUP["id"]


async def test_what_the_bot_did_is_listed_by_chat_and_kind(
    control: ControlClient, call: Call
) -> None:
    await call("sendChatAction", chat_id=7, action="typing")
    await call("sendMessageDraft", chat_id=7, draft_id=3, text="half")
    await call("sendMessage", chat_id=7, text="whole")
    await call("sendMessage", chat_id=8, text="other")
    everything = (await control.send("GET", "sent?chat_id=7"))["sent"]
    messages = (await control.send("GET", "sent?kind=message"))["sent"]
    assert [sent["kind"] for sent in everything] == ["action", "draft", "message"]
    assert [sent["text"] for sent in messages] == ["whole", "other"]
    assert all(sent["at"] > 0 for sent in everything)


async def test_a_wait_ends_with_its_condition(simulator: Simulator, control: ControlClient) -> None:
    waiting = asyncio.create_task(control.wait(at_least={"updates_accepted": 2}, seconds=60))
    await asyncio.sleep(0.05)
    simulator.account.send_text("one")
    simulator.account.send_text("two")
    assert await asyncio.wait_for(waiting, 60)
    assert not await control.wait(pending_at_most=1, seconds=0.05)


async def test_faults_are_set_listed_and_removed(control: ControlClient, call: Call) -> None:
    rule = await control.send("POST", "faults/telegram", {"kind": "error", "method": "getMe"})
    await control.send("POST", "faults/model", {"kind": "cut", "model": "m"})
    await control.send("PUT", "limits", {"per_second": 1})
    await control.send("PUT", "models/openai/gpt-4o-mini", {"answer": "fixed"})
    assert not (await call("getMe"))["ok"]
    listed = await control.send("GET", "faults")
    assert listed["struck"] == {rule["id"]: 1}
    assert [fault["kind"] for fault in listed["model"]] == ["cut"]
    await control.send("DELETE", f"faults/{rule['id']}")
    assert (await call("getMe"))["ok"]
    await control.send("DELETE", "faults")
    cleared = await control.send("GET", "faults")
    assert cleared["model"] == []
    assert cleared["limits"]["per_second"] is None


async def test_a_reset_forgets_everything_but_ids(
    simulator: Simulator, control: ControlClient, call: Call
) -> None:
    (first,) = simulator.account.send_text("one")
    await call("sendMessage", chat_id=7, text="x")
    await control.send("POST", "faults/telegram", {"kind": "drop"})
    await control.send("POST", "reset")
    assert (await call("getUpdates"))["result"] == []
    assert (await control.send("GET", "sent"))["sent"] == []
    assert simulator.account.send_text("two")[0] > first


@pytest.mark.parametrize(
    ("request_line", "body", "problem"),
    [
        ("POST messages", {"text": "x", "chatt": 1}, "chatt"),
        ("POST messages", {}, "text: Field required"),
        ("POST faults/telegram", {"kind": "magic"}, "kind"),
        ("PUT deliveries", {"repeat": 2}, "repeat"),
        ("POST wait", {"at_least": {"nonsense": 1}}, "no such counter: nonsense"),
        ("POST wait", {"at_least": {"methods": 1}}, "no such counter: methods"),
        ("POST seed", "x", "must be an integer"),
        ("GET sent?chat_id=x", None, "invalid literal"),
    ],
)
async def test_an_invalid_request_is_explained(
    simulator: Simulator, http: ClientSession, request_line: str, body: object, problem: str
) -> None:
    method, path = request_line.split()
    async with http.request(method, f"{simulator.url}/control/{path}", json=body) as response:
        assert response.status == 400
        assert problem in (await response.json())["error"]
