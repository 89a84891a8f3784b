"""Pictures reach a model that sees, small, sealed and counted; broken ones cost nothing."""

from __future__ import annotations

import asyncio
import signal
import sys
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from common.encryption import bindings
from common.postgres import Sessions, transaction
from common.settings import DatabaseSettings
from simulator.app import Simulator
from simulator.telegram.faults import TelegramFault
from simulator.telegram.world import SimUser
from tests.bot.conftest import MODEL, Start, World, group
from tests.bot.media.files import bomb, picture, size_of
from tests.bot.process import BotProcess, bot_environment
from tests.conftest import PROJECT
from tests.running import eventually

VISION = "sim/vision"


@pytest.fixture
async def world(start: Start, simulator: Simulator) -> World:
    simulator.model.set_behaviour(VISION, sees=True)
    return await start(llm_vision_model=VISION)


def send_photo(world: World, content: bytes, **more: Any) -> None:
    world.simulator.account.send_file("photo", content, more=more)


async def test_a_photo_and_its_caption_are_one_question_to_the_model_that_sees(world: World):
    send_photo(world, picture(4000, 3000), caption="what is this?")
    await world.replies(1)
    turn = await world.only_turn()

    [call] = world.simulator.calls
    assert (call.model, turn.status, turn.user_chars) == (VISION, "answered", 13)
    assert call.question == "[The message carries a photo.]\n\nwhat is this?"
    [seen] = call.pictures
    assert size_of(seen) == (1536, 1152)
    [row] = await world.rows("SELECT * FROM llm_calls")
    assert (row.purpose, row.image_tokens, row.prompt_tokens) == ("answer", 765, call.prompt_tokens)
    assert float(row.cost_usd) == call.cost
    [kept] = await world.rows("SELECT * FROM pictures")
    assert (await world.sealer()).open(kept.content, bindings.picture(kept.id)) == seen
    assert seen not in kept.content
    world.write("/export")
    sent_log = world.simulator.account.sent_log
    await world.until(lambda: sent_log.records(kind="document"))
    stored = sent_log.file(sent_log.records(kind="document")[0].file_id or "")
    assert stored is not None
    assert b64encode(seen) in stored.content


async def test_an_album_is_one_question_and_a_picture_may_come_as_a_file(
    start: Start, simulator: Simulator
):
    simulator.model.set_behaviour(VISION, sees=True)
    world = await start(llm_vision_model=VISION, max_pictures=3)
    account = simulator.account
    for number in range(4):
        caption = {"caption": "which is best?"} if number == 0 else {}
        more = {"media_group_id": "7", **caption}
        if number == 1:
            account.send_file("document", picture(kind="PNG"), name="x.png", more=more)
        else:
            send_photo(world, picture(), **more)
    notice, _answer = await world.replies(2)

    assert (await world.only_turn()).user_messages == 4
    [call] = simulator.calls
    assert len(call.pictures) == 3
    assert call.question.endswith(
        "which is best?\n"
        + "\n".join(f"[The message carries a {kind}.]" for kind in ("document", "photo", "photo"))
    )
    assert "too many pictures" in notice


async def test_without_a_setting_the_providers_list_says_who_sees(
    start: Start, simulator: Simulator
):
    simulator.model.set_behaviour(MODEL, sees=True)
    world = await start()
    send_photo(world, picture())
    await world.replies(1)
    assert [(call.model, len(call.pictures)) for call in simulator.calls] == [(MODEL, 1)]
    assert "pictures" in await world.ask("/help")


async def test_a_chosen_model_that_does_not_see_is_said(start: Start, simulator: Simulator):
    simulator.model.set_behaviour(MODEL, sees=True)
    world = await start(llm_allowed_models=("sim/blind",))
    await world.ask("/model sim/blind")
    before = len(simulator.account.sent_log.texts(1001))
    send_photo(world, picture(), caption="what is this?")
    assert "cannot see pictures" in (await world.replies(before + 1))[-1]
    assert (await world.only_turn()).reason == "unreadable_file"
    assert len(simulator.calls) == 0


async def test_a_further_question_and_redo_see_the_picture_until_it_is_too_old(world: World):
    send_photo(world, picture(), caption="what is this?")
    await world.replies(1)
    await world.ask("and its colour?")
    await world.ask("/redo")
    await world.settled()
    assert [len(call.pictures) for call in world.simulator.calls] == [1, 1, 1]

    async with transaction(world.sessions) as session:
        await session.execute(text("UPDATE pictures SET created_at = now() - interval '25 hours'"))
    await world.ask("and now?")
    assert world.simulator.calls[-1].pictures == []
    assert world.simulator.calls[-1].model == MODEL


async def test_an_edited_caption_asks_about_the_same_picture(world: World):
    send_photo(world, picture(), caption="what is this?")
    message_id = world.simulator.account._message_id
    await world.replies(1)
    await world.settled()
    world.simulator.account.edit_text("what is that?", message_id=message_id)
    await world.replies(2)
    await world.settled()
    assert [len(call.pictures) for call in world.simulator.calls] == [1, 1]
    [row] = await world.rows(
        "SELECT message.pictures FROM pictures JOIN messages AS message ON message_id = message.id"
        " WHERE deleted_at IS NULL"
    )
    assert row.pictures == 1


