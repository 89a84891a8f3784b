"""Input and output of a whole stack in tests: counts, logs, metrics, secrets."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import asyncpg

from common.encryption import bindings
from common.encryption.sealing import Vault
from embedded.stack.lifecycle import Stack
from embedded.stack.plan import SIMULATED_KEY, SIMULATED_TOKEN

MARKER = "wombat"
LINES = 60
PEOPLE = 7
PASSWORD = "a password nobody may read"
MACHINE = {"freshness_p50_seconds", "freshness_p95_seconds", "rss_mib", "seconds", "ok"}


def write_lines(path: Path) -> Path:
    """Messages of some people as a data file, and two lines that are none."""
    lines = [
        json.dumps(
            {
                "ts": f"2004-12-25T09:{number % 60:02}:00Z",
                "user": f"{MARKER}name{number % PEOPLE}",
                "text": f"{MARKER} number {number}? Ещё раз, 日本 🌊, {MARKER}!",
            }
        )
        for number in range(LINES)
    ]
    lines.insert(3, "this is no JSON")
    lines.insert(9, '{"ts": "2004-12-25T09:14:00Z", "user": "x"}')
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.write("\n".join(lines))
    return path


def counts(result: Mapping[str, Any]) -> dict[str, Any]:
    """The counts of a smoke run, without speed and memory, which depend on the machine."""
    return {name: result[name] for name in result if name not in MACHINE}


def expected_counts(updates_sent: int) -> dict[str, int]:
    """The counts of a smoke run of `write_lines`."""
    return {
        "lines_read": LINES + 2,
        "lines_skipped": 2,
        "updates_sent": updates_sent,
        "turns_recorded": LINES,
        "warehouse_turns": LINES,
        "api_user_messages": LINES,
        "api_assistant_messages": LINES,
        "api_active_users": PEOPLE,
        "expected_user_messages": LINES,
        "expected_active_users": PEOPLE,
    }


def targets(stack: Stack) -> dict[str, str]:
    settings = stack.plan.settings
    return {
        "bot": f"127.0.0.1:{settings.bot_port}",
        "api": f"127.0.0.1:{settings.api_port}",
        "pipelines": f"127.0.0.1:{settings.pipelines_metrics_port}",
    }


def logs(stack: Stack) -> dict[str, str]:
    """The logs of all programs but the databases, up to the last complete line."""
    return {
        path.name: "".join(path.read_text("utf-8", "replace").rpartition("\n")[:2])
        for path in sorted((stack.plan.data / "logs").iterdir())
        if path.is_file()
    }


def forbidden_words(stack: Stack) -> set[str]:
    plan = stack.plan
    ids = asyncio.run(telegram_ids(plan.database_url(), plan.secret("data_key")))
    assert len(ids) == PEOPLE
    secrets = [path.read_text().strip() for path in plan.keys.directory.iterdir() if path.is_file()]
    return {
        MARKER,
        PASSWORD,
        SIMULATED_TOKEN.partition(":")[2],
        SIMULATED_KEY,
        *(str(one) for one in ids),
        *(secret for secret in secrets if 16 <= len(secret) <= 200),
    }


def is_record(line: str) -> bool:
    try:
        return {"event", "level", "timestamp"} <= json.loads(line).keys()
    except (ValueError, AttributeError):
        return False


async def telegram_ids(url: str, data_key: str) -> list[int]:
    vault = Vault(data_key)
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch("SELECT * FROM users")
    finally:
        await connection.close()
    found = []
    for row in rows:
        sealer = vault.user_sealer(row["wrapped_key"], row["telegram_hmac"])
        profile = sealer.open(row["sealed_profile"], bindings.profile(row["telegram_hmac"]))
        found.append(json.loads(profile)["telegram_id"])
    return found


async def version_of(url: str, turn: str) -> int:
    connection = await asyncpg.connect(url)
    try:
        version = await connection.fetchval(
            "SELECT version::text FROM turns WHERE id = $1::uuid", turn
        )
    finally:
        await connection.close()
    return int(version)
