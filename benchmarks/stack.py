"""The whole product on this machine: start time, memory, processor time and freshness.

`make bench-stack`. A fresh clone is set up and started (with COLD=0 it is not), then a stack on
throw-away data starts twice; the second start is the warm one. Its processes are measured while it
is idle, then while people write at a steady pace and the API is read twice a second. At last
another stack starts on a large ledger and is kept busy (`benchmarks/stack_busy.py`, unless ROWS=0).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.processes import watch
from benchmarks.stack_busy import busy
from benchmarks.timing import machine, table
from common.errors import StartupError
from embedded.stack.api_client import ApiClient
from embedded.stack.lifecycle import Progress, Stack
from embedded.stack.plan import PROJECT, Plan
from embedded.stack.smoke import (
    READ_EVERY_SECONDS,
    Reading,
    commit_times,
    freshness,
    isolated_plan,
)

MESSAGES_PER_SECOND = 2.0


class QuietProgress(Progress):
    """Prints no progress: the last line of a benchmark is its result."""

    def say(self, line: str) -> None:
        print(line, file=sys.stderr, flush=True)


def start(plan: Plan) -> tuple[Stack, float]:
    clock = time.monotonic()
    stack = Stack(plan, progress=QuietProgress())
    stack.__enter__()
    try:
        stack.start_services()
    except BaseException:
        stack.__exit__()
        raise
    return stack, time.monotonic() - clock


def steady_traffic(stack: Stack, *, seconds: float) -> list[float]:
    """People write at a steady pace; seconds from each turn's commit until the API counts it."""
    plan = stack.plan
    client = ApiClient(
        plan.api_url,
        username="benchmark",
        password=plan.keys.secret("smoke_password"),
    )
    client.register(plan.secret("admin_registration_token"))
    limit = round(seconds * MESSAGES_PER_SECOND)
    replay = subprocess.Popen(  # noqa: S603 # the project's own program
        plan.replay_command("--limit", str(limit), "--rate", str(MESSAGES_PER_SECOND)),
        env=plan.replay_environment(),
        cwd=PROJECT,
        stdout=subprocess.DEVNULL,
    )
    readings: list[Reading] = []
    patience = time.monotonic() + 3 * seconds + 60
    while time.monotonic() < patience:
        summary = client.stats("day")["summary"]["current"]
        readings.append(
            Reading(
                time.time(),
                summary["turns"],
                summary["user_messages"],
                summary["answers"],
                summary["active_users"],
            )
        )
        if replay.poll() is not None and readings[-1].turns == len(_committed(plan)):
            break
        time.sleep(READ_EVERY_SECONDS)
    client.close()
    return freshness(_committed(plan), readings)


def _committed(plan: Plan) -> list[float]:
    return asyncio.run(commit_times(plan.database_url()))


def cold_start() -> dict[str, float]:
    """Seconds of `git clone`, `make setup web` and the first start, in a directory of its own."""
    found = {}
    with tempfile.TemporaryDirectory(prefix="clone") as directory:
        # Under root, PostgreSQL runs as another user, who must reach the clone's programs.
        Path(directory).chmod(0o755)
        clone = Path(directory) / "dialytics"
        steps: dict[str, Sequence[str]] = {
            "clone": ("git", "clone", "--quiet", str(PROJECT), str(clone)),
            "setup": ("make", "--silent", "--directory", str(clone), "setup"),
            "web": ("make", "--silent", "--directory", str(clone), "web"),
        }
        for name, command in steps.items():
            clock = time.monotonic()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 # our own
            found[name] = time.monotonic() - clock
        outcome = subprocess.run(  # noqa: S603 # the clone's own interpreter
            [str(clone / ".venv/bin/python"), "-m", "benchmarks.stack", "--only-start"],
            cwd=clone,
            env={"PYTHONPATH": str(clone), "PATH": "/usr/bin:/bin", "HOME": directory},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        found["first start"] = float(json.loads(outcome.stdout.splitlines()[-1])["seconds"])
    return found


def percentile(values: Sequence[float], rank: int) -> float:
    """The `rank`-th percentile."""
    return statistics.quantiles(values, n=100, method="inclusive")[rank - 1]


def measure(*, idle_seconds: float, traffic_seconds: float) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="dialytics-") as directory:
        plan = isolated_plan(Path(directory))
        stack, first = start(plan)
        stack.__exit__()
        stack, warm = start(plan)
        try:
            # First runs and first batches after a start are no idle load.
            time.sleep(min(60.0, idle_seconds))
            usage = watch(stack, seconds=idle_seconds)
            waits = steady_traffic(stack, seconds=traffic_seconds)
            memory = stack.memory_mib()
        finally:
            stack.__exit__()
    if len(waits) < 2:
        raise StartupError("no turn became visible")
    return {
        "first": first,
        "warm": warm,
        "usage": usage,
        "waits": waits,
        "memory": memory,
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench-stack", description=__doc__)
    parser.add_argument("--idle-seconds", type=float, default=120)
    parser.add_argument("--traffic-seconds", type=float, default=120)
    parser.add_argument("--cold", type=int, choices=(0, 1), default=1)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--busy-seconds", type=float, default=120)
    parser.add_argument("--only-start", action="store_true")
    given = parser.parse_args()
    if given.only_start:
        with tempfile.TemporaryDirectory(prefix="dialytics-") as directory:
            stack, seconds = start(isolated_plan(Path(directory)))
            stack.__exit__()
        print(json.dumps({"seconds": seconds}))
        return
    cold = cold_start() if given.cold else {}
    found = measure(idle_seconds=given.idle_seconds, traffic_seconds=given.traffic_seconds)
    load = (
        busy(given.rows, seconds=given.busy_seconds, progress=QuietProgress())
        if given.rows
        else None
    )
    usage, waits = found["usage"], found["waits"]
    print(f"\n{machine()}\n")
    steps = [*cold.items(), ("start on empty data", found["first"]), ("warm start", found["warm"])]
    print(table(("step", "s"), [(name, f"{seconds:.1f}") for name, seconds in steps]))
    print()
    print(
        table(
            ("process, idle", "MiB (PSS)", "% of a core"),
            [(each.name, each.memory_mib, each.cpu_percent) for each in usage],
        )
    )
    figures = {
        "cold_seconds": round(sum(cold.values()), 1) if cold else None,
        "warm_seconds": round(found["warm"], 1),
        "idle_mib": sum(each.memory_mib for each in usage),
        "rss_mib": found["memory"],
        "idle_cpu_percent": round(sum(each.cpu_percent for each in usage), 1),
        "turns": len(waits),
        **{
            f"freshness_p{rank}_seconds": round(percentile(waits, rank), 1)
            for rank in (50, 90, 95, 99)
        },
        "busy_freshness_p95_seconds": load and round(percentile(load.waits, 95), 1),
        "busy_cores": load and round(load.cores, 2),
    }
    if load:
        print(
            f"\n{given.rows:,} turns in the ledger, {load.turns_per_second:.1f} more a second,"
            f" a publication every {load.publish_seconds:.1f} s\n"
        )
        print(
            table(
                ("process, busy", "MiB (PSS)", "% of a core"),
                [(each.name, each.memory_mib, each.cpu_percent) for each in load.usage],
            )
        )
    print(f"\n{table(tuple(figures), [tuple(figures.values())])}\n")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
