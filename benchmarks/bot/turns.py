"""Turns per second of the bot, beside the same bot without persistence and a bare aiogram echo.

`python -m benchmarks.bot.turns [--turns 600] [--chats 48] [--repeats 5]` prints a table and, last,
a JSON line. The three run one after another, again and again, as processes of their own, against
one simulator with an instant model and, for the bot, a durable PostgreSQL. The send limits are
lifted.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.bot.stage import Stage
from common.process import run

VARIANTS = {
    "bot": ["-m", "bot"],
    "memory": ["-m", "benchmarks.bot.memory", "memory"],
    "echo": ["-m", "benchmarks.bot.memory", "echo"],
}
BATCH = 500
WARM_UP_PER_CHAT = 3
SINGLE_ASKS = 60
WARM_UP_ASKS = 20
WAIT_SECONDS = 300.0
TOPICS = ("tea", "rain", "chess", "bees", "rivers", "glass", "salt", "owls")

Texts = dict[int, list[str]]


@dataclass
class Measured:
    """One variant, all its rounds."""

    turns_per_s: list[float] = field(default_factory=list)
    bot_ms: list[float] = field(default_factory=list)
    """Processor time of the bot's process, per turn."""
    simulator_ms: list[float] = field(default_factory=list)
    postgres_ms: list[float] = field(default_factory=list)
    alone_ms: list[float] = field(default_factory=list)
    """From a message to its answer while nothing else is going on."""

    @property
    def rate(self) -> float:
        return statistics.median(self.turns_per_s)


@dataclass(frozen=True)
class Load:
    """The messages of every round."""

    turns: int
    chats: int

    def messages(self, seed: int, count: int) -> list[dict[str, object]]:
        chance = random.Random(seed)
        return [
            {
                "person": {"id": 1 + number % self.chats, "language_code": "en"},
                "text": f"{seed}-{number}: what about {chance.choice(TOPICS)}?",
            }
            for number in range(count)
        ]


async def write(stage: Stage, messages: list[dict[str, object]]) -> None:
    for start in range(0, len(messages), BATCH):
        await stage.control.write(messages[start : start + BATCH])


async def answered(stage: Stage, count: int) -> None:
    met = await stage.control.wait(at_least={"messages_sent": count}, seconds=WAIT_SECONDS)
    if not met:
        raise RuntimeError(f"not answered within {WAIT_SECONDS} s: {await stage.counters()}")


async def one_round(stage: Stage, variant: str, load: Load, into: Measured) -> Texts:
    """Start the variant, warm it up, measure it; returns what it said in each chat."""
    await stage.control.send("POST", "reset")
    async with stage.bot(VARIANTS[variant]) as process:
        sent = (await stage.counters())["messages_sent"]
        warm_up = load.messages(1, load.chats * WARM_UP_PER_CHAT)
        await write(stage, warm_up)
        await answered(stage, sent := sent + len(warm_up))
        await asyncio.sleep(0.5)

        before, began = stage.used(process), time.perf_counter()
        await write(stage, load.messages(2, load.turns))
        await answered(stage, sent := sent + load.turns)
        seconds, after = time.perf_counter() - began, stage.used(process)

        into.turns_per_s.append(load.turns / seconds)
        per_turn = 1000 / load.turns
        into.bot_ms.append((after.bot_seconds - before.bot_seconds) * per_turn)
        into.simulator_ms.append((after.simulator_seconds - before.simulator_seconds) * per_turn)
        into.postgres_ms.append((after.postgres_seconds - before.postgres_seconds) * per_turn)

        for message in load.messages(3, SINGLE_ASKS):
            asked = time.perf_counter()
            await stage.control.write([message])
            await answered(stage, sent := sent + 1)
            into.alone_ms.append((time.perf_counter() - asked) * 1000)
    said: Texts = defaultdict(list)
    for record in (await stage.control.send("GET", "sent?kind=message"))["sent"]:
        said[record["chat_id"]].append(record["text"])
    return said


