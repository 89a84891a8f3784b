"""When a process began is known well enough to tell its calls from those of the one before."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

from embedded.chaos.victims import Births

TICK_SECONDS = 1 / os.sysconf("SC_CLK_TCK")


def test_a_birth_is_known_to_the_tick_however_late_it_is_seen() -> None:
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

        births = Births(pids)
        assert seen.wait(60)
        [birth] = births.end()
        child.communicate(b"\n")
        assert before <= birth <= after + 2 * TICK_SECONDS


def test_who_is_gone_before_the_look_has_no_birth() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        child.wait()
    seen = threading.Event()

    def pids() -> list[int]:
        seen.set()
        return [child.pid]

    births = Births(pids)
    assert seen.wait(60)
    assert births.end() == []
