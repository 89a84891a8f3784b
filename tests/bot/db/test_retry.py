"""Retries of writes, on a fake clock."""

from __future__ import annotations

import pytest

from bot.db.retry import MAX_PAUSE_SECONDS, retry_write
from tests.fake_clock import now, with_fake_clock


class UnavailableUntil:
    """A write to a database that is unavailable until a moment."""

    def __init__(self, moment: float) -> None:
        self.moment = moment
        self.tried: list[float] = []

    async def __call__(self) -> str:
        self.tried.append(now())
        if now() < self.moment:
            raise ConnectionRefusedError
        return "written"


@with_fake_clock
async def test_pauses_double_up_to_the_maximum() -> None:
    write = UnavailableUntil(25)
    assert await retry_write(write) == "written"
    pauses = [later - earlier for earlier, later in zip(write.tried, write.tried[1:], strict=False)]
    assert pauses[:6] == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 3.2])
    assert pauses[6:] == pytest.approx([MAX_PAUSE_SECONDS] * len(pauses[6:]))
    assert 25 <= write.tried[-1] < 25 + MAX_PAUSE_SECONDS


@with_fake_clock
async def test_no_try_begins_after_the_time_limit() -> None:
    write = UnavailableUntil(1_000)
    with pytest.raises(ConnectionRefusedError):
        await retry_write(write, seconds=60)
    assert 60 - MAX_PAUSE_SECONDS < write.tried[-1] <= 60
    assert now() == write.tried[-1], "it does not wait after the last try"


@with_fake_clock
async def test_a_write_that_succeeds_at_once_does_not_wait() -> None:
    write = UnavailableUntil(0)
    assert await retry_write(write) == "written"
    assert (write.tried, now()) == ([0], 0)
