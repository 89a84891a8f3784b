"""When a message may go, by a clock that no test waits for."""

from __future__ import annotations

import asyncio

import pytest

from bot.telegram.send_limits import REMEMBERED_CHATS, Pace, Waited
from tests.fake_clock import moments, now, with_fake_clock

PRIVATE, OTHER, THIRD, FOURTH = 1, 2, 3, 4
GROUP = -5


def limits(
    *, per_second: float = 1_000, chat_seconds: float = 1.0, group_per_minute: int = 20
) -> Pace:
    return Pace(
        per_second=per_second,
        chat_interval_seconds=chat_seconds,
        group_per_minute=group_per_minute,
    )


@with_fake_clock
async def test_sends_to_one_chat_are_an_interval_apart_and_other_chats_do_not_wait() -> None:
    pace = limits()
    sends = [pace.turn(chat, is_group=False) for chat in (PRIVATE, PRIVATE, OTHER, PRIVATE)]
    assert await moments(*sends) == pytest.approx([0, 1, 0.001, 2], abs=0.01)


@with_fake_clock
async def test_all_chats_together_stay_under_the_limit_per_second() -> None:
    pace = limits(per_second=25)
    ended = await moments(*(pace.turn(chat, is_group=False) for chat in range(100)))
    assert ended == pytest.approx([number / 25 for number in range(100)])


@with_fake_clock
async def test_a_group_gets_so_many_within_any_minute() -> None:
    pace = limits(chat_seconds=0.5)
    ended = await moments(*(pace.turn(GROUP, is_group=True) for _ in range(50)))
    for first, later in zip(ended, ended[20:], strict=False):
        assert later - first >= 60
    assert ended[19] == pytest.approx(9.5)
    assert ended[20] == pytest.approx(60)
    # Private chats have no limit per minute.
    ended = await moments(*(pace.turn(PRIVATE, is_group=False) for _ in range(50)))
    assert ended[-1] - ended[0] == pytest.approx(24.5)


@with_fake_clock
async def test_a_chat_that_telegram_limits_waits_alone_and_the_wait_is_called_by_its_cause() -> (
    None
):
    pace = limits()
    pace.pause(PRIVATE, 7)
    limited, other = await asyncio.gather(
        pace.turn(PRIVATE, is_group=False), pace.turn(OTHER, is_group=False)
    )
    assert limited.flood_seconds == pytest.approx(7)
    assert limited.pacing_seconds == pytest.approx(0)
    assert other == Waited()
    assert not pace.is_paused
    paced = await pace.turn(PRIVATE, is_group=False)
    assert (paced.flood_seconds, paced.pacing_seconds) == pytest.approx((0, 1))


@with_fake_clock
async def test_a_pause_that_grows_while_a_send_waits_is_waited_out() -> None:
    pace = limits()
    pace.pause(PRIVATE, 3)

    async def grow() -> None:
        await asyncio.sleep(2)
        pace.pause(PRIVATE, 9)

    assert await moments(pace.turn(PRIVATE, is_group=False), grow()) == pytest.approx([11, 2])


@with_fake_clock
async def test_when_three_chats_are_limited_together_all_wait_while_three_still_are() -> None:
    pace = limits()
    for chat, seconds in ((PRIVATE, 30), (OTHER, 20)):
        pace.pause(chat, seconds)
    assert not pace.is_paused
    pace.pause(THIRD, 5)
    assert pace.is_paused
    assert not pace.try_now(FOURTH)
    assert await moments(pace.turn(FOURTH, is_group=False)) == pytest.approx([5])
    assert not pace.is_paused


@with_fake_clock
async def test_chats_that_are_limited_one_after_the_other_are_not_limited_together() -> None:
    pace = limits()
    for chat in (PRIVATE, OTHER, THIRD):
        pace.pause(chat, 60)
        await asyncio.sleep(6)
    assert not pace.is_paused


@with_fake_clock
async def test_what_may_be_left_out_goes_now_or_never() -> None:
    pace = limits(per_second=10)
    assert pace.try_now(PRIVATE)
    assert not pace.try_now(OTHER), "the slot of all chats is taken"
    await asyncio.sleep(0.1)
    assert pace.try_now(PRIVATE, counts=True)
    await asyncio.sleep(0.5)
    assert not pace.try_now(PRIVATE, counts=True), "an edit counts against the chat's interval"
    assert pace.try_now(PRIVATE), "a draft does not"
    await asyncio.sleep(0.5)
    assert pace.try_now(PRIVATE, counts=True)


@with_fake_clock
async def test_the_last_quarter_of_a_groups_minute_is_kept_for_answers() -> None:
    pace = limits(chat_seconds=0.1)
    for _ in range(15):
        assert pace.try_now(GROUP, is_group=True, counts=True)
        await asyncio.sleep(0.1)
    assert not pace.try_now(GROUP, is_group=True, counts=True)
    began = now()
    await asyncio.gather(*(pace.turn(GROUP, is_group=True) for _ in range(5)))
    assert now() - began < 1
    assert (await moments(pace.turn(GROUP, is_group=True)))[0] == pytest.approx(60)


@with_fake_clock
async def test_the_interval_counts_from_the_arrival_of_the_send_before() -> None:
    pace = limits()
    await pace.turn(PRIVATE, is_group=False)
    await asyncio.sleep(5)
    pace.sent(PRIVATE)
    assert await moments(pace.turn(PRIVATE, is_group=False)) == pytest.approx([6])


@with_fake_clock
async def test_only_so_many_chats_are_remembered_and_none_that_must_wait() -> None:
    pace = limits(per_second=1e9, chat_seconds=0.001)
    pace.pause(PRIVATE, 3_600)
    await pace.turn(GROUP, is_group=True)
    for chat in range(10, 10 + REMEMBERED_CHATS):
        pace.try_now(chat)
        await asyncio.sleep(0.001)
    assert len(pace._chats) <= REMEMBERED_CHATS
    assert not pace.try_now(PRIVATE)
    assert pace._used(pace._chat(GROUP), now()) == 1
