"""The cost of persistence, as a ratio of processor time, which other processes do not affect."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from benchmarks.bot.memory import run_memory
from common.postgres import Sessions
from common.settings import DatabaseSettings
from simulator.app import Simulator
from simulator.telegram.world import SimUser
from tests.bot.conftest import MODEL, make_settings, running_bot

TURNS = 50
CHATS = 10
MAX_MEASUREMENTS = 8
"""In turn, and the cheapest of each counts: a neighbour takes caches and only ever adds work."""
UNLIMITED = {"telegram_messages_per_second": 1000, "telegram_chat_interval_seconds": 0}


async def processor_seconds(simulator: Simulator) -> float:
    """For TURNS turns, the simulators' share (in this process too) included."""
    for measured in (False, True):
        began, sent = time.process_time(), simulator.counters.messages_sent
        for number in range(TURNS if measured else CHATS):
            simulator.account.send_text(
                f"what about {number}?", person=SimUser(id=number % CHATS + 1)
            )
        count = TURNS if measured else CHATS
        await simulator.wait_until(
            lambda count=count, sent=sent: simulator.counters.messages_sent >= sent + count,
            seconds=60,
        )
    return time.process_time() - began


@asynccontextmanager
async def bot_without_persistence(
    simulator: Simulator, database: DatabaseSettings
) -> AsyncIterator[None]:
    stop = asyncio.Event()
    bot = asyncio.create_task(run_memory(make_settings(simulator, database, **UNLIMITED), stop))
    yield
    stop.set()
    with suppress(TimeoutError):
        await asyncio.wait_for(bot, 20)


@pytest.mark.measures
async def test_a_turn_costs_at_most_two_fifths_more_than_without_persistence(
    simulator: Simulator, database: DatabaseSettings, sessions: Sessions
):
    simulator.model.set_behaviour(MODEL, answer="word " * 20)
    kept: list[float] = []
    forgotten: list[float] = []
    for _ in range(MAX_MEASUREMENTS):
        async with bot_without_persistence(simulator, database):
            forgotten.append(await processor_seconds(simulator))
        async with running_bot(simulator, database, sessions, **UNLIMITED):
            kept.append(await processor_seconds(simulator))
        if len(kept) > 1 and min(kept) < 1.4 * min(forgotten):
            break
    assert min(kept) < 1.4 * min(forgotten), (kept, forgotten)