@pytest.mark.parametrize(
    "content", [bomb(), picture(900, 900)[:400], b"no picture"], ids=["bomb", "cut", "text"]
)
async def test_a_hostile_picture_costs_a_clear_answer_and_nothing_else(
    world: World, content: bytes
):
    send_photo(world, content, caption="look")
    [reply] = await world.replies(1)
    assert "I cannot read the picture" in reply
    turn = await world.only_turn()
    assert (turn.status, turn.reason) == ("rejected", "unreadable_file")
    assert await world.rows("SELECT 1 FROM llm_calls UNION ALL SELECT 1 FROM pictures") == []
    # The next one is read as before.
    send_photo(world, picture())
    await world.replies(2)
    assert len(world.simulator.calls) == 1


@pytest.mark.parametrize(
    ("fault", "reply"),
    [
        ({"kind": "error", "method": "getFile", "status": 400,
          "description": "Bad Request: file is too big"}, "too large"),
        ({"kind": "error", "method": "getFile", "status": 404}, "could not get"),
        ({"kind": "error", "method": "file", "status": 404}, "could not get"),
        ({"kind": "delay", "method": "file", "delay_seconds": 60}, "could not get"),
        ({"kind": "truncate", "method": "file", "times": 1}, ""),
        ({"kind": "drop", "method": "getFile", "times": 1}, ""),
    ],
)  # fmt: skip
async def test_a_file_that_telegram_does_not_deliver_is_said_and_a_fault_that_passes_is_not(
    start: Start, simulator: Simulator, fault: dict[str, Any], reply: str
):
    simulator.model.set_behaviour(VISION, sees=True)
    seconds = 3 if fault["kind"] == "delay" else 60
    world = await start(llm_vision_model=VISION, media_fetch_seconds=seconds)
    simulator.telegram.faults.add(TelegramFault(**fault))
    send_photo(world, picture())
    [said] = await world.replies(1)
    assert reply in said
    assert (await world.only_turn()).status == ("rejected" if reply else "answered")
    assert len(simulator.calls) == (not reply)


@pytest.mark.usefixtures("one_day")
async def test_pictures_count_in_a_budget_before_they_are_spent(start: Start, simulator: Simulator):
    simulator.model.set_behaviour(VISION, sees=True)
    price = {"prompt": 10, "completion": 0}
    world = await start(
        llm_vision_model=VISION, llm_prices={VISION: price, MODEL: price},
        daily_usd_limit="0.01", llm_fallback_model=None, picture_tokens=2000,
    )  # fmt: skip
    await world.ask("a plain question")
    send_photo(world, picture(), caption="and this?")
    assert "limit for today" in (await world.replies(2))[-1]
    await world.settled()
    assert [turn.reason for turn in await world.turns()] == [None, "daily_usd"]
    assert [call.model for call in simulator.calls] == [MODEL]


async def test_an_answer_to_a_photo_in_a_group_and_erasure(world: World):
    name = world.simulator.account.username
    chat = group()
    world.simulator.account.send_file(
        "photo", picture(), person=SimUser(id=1001), chat=chat, more={"caption": f"@{name} look"}
    )
    await world.replies(1, chat=chat.id)
    send_photo(world, picture())
    await world.replies(1)
    await world.settled()
    assert len(await world.rows("SELECT 1 FROM pictures")) == 2
    async with transaction(world.sessions) as session:
        await session.execute(text("DELETE FROM users"))
    assert await world.rows("SELECT 1 FROM pictures") == []


async def test_a_kill_repeats_the_fetch_but_never_the_call(
    simulator: Simulator, database: DatabaseSettings, sessions: Sessions, tmp_path: Path
):
    simulator.model.set_behaviour(VISION, sees=True)
    environment = bot_environment(simulator, database, LLM_VISION_MODEL=VISION)
    bot = BotProcess(environment, tmp_path / "bot.log")
    await bot.start()
    simulator.telegram.faults.add(
        TelegramFault(kind="delay", method="file", delay_seconds=60, times=1)
    )
    simulator.account.send_file("photo", picture(), more={"caption": "first"})
    await simulator.wait_until(lambda: simulator.counters.faults_injected)
    await bot.end(signal.SIGKILL)
    assert simulator.counters.llm_calls_started == 0
    await bot.start()
    await simulator.wait_until(lambda: len(simulator.account.sent_log.texts(1001)) == 1)

    simulator.model.set_behaviour(VISION, sees=True, first_token_seconds=60)
    simulator.account.send_file("photo", picture(), more={"caption": "second"})
    await simulator.wait_until(lambda: simulator.counters.llm_calls_started == 2)
    await bot.end(signal.SIGKILL)
    await bot.start()
    await simulator.wait_until(lambda: len(simulator.account.sent_log.texts(1001)) == 2)

    async def is_settled() -> bool:
        async with sessions() as session:
            return not await session.scalar(
                text("SELECT count(*) FROM updates WHERE outcome IS NULL")
            )

    await eventually(is_settled)
    assert await bot.end(signal.SIGTERM) == 0
    async with sessions() as session:
        rows = await session.execute(text("SELECT status, reason FROM turns ORDER BY received_at"))
        assert [tuple(row) for row in rows] == [("answered", None), ("failed", "interrupted")]
    assert simulator.counters.llm_calls_started == 2


async def test_the_bot_starts_without_the_libraries_of_files():
    code = (
        "from bot.aiogram_models import import_aiogram; import_aiogram(); import sys, bot.app;"
        " print(sorted({'PIL', 'pypdf'} & sys.modules.keys()))"
    )
    started = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, cwd=PROJECT, stdout=asyncio.subprocess.PIPE
    )
    assert (await started.communicate())[0] == b"[]\n"
