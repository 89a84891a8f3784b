"""Many simultaneous chats with one bot and slow models: does one chat delay another?

`python -m benchmarks.bot.chats [--chats 1000] [--rounds 1] [--per-second 28]` ends with one JSON
line. Everyone writes at the same moment. The model thinks for 3 to 8 seconds and writes two words a
second; answers are sent at the rate that Telegram allows, unless `--per-second` is given.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import psutil

from benchmarks.bot.stage import MODEL, Stage
from benchmarks.bot.turns import write
from common.process import run

MEBIBYTE = 1024 * 1024
SLOW_MODEL = {
    "first_token_seconds": 3.0,
    "first_token_jitter_seconds": 5.0,
    "token_seconds": 0.5,
    "answer_words": 20,
}
MAX_INBOX_AGE_SECONDS = 10.0
LOOK_SECONDS = 1.0
# One row: how the turns ended, and how long people waited.
SUMMARY = """
SELECT count(*) AS turns,
       count(*) FILTER (WHERE turns.status <> 'answered' OR turns.reason IS NOT NULL) AS errors,
       percentile_cont(0.95) WITHIN GROUP (
           ORDER BY extract(epoch FROM calls.started_at - turns.received_at)) AS inbox_age,
       percentile_cont(0.95) WITHIN GROUP (
           ORDER BY extract(epoch FROM turns.first_token_at - turns.received_at)) AS first_token
FROM turns LEFT JOIN llm_calls AS calls ON calls.turn_id = turns.id AND calls.attempt = 1
"""


@dataclass(frozen=True)
class Clients:
    """Simulated users: `chats` people with `rounds` messages each, answered at `per_second`."""

    chats: int = 1000
    rounds: int = 1
    per_second: float = 28.0

    @property
    def turns(self) -> int:
        return self.chats * self.rounds

    @property
    def patience_seconds(self) -> float:
        """Four times what models and Telegram's pace need."""
        return 120.0 + 4 * self.turns / self.per_second


async def measure(clients: Clients, directory: Path) -> dict[str, Any]:
    """Let all clients write; returns the JSON of the command."""
    async with Stage.open(directory) as stage:
        await stage.control.send("PUT", f"models/{MODEL}", SLOW_MODEL)
        async with stage.bot(
            ["-m", "bot"],
            TELEGRAM_MESSAGES_PER_SECOND=str(clients.per_second),
            TELEGRAM_CHAT_INTERVAL_SECONDS="1",
        ) as bot:
            sent = (await stage.counters())["messages_sent"]
            await write(
                stage,
                [
                    {"person": {"id": 1 + number % clients.chats}, "text": f"question {number}"}
                    for number in range(clients.turns)
                ],
            )
            rss = await _watch(stage, bot, sent + clients.turns, seconds=clients.patience_seconds)
            # The last turn is finished after its answer was sent.
            await asyncio.sleep(1)
            summary = await _summary(stage.database_url)
    age, first_token = summary["inbox_age"], summary["first_token"]
    errors = summary["errors"] + clients.turns - summary["turns"]
    return {
        "chats": clients.chats,
        "turns": summary["turns"],
        "errors": errors,
        "inbox_age_p95_seconds": None if age is None else round(age, 2),
        "first_token_p95_seconds": None if first_token is None else round(first_token, 2),
        "rss_mib": round(rss / MEBIBYTE),
        "ok": errors == 0 and age is not None and age <= MAX_INBOX_AGE_SECONDS,
    }


async def _watch(stage: Stage, bot: psutil.Process, answers: int, *, seconds: float) -> int:
    """Peak memory of the bot until all were answered or the time was over."""
    most = 0
    clock = asyncio.get_running_loop().time
    deadline = clock() + seconds
    while clock() < deadline:
        most = max(most, bot.memory_info().rss)
        if await stage.control.wait(at_least={"messages_sent": answers}, seconds=LOOK_SECONDS):
            break
    return most


async def _summary(url: str) -> Any:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchrow(SUMMARY)
    finally:
        await connection.close()


def main() -> int:
    usual = Clients()
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bot.chats", description=__doc__)
    parser.add_argument("--chats", type=int, default=usual.chats)
    parser.add_argument("--rounds", type=int, default=usual.rounds, help="messages of each")
    parser.add_argument("--per-second", type=float, default=usual.per_second, help="answers sent")
    arguments = parser.parse_args()
    clients = Clients(arguments.chats, arguments.rounds, arguments.per_second)
    with tempfile.TemporaryDirectory(prefix="dialytics-chats-") as directory:
        result = asyncio.run(measure(clients, Path(directory)))
    sys.stdout.write(json.dumps(result) + "\n")
    return 0 if result["ok"] else 1


if __name__ == "__main__":
    run(main)