async def statements_per_turn(stage: Stage, load: Load) -> tuple[float, float]:
    """Statements per turn in PostgreSQL's log: under load, and in one quiet chat."""
    counts = []
    async with stage.bot(VARIANTS["bot"], log_statements=True):
        sent = (await stage.counters())["messages_sent"]
        # Warmed up both ways: a new connection asks for the types of its parameters once.
        warm_up = load.messages(4, load.chats)
        await write(stage, warm_up)
        await answered(stage, sent := sent + len(warm_up))
        for message in load.messages(7, WARM_UP_ASKS):
            await stage.control.write([{**message, "person": {"id": 1}}])
            await answered(stage, sent := sent + 1)
        await asyncio.sleep(1)
        for seed, turns, at_once in ((5, load.turns, True), (6, SINGLE_ASKS, False)):
            size = stage.log_size()
            messages = load.messages(seed, turns)
            if at_once:
                await write(stage, messages)
                await answered(stage, sent := sent + turns)
            else:
                for message in messages:
                    await stage.control.write([{**message, "person": {"id": 1}}])
                    await answered(stage, sent := sent + 1)
            await asyncio.sleep(0.3)
            counts.append(len(stage.logged_statements(since=size)) / turns)
    return counts[0], counts[1]


def percentile_95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20)[-1]


def spread(values: list[float]) -> str:
    return f"{statistics.median(values):.1f} ({min(values):.1f} to {max(values):.1f})"


def table(measured: dict[str, Measured]) -> None:
    columns = ("turns/s", "CPU bot", "CPU simulator", "CPU PostgreSQL", "alone p50", "alone p95")
    print(f"{'':8}" + "".join(f"{title:>26}" for title in columns))
    for name, one in measured.items():
        cells = (
            spread(one.turns_per_s),
            f"{spread(one.bot_ms)} ms",
            f"{spread(one.simulator_ms)} ms",
            f"{spread(one.postgres_ms)} ms",
            f"{statistics.median(one.alone_ms):.1f} ms",
            f"{percentile_95(one.alone_ms):.1f} ms",
        )
        print(f"{name:8}" + "".join(f"{cell:>26}" for cell in cells))
    ceiling = 1000 / statistics.median(measured["bot"].simulator_ms)
    print(f"The simulator alone could serve {ceiling:.0f} turns/s on one core.")


async def measure(load: Load, repeats: int, directory: Path) -> dict[str, object]:
    measured = {name: Measured() for name in VARIANTS}
    equal = True
    async with Stage.open(directory) as stage:
        for number in range(repeats):
            said = {}
            # Another variant begins each round: other load on the machine affects all alike.
            names = list(VARIANTS)
            for name in names[number % 3 :] + names[: number % 3]:
                said[name] = await one_round(stage, name, load, measured[name])
                print(f"round {number + 1}: {name} {measured[name].turns_per_s[-1]:.1f} turns/s")
            equal = equal and said["bot"] == said["memory"]
            equal = equal and sum(map(len, said["echo"].values())) == sum(
                map(len, said["bot"].values())
            )
        busy, quiet = await statements_per_turn(stage, load)
    table(measured)
    bot, memory, echo = (measured[name] for name in VARIANTS)
    processor = statistics.median(bot.bot_ms) / statistics.median(memory.bot_ms)
    ratios = [ours / other for ours, other in zip(bot.turns_per_s, memory.turns_per_s, strict=True)]
    print(f"ratio {spread([100 * ratio for ratio in ratios])} %; answers equal: {equal}")
    print(f"processor time of the bot's process: {processor:.2f} times that without persistence")
    print(f"statements per turn: {busy:.2f} under load, {quiet:.2f} in one quiet chat")
    if not equal:
        raise RuntimeError("the variants gave different answers")
    return {
        "turns_per_s": round(bot.rate, 1),
        "no_persistence_turns_per_s": round(memory.rate, 1),
        "echo_turns_per_s": round(echo.rate, 1),
        "ratio": round(statistics.median(ratios), 3),
        "added_p95_ms": round(percentile_95(bot.alone_ms) - percentile_95(memory.alone_ms), 1),
        "statements_per_turn": round(max(busy, quiet), 2),
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bot.turns", description=__doc__)
    parser.add_argument("--turns", type=int, default=600, help="in each round")
    parser.add_argument("--chats", type=int, default=48, help="that write at the same time")
    parser.add_argument("--repeats", type=int, default=5, help="rounds")
    arguments = parser.parse_args()
    load = Load(arguments.turns, arguments.chats)
    with tempfile.TemporaryDirectory(prefix="dialytics-bench-") as directory:
        result = asyncio.run(measure(load, arguments.repeats, Path(directory)))
    sys.stdout.write(json.dumps(result) + "\n")
    return 0


if __name__ == "__main__":
    run(main)
