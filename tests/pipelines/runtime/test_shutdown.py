"""The code server ends on SIGTERM, also when Dagster's own server does not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.runtime.shutdown import HOME, last_stop

PROJECT = Path(__file__).parents[3]
# Hangs like Dagster's server after the thread that should wake it has died.
STUCK_SERVER = """
import signal, threading, time
from pipelines.runtime import shutdown
shutdown.MAX_SHUTDOWN_SECONDS = 0.5
signal.signal(signal.SIGTERM, shutdown.interrupt)
try:
    print("up", flush=True)
    while True:
        time.sleep(0.05)
finally:
    threading.Event().wait()
"""


def test_a_server_that_hangs_in_its_end_is_cut_and_the_stop_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(HOME, str(tmp_path))
    assert last_stop() is None
    with subprocess.Popen(
        [sys.executable, "-c", STUCK_SERVER], cwd=PROJECT, stdout=subprocess.PIPE
    ) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == b"up\n"
        server.terminate()
        try:
            assert server.wait(timeout=60) == 1
        finally:
            server.kill()
    assert last_stop() is not None
