"""A leak is found despite noise, and noise alone is not a leak."""

from __future__ import annotations

import random
import threading
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from bot.db.statements import MAX_CONNECTIONS
from common.settings import DatabaseSettings
from tests.running import in_own_process
from tests.soak.__main__ import table
from tests.soak.sampling import (
    ALLOWANCES,
    allowance,
    handles,
    without_connections,
)
from tests.soak.trend import (
    Allowance,
    growing,
    slope,
    trend,
)

MINUTES = 30


def series(*, per_minute: float, noise: float, warm_up: float = 0.0) -> list[tuple[float, float]]:
    """A sample every ten seconds for half an hour; `warm_up` comes in the first half."""
    chance = random.Random(4)
    count = MINUTES * 6
    return [
        (
            number * 10.0,
            100
            + per_minute * number / 6
            + warm_up * min(1, 2 * number / count)
            + chance.uniform(-noise, noise),
        )
        for number in range(count)
    ]


def test_the_slope_is_not_moved_by_a_few_wild_samples() -> None:
    points = series(per_minute=6.0, noise=0.0)
    points[100] = (points[100][0], 5_000.0)
    assert slope(points) == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("per_minute", "noise", "is_flat"), [(0.0, 10.0, True), (1.0, 10.0, False), (-1.0, 5.0, True)]
)
def test_a_leak_of_one_a_minute_is_found_under_noise(
    *, per_minute: float, noise: float, is_flat: bool
) -> None:
    judged = trend(series(per_minute=per_minute, noise=noise), Allowance(absolute=8.0))
    assert judged.is_flat is is_flat


def test_warming_up_in_the_first_half_is_no_growth() -> None:
    judged = trend(series(per_minute=0.0, noise=1.0, warm_up=300.0), Allowance(absolute=8.0))
    assert judged.is_flat
    assert judged.last > judged.first + 250


def test_a_share_of_what_is_usual_may_be_more_than_the_least_allowance() -> None:
    points = series(per_minute=1.0, noise=0.0)
    assert not trend(points, Allowance(absolute=8.0, share=0.05)).is_flat
    assert trend(points, Allowance(absolute=8.0, share=0.2)).is_flat


def test_a_pool_may_fill_up_to_its_size_and_not_beyond() -> None:
    points = [(second, float(min(second, 20))) for second in range(40)]
    assert trend(points[:25], Allowance(absolute=4.0, fills_to=20.0)).is_flat
    leak = [(second, float(second)) for second in range(40)]
    assert not trend(leak, Allowance(absolute=4.0, fills_to=20.0)).is_flat
    assert (
        allowance("bot connections").fills_to
        == DatabaseSettings.model_fields["db_pool_size"].default
    )
    assert allowance("bot-statements connections").fills_to == MAX_CONNECTIONS


def test_connections_are_not_counted_among_handles_again() -> None:
    sample = {"bot handles": 50.0, "bot all": 12.0, "bot-lanes all": 1.0, "bot connections": 10.0}
    assert without_connections(sample) == {"bot handles": 37.0, "bot connections": 10.0}


def open_files() -> list[str]:
    found = []
    for handle in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):
            found.append(str(handle.readlink()))
    return sorted(found)


def handles_around_a_thread() -> tuple[list[int], list[list[str]]]:
    """Count handles at each step: at first, with a file about a thread, with another, and so on.

    Also returns the open files at each step.
    """
    may_end, own = threading.Event(), psutil.Process()
    counts, seen = [], []

    def look() -> None:
        counts.append(handles(own))
        seen.append(open_files())

    thread = threading.Thread(target=may_end.wait)
    thread.start()
    look()
    task = Path(f"/proc/{own.pid}/task/{thread.native_id}")
    with (task / "stat").open():
        look()
        with Path("/proc/self/stat").open():
            look()
        may_end.set()
        thread.join()
        # `join` returns shortly before the kernel has ended the thread.
        while task.exists():
            time.sleep(0.001)
        look()
    look()
    return counts, seen


def test_a_file_about_a_thread_counts_once_the_thread_is_gone() -> None:
    counts, seen = in_own_process(handles_around_a_thread)
    before, about_thread, about_more, without_thread, after = counts
    assert about_thread == after == before, seen
    assert about_more == without_thread == before + 1, seen


def test_the_table_and_the_verdict_name_what_grows() -> None:
    trends = {
        name: trend(series(per_minute=rate, noise=0.1), allowance(name))
        for name, rate in {
            "bot memory_mib": 2.0,
            "api handles": 0.0,
            "clickhouse parts": 0.1,
        }.items()
    }
    assert growing(trends) == ["bot memory_mib"]
    assert [line.split()[:2] for line in table(trends) if line.endswith("grows")] == [
        ["bot", "memory_mib"]
    ]


def test_every_allowance_is_far_below_what_a_leak_per_message_makes() -> None:
    # Six messages a second for a quarter of an hour.
    assert all(one.absolute <= 6 * 60 * 15 / 100 for one in ALLOWANCES.values())
