"""When a write is repeated, by a clock that no test waits for."""

from __future__ import annotations

import pytest

from bot.db.retry import LONGEST_PAUSE_SECONDS, persist
from tests.fake_clock import now, with_fake_clock


class AwayUntil:
    """A write to a database that cannot be reached before some moment."""

    def __init__(self, moment: float) -> None:
        self.moment = moment
        self.tried: list[float] = []

    async def __call__(self) -> str:
        self.tried.append(now())
        if now() < self.moment:
            raise ConnectionRefusedError
        return "written"


@with_fake_clock
async def test_pauses_double_up_to_the_longest() -> None:
    write = AwayUntil(25)
    assert await persist(write) == "written"
    pauses = [later - earlier for earlier, later in zip(write.tried, write.tried[1:], strict=False)]
    assert pauses[:6] == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 3.2])
    assert pauses[6:] == pytest.approx([LONGEST_PAUSE_SECONDS] * len(pauses[6:]))
    assert 25 <= write.tried[-1] < 25 + LONGEST_PAUSE_SECONDS


@with_fake_clock
async def test_no_try_begins_after_the_time_that_was_given() -> None:
    write = AwayUntil(1_000)
    with pytest.raises(ConnectionRefusedError):
        await persist(write, seconds=60)
    assert 60 - LONGEST_PAUSE_SECONDS < write.tried[-1] <= 60
    assert now() == write.tried[-1], "it does not wait for nothing"


@with_fake_clock
async def test_a_write_that_succeeds_at_once_waits_for_nothing() -> None:
    write = AwayUntil(0)
    assert await persist(write) == "written"
    assert (write.tried, now()) == ([0], 0)
