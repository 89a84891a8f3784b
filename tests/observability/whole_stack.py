"""What the tests of a whole stack read of it: its logs, its metrics, what nobody may find."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import asyncpg
import httpx

from common import bindings
from common.sealing import Vault
from embedded.stack.lifecycle import Stack
from embedded.stack.programs import SIMULATED_KEY, SIMULATED_TOKEN

MARKER = "wombat"
PASSWORD = "a password nobody may read"


def targets(stack: Stack) -> dict[str, str]:
    settings = stack.plan.settings
    return {
        "bot": f"127.0.0.1:{settings.bot_port}",
        "api": f"127.0.0.1:{settings.api_port}",
        "pipelines": f"127.0.0.1:{settings.pipelines_metrics_port}",
    }


def ask(url: str, path: str) -> Any:
    answer = httpx.get(f"{url}/api/v1/{path}", timeout=60)
    answer.raise_for_status()
    return answer.json()["data"]


def logs(stack: Stack) -> dict[str, str]:
    """What every program but the databases wrote, to the end of its last whole line."""
    return {
        path.name: "".join(path.read_text("utf-8", "replace").rpartition("\n")[:2])
        for path in sorted((stack.plan.data / "logs").iterdir())
        if path.is_file()
    }


def forbidden_words(stack: Stack) -> set[str]:
    plan = stack.plan
    ids = asyncio.run(telegram_ids(plan.database_url(), plan.secret("data_key")))
    assert len(ids) == 5
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
        sealer = vault.person(row["wrapped_key"], row["telegram_hmac"])
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
