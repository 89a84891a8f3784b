"""Samples resources of the stack: memory, handles, threads, connections, parts, runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import psutil

from common.postgres import connect
from tests.chaos.checks.stores import Warehouse
from tests.soak.trend import Allowance

MEBIBYTE = 1024 * 1024
SAMPLED = (
    "bot",
    "api",
    "clickhouse",
    "postgres",
    "dagster-code",
    "dagster-daemon",
    "dagster-webserver",
    "simulator",
)
"""Programs whose main process is sampled; runs and sessions are counted below."""
ALLOWANCES = {
    "memory_mib": Allowance(absolute=8.0, share=0.05),
    "handles": Allowance(absolute=4.0),
    "threads": Allowance(absolute=4.0),
    "connections": Allowance(absolute=4.0),
    "parts": Allowance(absolute=20.0, share=0.10),
    "unfinished_runs": Allowance(absolute=1.0),
}
"""Allowances by the last word of a series' name."""
POOLS = {"bot": 20.0, "bot-statements": 8.0, "api": 20.0}
"""Application -> maximum of idle connections."""
HOLDERS = {"bot": ("bot", "bot-lanes", "bot-statements"), "api": ("api", "api-account-changes")}
"""Program -> applications whose connections are among its handles."""
PARTS = "SELECT count() AS parts FROM system.parts WHERE active AND database = currentDatabase()"
# Connections beyond the pool are closed right after use, so only idle ones count as held.
CONNECTIONS = (
    "SELECT coalesce(nullif(application_name, ''), 'unnamed') AS name, count(*) AS all,"
    " count(*) FILTER (WHERE state <> 'active') AS idle"
    " FROM pg_stat_activity WHERE backend_type = 'client backend' GROUP BY 1"
)
UNFINISHED = (
    "SELECT count(*) FROM runs WHERE status IN"
    " ('QUEUED', 'NOT_STARTED', 'STARTING', 'STARTED', 'CANCELING')"
)


def allowance(series: str) -> Allowance:
    """How much a series may grow."""
    holder, _, kind = series.rpartition(" ")
    if kind == "connections":
        return replace(ALLOWANCES[kind], fills_to=POOLS.get(holder, 0.0))
    return ALLOWANCES[kind]


def of_processes(pid_of: Callable[[str], int], names: Iterable[str] = SAMPLED) -> dict[str, float]:
    """Memory (unique to it, MiB), handles and threads of each program that runs."""
    sample: dict[str, float] = {}
    for name in names:
        try:
            process = psutil.Process(pid_of(name))
            with process.oneshot():
                sample[f"{name} memory_mib"] = process.memory_full_info().uss / MEBIBYTE
                sample[f"{name} handles"] = handles(process)
                sample[f"{name} threads"] = process.num_threads()
        except (psutil.Error, FileNotFoundError):
            # It is being restarted; the next sample has it again.
            continue
    return sample


def handles(process: psutil.Process) -> int:
    """Open files, except those about a running thread: threads have a series of their own.

    ClickHouse keeps three open for each thread that ever worked on a query.
    """
    folder = Path("/proc", str(process.pid))
    counted = 0
    for handle in (folder / "fd").iterdir():
        try:
            target = handle.readlink()
        except FileNotFoundError:
            # Closed since it was listed.
            continue
        is_of_thread = target.is_relative_to(folder / "task") and target.exists()
        counted += not is_of_thread
    return counted


async def of_stores(
    *, database_url: str, dagster_url: str, warehouse: Warehouse
) -> dict[str, float]:
    """Connections of PostgreSQL, parts of ClickHouse, unfinished runs of Dagster."""
    connection = await connect(database_url, application_name="soak")
    try:
        held = await connection.fetch(CONNECTIONS)
    finally:
        await connection.close()
    dagster = await connect(dagster_url, application_name="soak")
    try:
        unfinished = await dagster.fetchval(UNFINISHED)
    finally:
        await dagster.close()
    (parts,) = warehouse.rows(PARTS)
    return {
        **{f"{row['name']} connections": row["idle"] for row in held},
        **{f"{row['name']} all": row["all"] for row in held},
        "clickhouse parts": parts["parts"],
        "dagster unfinished_runs": unfinished,
    }


def without_connections(sample: dict[str, float]) -> dict[str, float]:
    """Subtract connections to PostgreSQL from handles: they have series of their own."""
    others = {name: value for name, value in sample.items() if not name.endswith(" all")}
    for program, holders in HOLDERS.items():
        if f"{program} handles" in others:
            others[f"{program} handles"] -= sum(sample.get(f"{one} all", 0) for one in holders)
    return others
