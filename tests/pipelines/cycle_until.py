"""One cycle in a process of its own that kills itself after the named step.

`python -m tests.pipelines.cycle_until STEP COUNT`: STEP `-` runs to the end.
"""

from __future__ import annotations

import os
import signal
import sys

from pipelines.cycle import run_cycle
from pipelines.settings import load_settings


def main() -> None:
    name, count = sys.argv[1], int(sys.argv[2])
    seen = 0

    def step(done: str) -> None:
        nonlocal seen
        seen += done == name
        if seen == count and done == name:
            os.kill(os.getpid(), signal.SIGKILL)

    run_cycle(load_settings(), step=step)


if __name__ == "__main__":
    main()
