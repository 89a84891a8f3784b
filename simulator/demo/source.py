"""Which dialogs a demo uses: a data file, or made up ones. Knows nothing about where they go."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from pydantic import Field

from common.settings import Section
from simulator.demo.datafile import DataFile, Dialogs, Unreadable
from simulator.demo.traffic import MadeUpDialogs


class DialogSettings(Section):
    data: Path | None = None
    """File of dialogs (gzip JSON lines); unset: dialogs are made up."""
    simulator_people: int = Field(default=300, ge=1)
    """How many people are made up."""
    simulator_days: int = Field(default=60, ge=1, le=3660)
    """How many days of their dialogs."""


def report_line(text: str) -> None:
    """A line of progress for whoever watches the command."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def open_dialogs(
    path: Path | None, settings: DialogSettings, *, report: Callable[[str], None] = report_line
) -> Dialogs:
    """The dialogs of `path`, else of DATA, else made up ones that end today.

    Raises:
        SettingError: the file is missing or not gzip, naming DATA.
    """
    data = path or settings.data
    if data is None:
        return MadeUpDialogs(
            people=settings.simulator_people,
            days=settings.simulator_days,
            last_day=datetime.now(UTC).date(),
        )

    def report_unreadable(line: Unreadable) -> None:
        report(f"{data}: line {line.number} skipped: {line.reason}")

    return DataFile(data, report=report_unreadable)


def count(text: str) -> int:
    """A command line's number of messages."""
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError("must not be negative")
    return value
