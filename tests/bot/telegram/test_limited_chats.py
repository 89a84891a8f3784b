"""A 429 of one chat pauses that chat; all pause only when several are limited together."""

from __future__ import annotations

import asyncio
import time

import pytest

from bot.telegram.send_limits import SendRateLimiter
from simulator.telegram.faults import TelegramFault
from tests.bot.conftest import MODEL, Start, World, group


class Watched(TelegramFault):
    """A 429, and when it struck."""

    def matches(self, method: str, chat_id: str) -> bool:
        is_meant = super().matches(method, chat_id)
        if is_meant:
            STRUCK.append(time.time())
        return is_meant


STRUCK: list[float] = []


@pytest.fixture
def struck() -> list[float]:
    """When each 429 struck."""
    STRUCK.clear()
    return STRUCK


def limit(world: World, chat_id: int, seconds: int, *, method: str = "sendMessage") -> None:
    fault = Watched(
        kind="error", method=method, chat_id=chat_id, status=429, times=1,
        description="Too Many Requests", retry_after=seconds,
    )  # fmt: skip
    world.simulator.telegram.faults.add(fault)


def answered_at(world: World, chat_id: int) -> float:
    return world.simulator.account.sent_log.records(chat_id=chat_id, kind="message")[0].at


async def test_a_429_of_a_group_pauses_that_group_alone(world: World, struck: list[float]):
    chat = group()
    limit(world, chat.id, 15)
    world.write(f"@{world.simulator.account.username} hello", chat=chat)
    await world.until(lambda: struck)

    asked = time.time()
    await world.ask("hello", person=7, chat=7)
    default_behaviour = time.time() - asked
    waiting = world.simulator.account.sent_log.texts(chat.id)
    await world.settled()

    assert waiting == []
    assert default_behaviour < 10
    assert answered_at(world, chat.id) >= struck[0] + 14.9
    flood = {turn.chat_type: turn.flood_wait_ms for turn in await world.turns()}
    assert flood["supergroup"] >= 14_900
    assert flood["private"] == 0


async def test_a_429_of_a_draft_pauses_its_chat_alone(world: World, struck: list[float]):
    limit(world, 1, 6, method="sendMessageDraft")
    world.simulator.model.set_behaviour(MODEL, answer="word " * 20, token_seconds=0.02)
    world.write("one", person=1)
    await world.until(lambda: struck)

    # The call of the first is under way: this is the second's.
    world.simulator.model.set_behaviour(MODEL, answer="word", token_seconds=0)
    world.write("two", person=2)
    await world.settled()

    assert answered_at(world, 1) >= struck[0] + 5.9
    assert answered_at(world, 2) < answered_at(world, 1)


async def test_all_pause_when_several_chats_are_limited_together(world: World, struck: list[float]):
    for chat_id, seconds in ((1, 4), (2, 4), (3, 6)):
        limit(world, chat_id, seconds)
        world.write("hello", person=chat_id)
    await world.until(lambda: len(struck) == 3)

    world.write("hello", person=4)
    await world.settled()

    # While several are limited, and no longer.
    assert min(answered_at(world, person) for person in (1, 2, 4)) >= min(struck) + 3.9
    assert answered_at(world, 4) < answered_at(world, 3)
    assert answered_at(world, 3) >= min(struck) + 5.9


async def test_waiting_for_the_bots_own_limits_is_no_flood_wait(start: Start):
    world = await start(telegram_chat_interval_seconds=1.0)
    world.simulator.model.set_behaviour(MODEL, answer="line\n" * 2000)
    world.write("long")
    await world.settled()

    [turn] = await world.turns()

    assert turn.answer_parts == 3
    # Two intervals, less what the bot itself takes between two messages.
    assert turn.pacing_wait_ms >= 1_000
    assert turn.flood_wait_ms == 0
    sample = world.app.metrics.registry.get_sample_value
    assert sample("telegram_flood_wait_seconds_total") == 0
    assert (sample("telegram_pacing_wait_seconds_total") or 0) >= 1.0


async def test_sends_to_one_chat_keep_their_order():
    pace = SendRateLimiter(per_second=1000, chat_interval_seconds=0.02, group_per_minute=1000)
    done: list[int] = []

    async def send(number: int) -> None:
        await pace.acquire(-5, is_group=True)
        done.append(number)

    pace.pause(-5, 0.2)
    await asyncio.gather(*(send(number) for number in range(10)))

    assert done == list(range(10))
