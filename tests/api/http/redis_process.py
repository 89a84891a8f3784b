"""A real Redis of one's own on a free port, started for one test."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from embedded.stack.readiness import free_ports
from tests.programs import program


class RedisProcess:
    """Starts, stops and starts again on the same port. Keeps nothing on disk."""

    def __init__(self, directory: Path) -> None:
        self._program = program("redis-server")
        self._directory = directory
        # It is stopped and started on the same port: no connection may take that meanwhile.
        (self.port,) = free_ports(1)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        self._process = subprocess.Popen(
            [self._program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "",
             "--appendonly", "no", "--dir", str(self._directory)],
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        deadline = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                assert time.monotonic() < deadline, "Redis did not start"
                time.sleep(0.02)
            else:
                return

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=60)
            self._process = None


@contextmanager
def redis(directory: Path) -> Iterator[RedisProcess]:
    """Redis until the block ends."""
    process = RedisProcess(directory)
    process.start()
    try:
        yield process
    finally:
        process.stop()
