"""`kill -9` at random moments, restart: in the end nothing is lost and nothing doubled.

STORM sets the number of updates; there is one kill for every ten.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import func, select, text

from bot.db.tables import UpdateRow
from common.postgres import Sessions
from common.settings import DatabaseSettings
from simulator.app import Simulator
from simulator.model.answers import last_user_text
from simulator.telegram.world import SimUser
from tests.bot.conftest import MODEL
from tests.bot.process import BotProcess, bot_environment
from tests.running import eventually

UPDATES = int(os.environ.get("STORM", "20"))
KILLS = max(UPDATES // 10, 1)
CHATS = min(25, max(UPDATES // 8, 1))
COMMANDS = ("/help", "/history", "/model", "/system")


@pytest.mark.timeout(600 + 20 * UPDATES)
async def test_after_kills_every_update_has_one_outcome_and_every_text_one_turn(
    simulator: Simulator, database: DatabaseSettings, sessions: Sessions, tmp_path: Path
):
    chance = random.Random(7)
    simulator.model.set_behaviour(
        MODEL, first_token_seconds=0.1, token_seconds=0.05, answer_words=16
    )
    # Each text a turn of its own, so that they can be counted; `make chaos` kills with joined ones.
    environment = bot_environment(simulator, database, JOIN_SHORT_SECONDS="0")
    bot = BotProcess(environment, tmp_path / "bot.log")
    texts, commands = await storm(simulator, bot, chance)
    await bot.start()

    async def is_done() -> bool:
        async with sessions() as session:
            settled = await session.scalar(
                select(func.count()).where(UpdateRow.outcome.is_not(None))
            )
        return settled == UPDATES and len(simulator.account.queue) == 0

    await eventually(is_done, seconds=300 + UPDATES)
    assert await bot.end(signal.SIGTERM) == 0

    async with sessions() as session:
        outcomes = Counter((await session.scalars(select(UpdateRow.outcome))).all())
        assert outcomes == {"turn": len(texts), "command": len(commands)}
        names = await session.scalars(text("SELECT name FROM user_events"))
        assert Counter(names) == Counter(words.removeprefix("/") for words in commands)
        doubled = await session.execute(
            text(
                "SELECT turn_id FROM updates WHERE outcome = 'turn' GROUP BY 1 HAVING count(*) > 1"
            )
        )
        assert doubled.all() == []
        turns = (
            await session.execute(text("SELECT status, reason, count(*) FROM turns GROUP BY 1, 2"))
        ).all()
        assert sum(turn.count for turn in turns) == len(texts)
        assert {turn.status for turn in turns} <= {"answered", "failed"}
        assert {turn.reason for turn in turns} <= {None, "interrupted"}
        recorded = await session.scalar(text("SELECT count(*) FROM llm_calls"))
        questions = await session.scalar(text("SELECT count(*) FROM messages WHERE role = 'user'"))
        assert recorded == questions == len(texts)
    # Questions left unanswered by a kill come before it.
    asked = Counter(last_user_text(call.messages).rpartition("\n\n")[2] for call in simulator.calls)
    assert set(asked.values()) <= {1}, "a paid call was repeated"
    assert set(asked) <= set(texts)
    replies = simulator.counters.messages_sent
    assert len(texts) + len(commands) <= replies <= UPDATES + KILLS
    print(f"kills={KILLS} updates={UPDATES} repeated={replies - UPDATES} turns={turns}")  # noqa: T201 # a storm by hand wants its numbers


async def storm(
    simulator: Simulator, bot: BotProcess, chance: random.Random
) -> tuple[list[str], list[str]]:
    """Write all updates while the bot is killed and started again; it ends dead."""
    texts: list[str] = []
    commands: list[str] = []
    for kill in range(KILLS):
        await bot.start()
        for number in range(kill * UPDATES // KILLS, (kill + 1) * UPDATES // KILLS):
            words = chance.choice(COMMANDS) if chance.random() < 0.2 else f"question {number}"
            (commands if words in COMMANDS else texts).append(words)
            simulator.account.send_text(words, person=SimUser(id=chance.randint(1, CHATS)))
        # From just after the first poll to the middle of answers.
        calls = simulator.counters.llm_calls_started
        with suppress(TimeoutError):
            await simulator.wait_until(
                lambda calls=calls: simulator.counters.llm_calls_started > calls, seconds=15
            )
        await asyncio.sleep(chance.random() ** 2 * 1.5)
        await bot.end(signal.SIGKILL)
    return texts, commands
