"""/usage and /export tell everything, /forget finds it without reading the whole inbox."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.db.tables import LlmCall, Turn
from bot.users.export import OWN_COLUMNS, own_text
from common.postgres import transaction
from simulator.model.behaviour import ModelFault
from tests.bot.conftest import FALLBACK, MODEL, Start, World, breaks_down
from tests.bot.constants import INVITATION, START_INVITED
from tests.bot.handlers.test_commands import press_forget


async def caption(world: World) -> str:
    """The caption of the picture of /usage."""
    world.write("/usage")
    sent_log = world.simulator.account.sent_log
    await world.until(lambda: sent_log.records(kind="photo"))
    return sent_log.records(kind="photo")[-1].text or ""


async def exported(world: World) -> dict[str, Any]:
    world.write("/export")
    sent_log = world.simulator.account.sent_log
    await world.until(lambda: sent_log.records(kind="document"))
    stored = sent_log.file(sent_log.records(kind="document")[-1].file_id or "")
    assert stored is not None
    return dict(orjson.loads(stored.content))


async def change(world: World, statement: str) -> None:
    async with transaction(world.sessions) as session:
        await session.execute(text(statement))


async def test_usage_counts_the_days(world: World):
    await world.ask("hello")
    await world.settled()
    await change(
        world,
        "INSERT INTO turns (id, bot_id, user_key, dialog_id, chat_type, status, received_at)"
        " SELECT gen_random_uuid(), bot_id, user_key, dialog_id, chat_type, status,"
        " received_at - interval '2 days' FROM turns",
    )

    assert "You used the bot on 2 days." in await caption(world)


async def test_usage_shows_remaining_limits_before_the_first_turn(start: Start):
    world = await start(daily_message_limit=3)

    said = await world.ask("/usage")

    assert said.splitlines() == ["You have not used anything yet.", "Messages left today: 3 of 3"]


@pytest.mark.usefixtures("one_day")
async def test_usage_shows_remaining_limits_after_forget(start: Start):
    world = await start(daily_message_limit=3)
    await world.ask("hello")
    await press_forget(world, "forget:yes")
    await world.replies(3)

    assert await world.ask("/usage") == "Messages left today: 2 of 3"


async def test_export_has_every_column_of_the_turns_and_their_attempts(start: Start):
    world = await start(llm_attempts=1)
    world.simulator.model.faults.add(ModelFault(kind="status", status=503, model=MODEL))
    await world.ask("hello")
    await world.settled()

    [turn] = (await exported(world))["turns"]

    attempts = turn.pop("attempts")
    assert turn.pop("dialog")
    assert set(turn) == {column.key for column in Turn.__table__.columns} - OWN_COLUMNS
    assert (turn["chat_type"], turn["language"], turn["model_asked"]) == ("private", "en", MODEL)
    assert turn["fallback_cause"] == "server_error"
    assert turn["sent_at"]
    assert turn["first_token_at"]
    assert [attempt["model"] for attempt in attempts] == [MODEL, FALLBACK]
    assert [attempt["outcome"] for attempt in attempts] == ["server_error", "answered"]
    columns = {column.key for column in LlmCall.__table__.columns}
    assert all(set(attempt) == columns - OWN_COLUMNS for attempt in attempts)
    assert attempts[1]["completion_tokens"] == turn["completion_tokens"] > 0


@pytest.mark.usefixtures("one_day")
async def test_export_has_usage_before_forget_and_parked_updates(
    start: Start, monkeypatch: pytest.MonkeyPatch
):
    world = await start(max_update_attempts=1)
    await world.ask("hello")
    await press_forget(world, "forget:yes")
    await world.replies(3)
    with monkeypatch.context() as bug:
        bug.setattr(world.app.turns, "answer", breaks_down)
        world.write("a riddle")
        await world.replies(4)

    given = await exported(world)

    spent = given["spent_before_forget"]
    assert {row["period"]: row["messages"] for row in spent} == {"day": 1, "month": 1}
    assert set(spent[0]) == {"period", "period_start", "messages", "cost_usd"}
    parked, wish = given["updates"]
    assert (parked["kind"], parked["outcome"], parked["text"]) == ("message", "parked", "a riddle")
    assert (wish["outcome"], wish["text"]) == (None, "/export")


@pytest.mark.parametrize(
    ("update", "words"),
    [
        (
            {
                "message": {
                    "text": "what do you mean?",
                    "reply_to_message": {"text": "theirs", "from": {"first_name": "Bob"}},
                    "chat": {"title": "Friends"},
                }
            },
            "what do you mean?",
        ),
        ({"message": {"caption": "look", "photo": [{}]}}, "look"),
        ({"message": {"sticker": {}}}, None),
        ({"message": [1]}, None),
        ([1], None),
        ("", None),
    ],
)
def test_export_has_only_the_users_own_text(update: Any, words: str | None):
    payload = orjson.dumps(update).decode() if update else update
    assert own_text("message", payload) == words


async def test_export_says_when_a_person_was_admitted_and_blocked_the_bot(start: Start):
    world = await start(access_mode="invite", access_invite_codes=INVITATION)
    await world.ask(START_INVITED)
    await change(world, "UPDATE users SET blocked_at = '2026-01-02T03:04:05Z'")

    given = await exported(world)

    assert given["blocked_at"] == "2026-01-02T03:04:05+00:00"
    assert given["settings"]["admitted_at"]


async def test_the_updates_of_a_person_are_found_by_an_index(engine: AsyncEngine):
    async with engine.begin() as connection:
        # The planner reads an empty table whole unless it may not.
        await connection.execute(text("SET LOCAL enable_seqscan = off"))
        plan = await connection.scalars(
            text("EXPLAIN SELECT payload FROM updates WHERE user_key = 1 AND outcome IS NOT NULL")
        )
        assert "ix_updates_user_key" in "\n".join(plan)
