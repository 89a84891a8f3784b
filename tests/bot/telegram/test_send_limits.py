"""Delays of sends, on a fake clock."""

from __future__ import annotations

import asyncio

import pytest

from bot.telegram.send_limits import MAX_REMEMBERED_CHATS, SendRateLimiter, WaitTimes
from tests.fake_clock import moments, now, with_fake_clock

PRIVATE, OTHER, THIRD, FOURTH = 1, 2, 3, 4
GROUP = -5


def limits(
    *, per_second: float = 1_000, chat_seconds: float = 1.0, group_per_minute: int = 20
) -> SendRateLimiter:
    return SendRateLimiter(
        per_second=per_second,
        chat_interval_seconds=chat_seconds,
        group_per_minute=group_per_minute,
    )


@with_fake_clock
async def test_sends_to_one_chat_are_an_interval_apart_and_other_chats_do_not_wait() -> None:
    limiter = limits()
    sends = [limiter.acquire(chat, is_group=False) for chat in (PRIVATE, PRIVATE, OTHER, PRIVATE)]
    assert await moments(*sends) == pytest.approx([0, 1, 0.001, 2], abs=0.01)


@with_fake_clock
async def test_all_chats_together_stay_under_the_limit_per_second() -> None:
    limiter = limits(per_second=25)
    ended = await moments(*(limiter.acquire(chat, is_group=False) for chat in range(100)))
    assert ended == pytest.approx([number / 25 for number in range(100)])


@with_fake_clock
async def test_sends_to_a_group_are_limited_within_any_minute() -> None:
    limiter = limits(chat_seconds=0.5)
    ended = await moments(*(limiter.acquire(GROUP, is_group=True) for _ in range(50)))
    for first, later in zip(ended, ended[20:], strict=False):
        assert later - first >= 60
    assert ended[19] == pytest.approx(9.5)
    assert ended[20] == pytest.approx(60)
    # Private chats have no limit per minute.
    ended = await moments(*(limiter.acquire(PRIVATE, is_group=False) for _ in range(50)))
    assert ended[-1] - ended[0] == pytest.approx(24.5)


@with_fake_clock
async def test_a_chat_limited_by_telegram_waits_alone_and_its_wait_counts_as_flood() -> None:
    limiter = limits()
    limiter.pause(PRIVATE, 7)
    limited, other = await asyncio.gather(
        limiter.acquire(PRIVATE, is_group=False), limiter.acquire(OTHER, is_group=False)
    )
    assert limited.flood_seconds == pytest.approx(7)
    assert limited.pacing_seconds == pytest.approx(0)
    assert other == WaitTimes()
    assert not limiter.is_paused
    paced = await limiter.acquire(PRIVATE, is_group=False)
    assert (paced.flood_seconds, paced.pacing_seconds) == pytest.approx((0, 1))


@with_fake_clock
async def test_a_pause_that_grows_while_a_send_waits_is_waited_out() -> None:
    limiter = limits()
    limiter.pause(PRIVATE, 3)

    async def grow() -> None:
        await asyncio.sleep(2)
        limiter.pause(PRIVATE, 9)

    assert await moments(limiter.acquire(PRIVATE, is_group=False), grow()) == pytest.approx([11, 2])


@with_fake_clock
async def test_when_three_chats_are_limited_together_all_wait_while_three_still_are() -> None:
    limiter = limits()
    for chat, seconds in ((PRIVATE, 30), (OTHER, 20)):
        limiter.pause(chat, seconds)
    assert not limiter.is_paused
    limiter.pause(THIRD, 5)
    assert limiter.is_paused
    assert not limiter.try_acquire(FOURTH)
    assert await moments(limiter.acquire(FOURTH, is_group=False)) == pytest.approx([5])
    assert not limiter.is_paused


@with_fake_clock
async def test_chats_that_are_limited_one_after_the_other_are_not_limited_together() -> None:
    limiter = limits()
    for chat in (PRIVATE, OTHER, THIRD):
        limiter.pause(chat, 60)
        await asyncio.sleep(6)
    assert not limiter.is_paused


@with_fake_clock
async def test_an_optional_send_is_sent_now_or_never() -> None:
    limiter = limits(per_second=10)
    assert limiter.try_acquire(PRIVATE)
    assert not limiter.try_acquire(OTHER), "the slot of all chats is taken"
    await asyncio.sleep(0.1)
    assert limiter.try_acquire(PRIVATE, counts_for_chat=True)
    await asyncio.sleep(0.5)
    assert not limiter.try_acquire(PRIVATE, counts_for_chat=True), (
        "an edit counts against the chat's interval"
    )
    assert limiter.try_acquire(PRIVATE), "a draft does not"
    await asyncio.sleep(0.5)
    assert limiter.try_acquire(PRIVATE, counts_for_chat=True)


@with_fake_clock
async def test_the_last_quarter_of_a_groups_minute_is_kept_for_answers() -> None:
    limiter = limits(chat_seconds=0.1)
    for _ in range(15):
        assert limiter.try_acquire(GROUP, is_group=True, counts_for_chat=True)
        await asyncio.sleep(0.1)
    assert not limiter.try_acquire(GROUP, is_group=True, counts_for_chat=True)
    began = now()
    await asyncio.gather(*(limiter.acquire(GROUP, is_group=True) for _ in range(5)))
    assert now() - began < 1
    assert (await moments(limiter.acquire(GROUP, is_group=True)))[0] == pytest.approx(60)


@with_fake_clock
async def test_the_interval_counts_from_the_arrival_of_the_send_before() -> None:
    limiter = limits()
    await limiter.acquire(PRIVATE, is_group=False)
    await asyncio.sleep(5)
    limiter.record_sent(PRIVATE)
    assert await moments(limiter.acquire(PRIVATE, is_group=False)) == pytest.approx([6])


@with_fake_clock
async def test_the_number_of_remembered_chats_is_bounded_but_waiting_chats_are_kept() -> None:
    limiter = limits(per_second=1e9, chat_seconds=0.001)
    limiter.pause(PRIVATE, 3_600)
    await limiter.acquire(GROUP, is_group=True)
    for chat in range(10, 10 + MAX_REMEMBERED_CHATS):
        limiter.try_acquire(chat)
        await asyncio.sleep(0.001)
    assert len(limiter._chats) <= MAX_REMEMBERED_CHATS
    assert not limiter.try_acquire(PRIVATE)
    assert limiter._used(limiter._chat(GROUP), now()) == 1
