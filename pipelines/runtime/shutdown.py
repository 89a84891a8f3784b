"""`python -m pipelines.runtime.shutdown ARGUMENTS…`: Dagster's command whose runs end with it.

Runs are children of the code server, which would wait for them when it stops. A run
may end at any moment: what it had not published is done again by the next one.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType

import common  # noqa: F401 # before Dagster: it reads time zones, and common says from where

SECONDS_TO_END = 5.0
MAX_SHUTDOWN_SECONDS = 20.0
HOME = "DAGSTER_HOME"
STOPPED = "stopped"
"""The file in Dagster's home whose time is that of the last stop."""


def interrupt(number: int, frame: FrameType | None) -> None:
    """Pass the signal on to the runs, then treat it as Ctrl-C, as Dagster does."""
    if home := os.environ.get(HOME):
        with suppress(OSError):
            Path(home, STOPPED).touch()
    for run in multiprocessing.active_children():
        run.terminate()
        # A run that does not listen is cut.
        _after(SECONDS_TO_END, run.kill)
    # The server waits for a thread of its own, which dies when a run ends without PostgreSQL.
    _after(MAX_SHUTDOWN_SECONDS, lambda: os._exit(1))
    signal.default_int_handler(number, frame)


def last_stop() -> float | None:
    """When the code server was last told to stop, as a Unix time; None: unknown."""
    try:
        return Path(os.environ[HOME], STOPPED).stat().st_mtime
    except (KeyError, OSError):
        return None


def _after(seconds: float, act: Callable[[], None]) -> None:
    timer = threading.Timer(seconds, act)
    timer.daemon = True
    timer.start()


if __name__ == "__main__":
    # Dagster handles SIGTERM with whatever handles SIGINT when it starts.
    signal.signal(signal.SIGINT, interrupt)
    runpy.run_module("dagster", run_name="__main__")
