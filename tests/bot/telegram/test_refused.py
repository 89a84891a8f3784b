"""Answers that a chat refuses are sent where they can be read, or the user is notified."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from simulator.model.behaviour import ModelFault
from simulator.telegram.faults import TelegramFault
from tests.bot.conftest import MODEL, Start, World, group
from tests.bot.constants import GROUP_ID
from tests.running import eventually

GROUP = -GROUP_ID


def refuse(world: World, description: str, *, method: str = "sendMessage", **more: object) -> str:
    fault = TelegramFault.model_validate(
        {"kind": "error", "method": method, "status": 400, "description": description, **more}
    )
    return world.simulator.telegram.faults.add(fault)


def ask_group(world: World, words: str = "hello", **more: object) -> None:
    name = world.simulator.account.username
    world.write(f"@{name} {words}", chat=group(is_forum=True), **more)


async def ask_in_turn(world: World, count: int) -> None:
    """One question after the other, each in a turn of its own."""
    for number in range(count):
        world.write(f"question {number}")
        await world.settled()


async def test_a_message_refused_by_a_topic_is_sent_to_the_general_one(world: World):
    world.simulator.model.set_behaviour(MODEL, answer="a paragraph. " * 700)
    descriptions = (
        "Bad Request: TOPIC_CLOSED",
        "Bad Request: TOPIC_DELETED",
        "Bad Request: message thread not found",
    )
    for number, description in enumerate(descriptions, start=1):
        refuse(world, description, chat_id=GROUP, thread_id=10 + number)
        ask_group(world, thread_id=10 + number)
        await world.settled()

        sent = world.simulator.account.sent_log.records(chat_id=GROUP, kind="message")

        assert len(sent) == 3 * number, description
        assert {message.thread_id for message in sent} == {None}
        turns = await world.turns()
        assert [(turn.status, turn.answer_parts) for turn in turns] == [("answered", 3)] * number


@pytest.mark.parametrize(
    "description",
    ["Bad Request: MESSAGE_ID_INVALID", "Bad Request: message to edit not found"],
)
async def test_an_answer_whose_preview_cannot_be_edited_is_a_new_message(
    start: Start, description: str
):
    world = await start(group_preview_seconds=1.0)
    refuse(world, description, method="editMessageText")
    world.simulator.model.set_behaviour(MODEL, answer="word " * 60, token_seconds=0.05)
    ask_group(world)
    await world.settled()

    texts = world.simulator.account.sent_log.texts(GROUP)

    assert len(texts) == 2
    assert texts[1] == ("word " * 60).strip()
    [turn] = await world.turns()
    assert turn.status == "answered"


async def test_a_part_too_long_for_telegram_is_sent_in_shorter_parts(world: World):
    refuse(world, "Bad Request: message is too long", times=1)
    answer = "\n".join(f"line {number} of **the** answer" for number in range(60))
    world.simulator.model.set_behaviour(MODEL, answer=answer)
    world.write("tell")
    await world.settled()

    texts = world.simulator.account.sent_log.texts(1001)

    assert len(texts) > 1
    assert "\n".join(texts) == answer.replace("**", "")
    [turn] = await world.turns()
    assert (turn.status, turn.answer_parts) == ("answered", len(texts))


@pytest.mark.parametrize(
    "description",
    [
        "Bad Request: not enough rights to send text messages to the chat",
        "Bad Request: CHAT_WRITE_FORBIDDEN",
        "Bad Request: TOPIC_CLOSED",
    ],
)
async def test_a_user_whose_group_refuses_messages_is_notified_in_private(
    world: World, description: str
):
    refuse(world, description, chat_id=GROUP)
    for _ in range(2):
        ask_group(world, language="ru")
        await world.settled()

    [told] = world.simulator.account.sent_log.texts(1001)

    assert "отправить ответ в группу" in told
    turns = await world.turns()
    assert [(turn.status, turn.reason) for turn in turns] == [("failed", "undeliverable")] * 2
    [user] = await world.rows("SELECT blocked_at FROM users")
    assert user.blocked_at is None


async def test_after_three_refusals_a_chat_costs_no_call_until_a_message_is_delivered(start: Start):
    world = await start()
    fault = refuse(world, "Bad Request: not enough rights to send text messages to the chat")
    await ask_in_turn(world, 5)

    assert len(world.simulator.calls) == 3
    turns = await world.turns()
    assert [turn.reason for turn in turns] == ["undeliverable"] * 5
    assert sorted(turn.status for turn in turns) == ["failed"] * 3 + ["rejected"] * 2
    assert all(turn.model_asked is None for turn in turns if turn.status == "rejected")

    world.simulator.telegram.faults.remove(fault)
    assert "could not be delivered" in await world.ask("are you there?")
    assert len(world.simulator.calls) == 3

    await world.ask("and now?")
    assert len(world.simulator.calls) == 4
    assert await world.rows("SELECT 1 FROM refused_chats") == []


async def test_any_delivered_message_resets_the_refusals(world: World):
    refuse(world, "Bad Request: CHAT_RESTRICTED", times=2)
    await ask_in_turn(world, 2)
    assert await world.ask("/help")

    refuse(world, "Bad Request: CHAT_RESTRICTED", times=1)
    world.write("three")
    await world.settled()

    await world.ask("four")
    assert len(world.simulator.calls) == 4


async def test_refusals_survive_a_restart_and_are_forgotten_after_an_hour(start: Start):
    world = await start()
    refuse(world, "Bad Request: CHAT_WRITE_FORBIDDEN")
    await ask_in_turn(world, 3)
    again = await start()
    again.write("question")
    await again.settled()
    assert len(again.simulator.calls) == 3

    async with again.sessions() as session, session.begin():
        await session.execute(
            text("UPDATE refused_chats SET refused_at = refused_at - interval '61 minutes'")
        )
    again.write("question")
    await again.settled()

    assert len(again.simulator.calls) == 4
    [row] = await again.rows("SELECT refusals FROM refused_chats")
    assert row.refusals == 1


async def test_a_failure_while_telegram_is_unavailable_counts_no_refusal(world: World):
    refuse(world, "Internal Server Error", status=500, times=2)
    assert await world.ask("hello")
    assert await world.rows("SELECT 1 FROM refused_chats") == []


# Drafts and edits


@pytest.mark.parametrize(
    ("status", "description"),
    [(400, "Bad Request: TEXTDRAFT_PEER_INVALID"), (404, "Not Found")],
)
async def test_drafts_that_are_refused_once_become_edits(
    start: Start, status: int, description: str
):
    world = await start(group_preview_seconds=1.0)
    refuse(world, description, method="sendMessageDraft", status=status)
    world.simulator.model.set_behaviour(MODEL, answer="word " * 60, token_seconds=0.05)

    for _ in range(2):
        world.write("tell")
        await world.settled()

    counters = world.simulator.counters
    assert counters.methods["sendmessagedraft"] == 1
    sent_log = world.simulator.account.sent_log
    assert sent_log.texts(1001) != []
    assert len(sent_log.texts(1001)) == 2
    assert len(sent_log.records(chat_id=1001, kind="edit")) >= 4
    assert sent_log.records(chat_id=1001, kind="edit")[-1].text == ("word " * 60).strip()


async def test_an_edit_that_would_change_nothing_is_not_sent(start: Start):
    world = await start(group_preview_seconds=1.0, answer_buttons=False)
    world.simulator.model.set_behaviour(MODEL, answer="Hello")
    # The text is there at once, its end comes seconds later.
    world.simulator.model.faults.add(ModelFault(kind="drip", seconds=1.5, after_chunks=2))
    ask_group(world)
    await world.settled()

    assert world.simulator.account.sent_log.texts(GROUP) == ["Hello"]
    assert "editmessagetext" not in world.simulator.counters.methods


@pytest.mark.parametrize("chat", [1001, GROUP])
async def test_a_long_answer_stays_visible_while_it_grows(start: Start, chat: int):
    world = await start(edit_seconds=1.0, draft_seconds=0.2, llm_max_tokens=9000)
    answer = "\n\n".join(f"Paragraph {number}. " + "word " * 60 for number in range(40))
    world.simulator.model.set_behaviour(MODEL, answer=answer, token_seconds=0.003)
    if chat == GROUP:
        ask_group(world)
    else:
        world.write("tell")
    await eventually(lambda: has_call_under_way(world))
    sent_log = world.simulator.account.sent_log
    await world.until(lambda: len(sent_log.records(chat_id=chat, kind="message")) >= 2)
    still_running = (await world.turns())[0].status == "pending"
    await world.settled()

    assert still_running, "the first parts are messages before the answer ends"
    texts: dict[int | None, str] = {}
    for record in sent_log.records(chat_id=chat):
        if record.kind in ("message", "edit"):
            texts[record.message_id] = record.text or ""
    assert "".join("".join(texts.values()).split()) == "".join(answer.split())
    [turn] = await world.turns()
    assert turn.answer_parts == len(texts)


async def has_call_under_way(world: World) -> bool:
    return bool(await world.turns())
