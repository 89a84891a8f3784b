"""When a process began is known well enough to tell its calls from those of the one before."""

from __future__ import annotations

import os
import threading
import time
from itertools import count

from embedded.chaos.victims import Births


def test_what_was_not_there_at_a_look_was_born_after_it() -> None:
    began = time.time()
    looks, seen = count(), threading.Event()

    def pids() -> list[int]:
        if next(looks) == 0:
            return []
        seen.set()
        # Older than this test by far, as the machine has it.
        return [os.getpid()]

    births = Births(pids)
    assert seen.wait(60)
    [birth] = births.end()
    assert began <= birth <= time.time()
