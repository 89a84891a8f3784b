"""`make smoke`: sends messages to a temporary stack and compares the numbers of its API.

Freshness is measured per turn: from its commit in PostgreSQL (`pg_xact_commit_timestamp`) to the
first reading of the API that counts it. Turns become visible in the order of their versions, so
a reading of n turns shows exactly the n lowest versions; a reading every half second bounds the
measurement from above.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from bisect import bisect_left
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx

from common.errors import StartupError
from common.postgres import connect
from embedded.stack.api_client import ApiClient
from embedded.stack.lifecycle import Progress, Stack
from embedded.stack.plan import PROJECT, Plan
from embedded.stack.readiness import free_ports
from embedded.stack.settings import DemoSettings, StackSettings
from warehouse.settings import node_urls

# The simulated Telegram has no limits of its own, and the smoke command asks the API very often.
UNHURRIED = {
    "STATS_API_RATE_LIMIT": "100000/second",
    "TELEGRAM_CHAT_INTERVAL_SECONDS": "0",
    "TELEGRAM_MESSAGES_PER_SECOND": "1000",
}
MESSAGES_PER_SECOND = 20.0
READ_EVERY_SECONDS = 0.5
SETTLE_SECONDS_PER_UPDATE = 0.5
MIN_SETTLE_SECONDS = 120.0
GREATEST_FRESHNESS_P95_SECONDS = 30.0
GREATEST_MEMORY_MIB = 2048


@dataclass(frozen=True, kw_only=True)
class SmokeResult:
    """The last line of `make smoke`."""

    lines_read: int
    lines_skipped: int
    updates_sent: int
    turns_recorded: int
    warehouse_turns: int
    api_user_messages: int
    api_assistant_messages: int
    api_active_users: int
    expected_user_messages: int
    expected_active_users: int
    freshness_p50_seconds: float
    freshness_p95_seconds: float
    rss_mib: int
    seconds: float
    ok: bool


@dataclass(frozen=True)
class Reading:
    """The API's numbers at one moment (Unix seconds, after the answer had arrived)."""

    at: float
    turns: int
    user_messages: int
    answers: int
    active_users: int


def isolated_plan(directory: Path, *, data: Path | None = None, **extra: str) -> Plan:
    """A plan for a temporary stack: free ports, own keys, no settings of the environment."""
    bot, api, dagster, dagster_code, clickhouse, simulator, metrics = free_ports(7)
    settings = StackSettings.model_construct(
        data_dir=directory / "data",
        keys_dir=directory / "keys",
        bot_port=bot,
        api_port=api,
        dagster_port=dagster,
        dagster_code_port=dagster_code,
        clickhouse_port=clickhouse,
        simulator_port=simulator,
        pipelines_metrics_port=metrics,
    )
    return Plan(
        settings=settings,
        keys=settings.key_ring(),
        simulated=True,
        isolated=True,
        data_file=data,
        extra={**DemoSettings.model_construct().as_environment(), **UNHURRIED, **extra},
    )


def smoke(*, data: Path | None, limit: int) -> int:
    """Run the whole path once. Exit code 0 only when every count agrees."""
    started = time.monotonic()
    progress = Progress()
    with tempfile.TemporaryDirectory(prefix="dialytics-") as directory:
        # A line of the file is a turn, however fast the lines follow each other.
        plan = isolated_plan(
            Path(directory), data=data.resolve() if data else None, JOIN_SHORT_SECONDS="0"
        )
        with Stack(plan, progress=progress) as stack:
            stack.start_services()
            result = measure(stack, progress, limit=limit, started=started)
    sys.stdout.write(json.dumps(asdict(result)) + "\n")
    return 0 if result.ok else 1


