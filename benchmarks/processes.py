"""Memory and processor time of a stack, by program."""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import psutil

from embedded.stack.lifecycle import MEBIBYTE, Stack


@dataclass(frozen=True)
class ResourceUsage:
    """One program of the stack over a while."""

    name: str
    memory_mib: int
    cpu_percent: float


def processes(stack: Stack) -> list[psutil.Process]:
    root = psutil.Process(stack.supervisor.pid)
    return [root, *root.children(recursive=True)]


def title(process: psutil.Process) -> str:
    """The name of a process: its program, not its path."""
    words = process.cmdline()
    if words and words[0].startswith("postgres:"):
        return "postgres backends"
    if "-c" in words:
        # Started by multiprocessing: a run, or the monitor of runs.
        return "runs of Dagster"
    modules = [after for word, after in pairwise(words) if word == "-m"]
    if modules:
        return " ".join([*modules[:1], *(["grpc"] if "grpc" in words else [])])
    return Path(words[0]).name if words else process.name()


def watch(stack: Stack, *, seconds: float) -> list[ResourceUsage]:
    """CPU and memory by program over a while; children that come and go are counted too."""
    spent: dict[int, tuple[str, float, float]] = {}
    memory: dict[str, dict[int, int]] = {}
    clock = time.monotonic()
    end = clock + seconds
    while True:
        for process in processes(stack):
            try:
                times = process.cpu_times()
                name = spent[process.pid][0] if process.pid in spent else title(process)
                first = spent[process.pid][1] if process.pid in spent else times.user + times.system
                spent[process.pid] = (name, first, times.user + times.system)
                memory.setdefault(name, {})[process.pid] = process.memory_full_info().pss
            except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
                continue
        if time.monotonic() >= end:
            break
        time.sleep(2)
    elapsed = time.monotonic() - clock
    found = []
    for name, sizes in memory.items():
        spent_seconds = sum(last - first for other, first, last in spent.values() if other == name)
        found.append(
            ResourceUsage(
                name, round(sum(sizes.values()) / MEBIBYTE), round(100 * spent_seconds / elapsed, 1)
            )
        )
    return sorted(found, key=lambda each: -each.cpu_percent)
