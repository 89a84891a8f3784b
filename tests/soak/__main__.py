"""`python -m tests.soak --minutes M`: steady traffic; reports resources that grow."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType

from common.process import run
from embedded.stack.lifecycle import Progress
from tests.chaos.stack import TestStack, start_test_stack
from tests.soak.sampling import (
    allowance,
    of_processes,
    of_stores,
    without_connections,
)
from tests.soak.trend import (
    Point,
    Trend,
    growing,
    trend,
)

SAMPLES_AT_MOST = 180
MIN_SECONDS_BETWEEN = 2.0
READ_SECONDS = 0.5
SHOWN_SAMPLES = 30
PERIODS = ("day", "week", "month")


@dataclass(frozen=True, kw_only=True)
class SoakResult:
    """The last line of `make soak`."""

    minutes: float
    samples: int
    updates_sent: int
    answers_read: int
    turns_recorded: int
    lost: int
    rows_differ: int
    grows: list[str]
    """Series that are not flat over the second half."""
    ok: bool


class Soak:
    """Reads dashboards and samples every series while simulated users write."""

    def __init__(self, stack: TestStack) -> None:
        self._stack = stack
        self._started = time.monotonic()
        self.series: dict[str, list[Point]] = {}
        self.answers_read = 0

    def run(self, *, seconds: float) -> None:
        """Read and sample for this long."""
        between = max(MIN_SECONDS_BETWEEN, seconds / SAMPLES_AT_MOST)
        next_sample = 0.0
        while (now := time.monotonic() - self._started) < seconds:
            if now >= next_sample:
                self.sample()
                next_sample = now + between
            self._read()
            time.sleep(READ_SECONDS)

    def sample(self) -> None:
        """Add one sample to every series."""
        now = time.monotonic() - self._started
        sample = of_processes(self._stack.pid_of)
        sample |= asyncio.run(
            of_stores(
                database_url=self._stack.database_url,
                dagster_url=self._stack.dagster_url,
                warehouse=self._stack.warehouse,
            )
        )
        for name, value in without_connections(sample).items():
            self.series.setdefault(name, []).append((now, value))

    def _read(self) -> None:
        self._stack.client.stats(PERIODS[self.answers_read % len(PERIODS)])
        self.answers_read += 1

    @property
    def sparsely(self) -> int:
        """Step between the samples shown of a series that grows."""
        longest = max(map(len, self.series.values()), default=0)
        return max(1, longest // SHOWN_SAMPLES)

    def trends(self) -> dict[str, Trend]:
        """The trend of every series."""
        return {name: trend(points, allowance(name)) for name, points in self.series.items()}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, _interrupt)
    result = _soak(minutes=arguments.minutes)
    sys.stdout.write(json.dumps(asdict(result)) + "\n")
    return 0 if result.ok else 1


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _soak(*, minutes: float) -> SoakResult:
    progress = Progress()
    with (
        tempfile.TemporaryDirectory(prefix="dialytics-") as directory,
        start_test_stack(Path(directory), filler=None, seed=0, progress=progress) as stack,
    ):
        progress.say(f"Traffic for {minutes:g} minutes")
        soak = Soak(stack)
        stack.writers.start()
        try:
            soak.run(seconds=minutes * 60)
        finally:
            stack.writers.stop()
        stack.wait_recovered()
        findings = stack.compare_all(stack.observed())
        sent = len(stack.writers.record.update_ids)
    trends = soak.trends()
    for line in table(trends):
        progress.say(line)
    for detail in findings.details:
        progress.say(detail)
    grows = growing(trends)
    for name in grows:
        values = [f"{value:.0f}" for _, value in soak.series[name][:: soak.sparsely]]
        progress.say(f"{name}: {' '.join(values)}")
    return SoakResult(
        minutes=minutes,
        samples=max((len(points) for points in soak.series.values()), default=0),
        updates_sent=sent,
        answers_read=soak.answers_read,
        turns_recorded=findings.turns_recorded,
        lost=findings.lost,
        rows_differ=findings.rows_differ,
        grows=grows,
        ok=not grows and findings.is_clean and sent > 0,
    )


def table(trends: dict[str, Trend]) -> list[str]:
    """One line per series."""
    lines = [f"{'series':32} {'first':>8} {'middle':>8} {'last':>8} {'growth':>8} {'allowed':>8}"]
    lines += [
        f"{name:32} {one.first:8.1f} {one.middle:8.1f} {one.last:8.1f}"
        f" {one.growth:8.1f} {one.allowed:8.1f}{'' if one.is_flat else '  grows'}"
        for name, one in sorted(trends.items())
    ]
    return lines


if __name__ == "__main__":
    run(main)