def measure(stack: Stack, progress: Progress, *, limit: int, started: float) -> SmokeResult:
    """Send up to `limit` messages to a running stack and compare what its API says of them."""
    plan = stack.plan
    client = ApiClient(
        plan.api_url,
        username="smoke",
        password=plan.keys.secret("smoke_password"),
    )
    client.register(plan.secret("admin_registration_token"))
    progress.say(f"Sending up to {limit} messages through the simulated Telegram")
    replay = subprocess.Popen(
        plan.replay_command("--limit", str(limit), "--rate", str(MESSAGES_PER_SECOND)),
        env=plan.replay_environment(),
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        text=True,
    )
    readings: list[Reading] = []
    memory = stack.memory_mib()
    while replay.poll() is None:
        _read(client, readings)
        memory = max(memory, stack.memory_mib())
        time.sleep(READ_EVERY_SECONDS)
    output, _ = replay.communicate()
    if replay.returncode != 0:
        raise StartupError("the traffic could not be sent: see above")
    sent = result_of(output)
    progress.say(f"{sent['updates_sent']} updates sent; waiting until every turn is visible")
    patience = max(MIN_SETTLE_SECONDS, sent["updates_sent"] * SETTLE_SECONDS_PER_UPDATE)
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        _read(client, readings)
        memory = max(memory, stack.memory_mib())
        if asyncio.run(_all_settled(plan.database_url(), sent["updates_sent"])) and (
            readings and readings[-1].turns == len(asyncio.run(commit_times(plan.database_url())))
        ):
            break
        time.sleep(READ_EVERY_SECONDS)
    commits = asyncio.run(commit_times(plan.database_url()))
    last = readings[-1] if readings else Reading(time.time(), 0, 0, 0, 0)
    waits = freshness(commits, readings)
    p50, p95 = _percentiles(waits)
    agree = (
        last.user_messages == sent["expected_user_messages"]
        and last.active_users == sent["expected_active_users"]
        and last.turns == len(commits)
        and len(waits) == len(commits) > 0
    )
    client.close()
    warehouse_turns = _warehouse_turns(node_urls(plan.clickhouse_url("reader"))[0])
    return SmokeResult(
        lines_read=sent["lines_read"],
        lines_skipped=sent["lines_skipped"],
        updates_sent=sent["updates_sent"],
        turns_recorded=len(commits),
        warehouse_turns=warehouse_turns,
        api_user_messages=last.user_messages,
        api_assistant_messages=last.answers,
        api_active_users=last.active_users,
        expected_user_messages=sent["expected_user_messages"],
        expected_active_users=sent["expected_active_users"],
        freshness_p50_seconds=round(p50, 1),
        freshness_p95_seconds=round(p95, 1),
        rss_mib=memory,
        seconds=round(time.monotonic() - started, 1),
        ok=agree
        and warehouse_turns == len(commits)
        and p95 <= GREATEST_FRESHNESS_P95_SECONDS
        and memory <= GREATEST_MEMORY_MIB,
    )


def _read(client: ApiClient, readings: list[Reading]) -> None:
    summary = client.stats("day")["summary"]["current"]
    readings.append(
        Reading(
            at=time.time(),
            turns=summary["turns"],
            user_messages=summary["user_messages"],
            answers=summary["answers"],
            active_users=summary["active_users"],
        )
    )


def freshness(commits: list[float], readings: list[Reading]) -> list[float]:
    """Seconds from commit to visibility, one per turn that became visible.

    Args:
        commits: commit times of the finished turns (Unix seconds), by version.
        readings: what the API said, by time.
    """
    counts = [reading.turns for reading in readings]
    waits = []
    for rank, commit in enumerate(commits, start=1):
        first = bisect_left(counts, rank)
        if first < len(readings):
            waits.append(max(0.0, readings[first].at - commit))
    return waits


def _percentiles(values: list[float]) -> tuple[float, float]:
    if len(values) < 2:  # noqa: PLR2004 # quantiles need two
        only = values[0] if values else float("inf")
        return only, only
    cuts = statistics.quantiles(values, n=20, method="inclusive")
    return cuts[9], cuts[18]


async def commit_times(database_url: str) -> list[float]:
    """Commit times (Unix seconds) of finished turns, in the order of their versions."""
    connection = await connect(database_url, application_name="smoke")
    try:
        rows = await connection.fetch(
            "SELECT extract(epoch FROM pg_xact_commit_timestamp(version::xid))::float8 AS at"
            " FROM turns WHERE status <> 'pending' ORDER BY version, id"
        )
    finally:
        await connection.close()
    return [row["at"] for row in rows]


async def _all_settled(database_url: str, updates: int) -> bool:
    connection = await connect(database_url, application_name="smoke")
    try:
        settled = await connection.fetchval(
            "SELECT count(*) FROM updates WHERE outcome IS NOT NULL"
        )
    finally:
        await connection.close()
    return bool(settled >= updates)


def _warehouse_turns(url: str) -> int:
    answer = httpx.post(url.replace("/dialytics", "/?database=dialytics"), content=COUNT_TURNS)
    if answer.status_code != httpx.codes.OK:
        raise StartupError(f"CLICKHOUSE_URL: {answer.text}")
    return int(answer.text)


COUNT_TURNS = "SELECT count() FROM turns FINAL"


def result_of(output: str) -> dict[str, Any]:
    """The JSON object in the last line of a command's output."""
    result: dict[str, Any] = json.loads(output.strip().splitlines()[-1])
    return result
