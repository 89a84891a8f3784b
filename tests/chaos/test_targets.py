"""Start times of processes are exact enough to assign each call to its process."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import TypeVar

import psutil

from tests.chaos.targets import ProcessStarts, _suspended

T = TypeVar("T")
TICK_SECONDS = 1 / os.sysconf("SC_CLK_TCK")


def test_a_start_is_known_to_the_tick_however_late_it_is_seen() -> None:
    for _ in range(3):
        before = time.time()
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
        after = time.time()
        seen = threading.Event()

        def pids(
            pid: int = child.pid, visible: float = before + 0.3, seen: threading.Event = seen
        ) -> list[int]:
            if time.time() > visible:
                seen.set()
                return [pid]
            return []

        starts = ProcessStarts(pids)
        assert seen.wait(60)
        [started] = starts.end()
        child.communicate(b"\n")
        assert before <= started <= after + 2 * TICK_SECONDS


def test_a_process_that_ended_before_it_was_seen_has_no_start() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        child.wait()
    seen = threading.Event()

    def pids() -> list[int]:
        seen.set()
        return [child.pid]

    starts = ProcessStarts(pids)
    assert seen.wait(60)
    assert starts.end() == []


def test_a_freeze_suspends_a_program_with_its_children_and_nothing_else() -> None:
    script = "import subprocess, sys; subprocess.run(['sleep', '60'])"
    with (
        subprocess.Popen([sys.executable, "-c", script]) as frozen,
        subprocess.Popen(["sleep", "60"]) as other,
    ):
        [child] = until(lambda: psutil.Process(frozen.pid).children())
        family = [psutil.Process(frozen.pid), child]
        with _suspended([frozen.pid]):
            until(lambda: all(one.status() == psutil.STATUS_STOPPED for one in family))
            assert psutil.Process(other.pid).status() != psutil.STATUS_STOPPED
        until(lambda: all(one.status() != psutil.STATUS_STOPPED for one in family))
        for process in (child, frozen, other):
            process.kill()


def until(look: Callable[[], T]) -> T:
    """Poll until `look` returns something true, and return it."""
    deadline = time.monotonic() + 60
    while not (seen := look()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return seen
