"""Times several contenders in turn and reports median, spread and machine.

One round asks each contender once, fast ones several times, so that a machine whose speed drifts
affects all of them equally.
"""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

FAST_SECONDS = 0.1
FAST_REPEATS = 5

Ask = Callable[[], Awaitable[Any]]


@dataclass(frozen=True)
class Times:
    """Milliseconds of one contender."""

    samples: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.samples)

    @property
    def fastest(self) -> float:
        return min(self.samples)

    @property
    def slowest(self) -> float:
        return max(self.samples)

    def __str__(self) -> str:
        return f"{self.median:.1f} ({self.fastest:.1f}-{self.slowest:.1f})"


async def alternately(contenders: Mapping[str, Ask], *, rounds: int) -> dict[str, Times]:
    """Milliseconds of each; the first answer of each is left out."""
    samples: dict[str, list[float]] = {name: [] for name in contenders}
    repeats = {}
    for name, ask in contenders.items():
        repeats[name] = FAST_REPEATS if await _seconds(ask) < FAST_SECONDS else 1
    for _ in range(rounds):
        for name, ask in contenders.items():
            for _ in range(repeats[name]):
                samples[name].append(await _seconds(ask) * 1_000)
    return {name: Times(tuple(taken)) for name, taken in samples.items()}


async def _seconds(ask: Ask) -> float:
    clock = time.perf_counter()
    await ask()
    return time.perf_counter() - clock


def machine() -> str:
    """The machine and its load, on one line."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    loads = ", ".join(f"{load:.1f}" for load in os.getloadavg())
    return (
        f"{os.cpu_count()} x {_processor()}, {memory:.0f} GiB, Linux {platform.release()},"
        f" Python {platform.python_version()}, load {loads},"
        f" {datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)
