"""Messages that no longer fit are summed up once; the summary is sealed, shown and dropped."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from bot.turns.summaries.prompt import INSTRUCTION
from common.encryption import bindings
from common.postgres import Sessions
from common.settings import DatabaseSettings
from simulator.app import Simulator
from simulator.model.answers import SUMMARY_OPENING
from simulator.model.behaviour import ModelFault
from tests.bot.conftest import MODEL, Start, World
from tests.bot.constants import DATA_MARK
from tests.bot.process import BotProcess, bot_environment
from tests.running import eventually

SUMMARISER = "sim/summariser"
FACTS = "Ada has two owls."
LONG: dict[str, Any] = {"max_history_messages": 6, "llm_summary_model": SUMMARISER}
FALLS_OUT_AT = 5
"""The question with which the history of six messages is too long."""


@pytest.fixture
async def world(start: Start, simulator: Simulator) -> World:
    simulator.model.set_behaviour(SUMMARISER, answer=FACTS)
    return await start(**LONG)


async def ask(world: World, first: int, last: int) -> None:
    for number in range(first, last + 1):
        await world.ask(f"question {number}")
    await world.settled()


def purposes(world: World) -> list[str]:
    return [call.purpose for call in world.simulator.calls]


async def test_the_earlier_part_is_summed_up_once_before_the_answer(world: World):
    await ask(world, 1, FALLS_OUT_AT + 1)

    before = ["answer"] * (FALLS_OUT_AT - 1)
    assert purposes(world) == [*before, "summary", "answer", "answer"]
    summary, answer = list(world.simulator.calls)[FALLS_OUT_AT - 1 : FALLS_OUT_AT + 1]
    assert "question 1" in summary.question
    assert DATA_MARK in summary.question
    assert "question 4" not in summary.question
    instruction, first, *_rest = answer.messages
    assert FACTS in instruction["content"]
    assert DATA_MARK in instruction["content"]
    assert first["content"] == "question 4"
    turn = (await world.turns())[FALLS_OUT_AT - 1]
    calls = await world.rows(
        "SELECT * FROM llm_calls WHERE turn_id = :turn ORDER BY attempt", turn=turn.id
    )
    assert [(call.purpose, call.model) for call in calls] == [
        ("summary", SUMMARISER), ("answer", MODEL),
    ]  # fmt: skip
    assert turn.model_used == MODEL
    assert turn.cost_usd == sum(call.cost_usd for call in calls)
    [row] = await world.rows("SELECT * FROM summaries")
    assert row.messages == 6
    sealer = await world.sealer()
    assert sealer.open_text(row.content, bindings.summary(row.dialog_id)) == FACTS


async def test_a_summary_is_shown_exported_and_dropped(world: World):
    await ask(world, 1, FALLS_OUT_AT)
    before = len(await world.replies())
    world.write("/history")
    shown = (await world.replies(before + 2))[before + 1]
    assert shown == f"Summary of 6 earlier messages:\n\n{FACTS}"

    world.write("/export")
    log = world.simulator.account.sent_log
    await world.until(lambda: log.records(kind="document"))
    stored = log.file(log.records(kind="document")[0].file_id or "")
    assert stored is not None
    [exported] = json.loads(stored.content)["summaries"]
    assert (exported["text"], exported["messages"]) == (FACTS, 6)

    await world.ask("/new")
    await world.settled()
    assert await world.rows("SELECT 1 FROM summaries") == []


async def test_erasing_a_person_or_the_oldest_message_deletes_the_summary(world: World):
    await ask(world, 1, FALLS_OUT_AT)
    oldest = "SELECT id FROM messages ORDER BY created_at LIMIT 1"
    for deletion in (f"DELETE FROM messages WHERE id IN ({oldest})", "DELETE FROM users"):
        async with world.sessions() as session:
            await session.execute(text(deletion))
            left = await session.execute(text("SELECT 1 FROM summaries"))
            assert left.all() == [], deletion


async def test_without_a_summary_the_question_is_answered_all_the_same(world: World):
    world.simulator.model.faults.add(ModelFault(kind="status", model=SUMMARISER, status=500))
    await ask(world, 1, FALLS_OUT_AT + 1)

    # Not repeated in the next turn either.
    assert purposes(world).count("summary") == 1
    assert [turn.status for turn in await world.turns()] == ["answered"] * (FALLS_OUT_AT + 1)
    assert await world.rows("SELECT 1 FROM summaries") == []


async def test_a_summary_that_a_limit_forbids_is_left_out(start: Start):
    prices = {
        MODEL: {"prompt": "0.1", "completion": "0.1"},
        SUMMARISER: {"prompt": "1000", "completion": "1000"},
    }
    world = await start(**LONG, llm_prices=prices, daily_usd_limit="1", llm_fallback_model=None)
    await ask(world, 1, FALLS_OUT_AT)

    assert set(purposes(world)) == {"answer"}
    assert {turn.status for turn in await world.turns()} == {"answered"}


async def test_compact_sums_up_all_but_the_last_answer(world: World):
    assert await world.ask("/compact") == "There is nothing to summarise yet."
    await ask(world, 1, 2)
    reply = await world.ask("/compact")
    await world.settled()

    assert "/history" in reply
    assert purposes(world) == ["answer", "answer", "summary"]
    turn = (await world.turns())[-1]
    assert (turn.status, turn.user_messages, turn.answer_chars) == ("answered", 0, len(FACTS))
    assert turn.cost_usd is not None
    await world.ask("question 3")
    asked = world.simulator.calls[-1].messages
    assert FACTS in asked[0]["content"]
    assert [one["content"] for one in asked[1::2]] == ["question 2", "question 3"]


async def test_summaries_can_be_switched_off(start: Start):
    world = await start(**LONG, llm_summary_tokens=0)
    await ask(world, 1, FALLS_OUT_AT)
    assert set(purposes(world)) == {"answer"}
    assert await world.ask("/compact") == "Summaries are switched off."
    assert "Summaries" not in await world.ask("/privacy")


async def test_after_a_kill_no_summary_is_asked_for_again(
    simulator: Simulator, database: DatabaseSettings, sessions: Sessions, tmp_path: Path
):
    environment = bot_environment(
        simulator, database, MAX_HISTORY_MESSAGES="6", LLM_SUMMARY_MODEL=SUMMARISER,
        JOIN_SHORT_SECONDS="0",
    )  # fmt: skip
    simulator.model.set_behaviour(SUMMARISER, first_token_seconds=60)
    bot = BotProcess(environment, tmp_path / "bot.log")
    await bot.start()
    for number in range(1, FALLS_OUT_AT):
        simulator.account.send_text(f"question {number}")
    await simulator.wait_until(lambda: len(simulator.account.sent_log.texts(1001)) == 4)
    simulator.account.send_text("question 5")
    await simulator.wait_until(lambda: simulator.calls[-1].purpose == "summary")
    await bot.end(signal.SIGKILL)
    await bot.start()

    async def is_told() -> bool:
        return "restarted" in simulator.account.sent_log.texts(1001)[-1]

    await eventually(is_told)
    await bot.end(signal.SIGTERM)
    assert [call.purpose for call in simulator.calls].count("summary") == 1
    async with sessions() as session:
        rows = await session.execute(
            text("SELECT outcome FROM llm_calls WHERE purpose = 'summary'")
        )
        assert rows.scalars().all() == ["interrupted"]


def test_the_simulator_recognises_the_instruction():
    assert INSTRUCTION.startswith(SUMMARY_OPENING)
