"""The source of the demo's dialogs: a data file, or generated."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

from pydantic import Field

from common.settings import Section
from simulator.demo.datafile import DataFile, DialogSource, UnreadableLine
from simulator.demo.traffic import GeneratedDialogs


class DialogSettings(Section):
    data: Path | None = None
    """File of dialogs (gzip JSON lines); unset: dialogs are generated."""
    simulator_people: int = Field(default=300, ge=1)
    """Number of generated users."""
    simulator_days: int = Field(default=60, ge=1, le=3660)
    """Number of days of generated dialogs."""


def report_line(text: str) -> None:
    """Print a progress message to stderr."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def open_dialogs(path: Path | None, settings: DialogSettings) -> DialogSource:
    """The dialogs of `path`, else of DATA, else generated ones that end today.

    Raises:
        SettingError: the file is missing or not gzip.
    """
    data = path or settings.data
    if data is None:
        return GeneratedDialogs(
            people=settings.simulator_people,
            days=settings.simulator_days,
            last_day=datetime.now(UTC).date(),
        )

    def report_unreadable(line: UnreadableLine) -> None:
        report_line(f"{data}: line {line.number} skipped: {line.reason}")

    return DataFile(data, report=report_unreadable)


def count(text: str) -> int:
    """Parse a number of messages."""
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError("must not be negative")
    return value
