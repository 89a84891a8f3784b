"""Runs supervisord so that a full disk only costs lines of log.

Supervisord reports on its standard error that a log could not be written. When that fails too, it
would end, and every program with it.
"""

from __future__ import annotations

import sys
from typing import TextIO

from supervisor import loggers, supervisord


class TolerantStream:
    """Writes to `stream` as far as possible, and drops the rest."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except OSError:
            return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError:
            # The unwritten rest stays in the buffer until the disk has room.
            return


class TolerantRotatingLog(loggers.RotatingFileHandler):  # type: ignore[misc] # published without types
    """A log that continues in its file when the next one cannot be created."""

    def doRollover(self) -> None:  # noqa: N802 # supervisor's name
        try:
            super().doRollover()
        except OSError:
            self.stream = open(self.baseFilename, "ab")  # noqa: SIM115, PTH123 # as supervisor does


def main() -> None:
    sys.stderr = TolerantStream(sys.stderr)
    loggers.RotatingFileHandler = TolerantRotatingLog
    supervisord.main()


if __name__ == "__main__":
    main()
