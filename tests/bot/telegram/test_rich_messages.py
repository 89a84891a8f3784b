"""Answers with tables, formulas, task lists or details are rich messages; the others are text."""

from __future__ import annotations

from typing import Any

import pytest

from bot.formatting.rich import MAX_RICH_CHARACTERS, rich_part
from bot.telegram.intent import text_of
from simulator.app import Simulator
from simulator.telegram.faults import TelegramFault
from simulator.telegram.sent import SentAction
from tests.bot.conftest import MODEL, Start, World, group

TABLE = "Here:\n\n| a | b |\n|---|---|\n| 1 | **2** |"
AS_TEXT = "a | b"
LONG = "All is *well*. " * 400
REFUSED = {"kind": "error", "method": "sendrichmessage"}


@pytest.fixture
async def world(start: Start) -> World:
    return await start(rich_messages="auto", group_preview_seconds=1.0)


def answers(world: World, text: str) -> None:
    world.simulator.model.set_behaviour(MODEL, answer=text)


def sent(world: World, chat: int = 1001) -> list[SentAction]:
    return world.simulator.account.sent_log.records(chat_id=chat, kind="message")


@pytest.mark.parametrize(
    "markdown",
    [
        TABLE,
        "It is $$E = mc^2$$",
        "So $x^2$ it is.",
        "- [ ] tea\n- [x] rain",
        "<details><summary>More</summary>\n\nrain\n\n</details>",
        LONG,
        LONG[:MAX_RICH_CHARACTERS],
    ],
)
def test_these_answers_are_rich(markdown: str):
    part = rich_part(markdown)
    assert part is not None
    assert part.markdown == markdown


@pytest.mark.parametrize(
    "markdown",
    [
        "Plain *prose* with `code`, a [link](https://example.org) and $5 or $6.",
        "# Heading\n\n- a list\n- of two\n\n```\n| a | b |\n|---|---|\n```",
        "[ ] is no task, a | b no table",
        # Telegram would refuse it, or show it otherwise than text.
        "|" + "a|" * 21 + "\n|" + "-|" * 21,
        LONG * 20,
        TABLE + "\n\n![a picture](https://example.org/track.png)",
        TABLE + '\n\n<img src="https://example.org/track.png"/>',
        TABLE + "\n\n[Ada](tg://user?id=1)",
        TABLE + r" and \(x^2\)",
        "\n\n".join(f"${number}^2$" for number in range(501)),
        "> " * 20 + "$x^2$",
    ],
)
def test_these_answers_are_text(markdown: str):
    assert rich_part(markdown) is None


async def test_a_table_is_previewed_and_sent_as_the_model_wrote_it(world: World):
    world.simulator.model.set_behaviour(MODEL, answer=TABLE, token_seconds=0.05)
    assert await world.ask("a table, please") == TABLE
    await world.settled()

    [message] = sent(world)
    assert message.is_rich
    drafts = world.simulator.account.sent_log.records(chat_id=1001, kind="draft")
    assert any(draft.is_rich for draft in drafts)
    turn = await world.only_turn()
    assert (turn.status, turn.answer_parts) == ("answered", 1)


async def test_prose_and_commands_stay_text(world: World):
    answers(world, "Plain *prose*.")
    assert await world.ask("hello") == "Plain prose."
    await world.ask("/help")
    assert [message.is_rich for message in sent(world)] == [None, None]


@pytest.mark.parametrize(
    ("fault", "calls_later"),
    [
        ({"status": 404, "description": "Not Found"}, 1),
        ({"status": 400, "description": "Bad Request: can't parse rich message"}, 1),
        # It says nothing about rich messages: the next answer tries again.
        ({"status": 400, "description": "Bad Request: message thread not found"}, 2),
    ],
)
async def test_a_refused_rich_message_is_sent_as_text_at_once(
    world: World, fault: dict[str, Any], calls_later: int
):
    world.simulator.telegram.faults.add(TelegramFault(**REFUSED, **fault, times=None))
    answers(world, TABLE)
    assert AS_TEXT in await world.ask("one")
    assert AS_TEXT in await world.ask("two")
    await world.settled()

    assert world.simulator.counters.methods["sendrichmessage"] == calls_later
    assert [turn.status for turn in await world.turns()] == ["answered"] * 2


async def test_a_server_without_rich_messages_gets_previews_as_text(world: World):
    for method in ("sendrichmessage", "sendrichmessagedraft"):
        fault = TelegramFault(kind="error", method=method, status=404, description="Not Found")
        world.simulator.telegram.faults.add(fault)
    world.simulator.model.set_behaviour(MODEL, answer=TABLE + "\n\nx" * 20, token_seconds=0.05)
    assert AS_TEXT in await world.ask("one")

    drafts = world.simulator.account.sent_log.records(chat_id=1001, kind="draft")
    assert AS_TEXT in (drafts[-1].text or "")


@pytest.mark.parametrize("is_refused", [False, True])
async def test_a_group_gets_edits(world: World, *, is_refused: bool):
    if is_refused:
        world.simulator.telegram.faults.add(
            TelegramFault(kind="error", status=400, description="Bad Request: no", is_rich=True)
        )
    world.simulator.model.set_behaviour(
        MODEL, answer="Look at this:\n\n" + "so " * 60 + TABLE, token_seconds=0.05
    )
    chat = group()
    name = world.simulator.account.username
    world.write(f"@{name} a table, please", chat=chat)
    await world.settled()

    edits = world.simulator.account.sent_log.records(chat_id=chat.id, kind="edit")
    [message] = sent(world, chat.id)
    last = world.simulator.account.sent_log.message(chat.id, message.message_id or 0) or {}
    assert edits
    if is_refused:
        assert AS_TEXT in last["text"]
    else:
        assert last["rich_message"]["blocks"][0]["text"].endswith(TABLE)
        # A reply to it carries its text to the model.
        world.write("and then?", chat=chat, reply_to_message_id=message.message_id)
        await world.until(lambda: len(world.simulator.calls) == 2)
        assert "| a | b |" in world.simulator.calls[-1].question


async def test_a_person_can_switch_them_off(world: World):
    answers(world, TABLE)
    assert "/rich off" in await world.ask("/rich")
    await world.ask("/rich off")
    assert AS_TEXT in await world.ask("one")
    await world.ask("/rich on")
    assert await world.ask("two") == TABLE


async def test_an_operator_can_switch_them_off(start: Start, simulator: Simulator):
    world = await start(rich_messages="never")
    answers(world, TABLE)
    assert AS_TEXT in await world.ask("one")
    assert "text" in await world.ask("/rich on")
    assert "sendrichmessage" not in simulator.counters.methods


def test_the_text_of_a_rich_message_is_read():
    blocks = [
        {"type": "paragraph", "text": ["see ", {"type": "bold", "text": "this"}]},
        {"type": "table", "cells": [[{"text": "a"}, {"text": "b"}], [{"text": "1"}]]},
        {"type": "list", "items": [{"blocks": [{"text": "tea"}]}, {"blocks": [{"text": "x"}]}]},
        {"type": "mathematical_expression", "expression": "x^2"},
        {"type": "divider"},
    ]
    text = text_of({"rich_message": {"blocks": blocks}})
    assert text is not None
    assert [line for line in text.splitlines() if line] == [
        "see this", "a | b", "1", "tea", "x", "x^2",
    ]  # fmt: skip
    assert text_of({"rich_message": {"blocks": 1}}) == ""
