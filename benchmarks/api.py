"""The dashboard's answer over HTTP, beside a route that only returns its bytes.

`make bench-api ROWS=10000000`. Closed-loop clients ask `/api/v1/stats?period=month` with a bearer
token and with HTTP Basic, in turn with the floor (the same middleware, no authentication, no
answer to find) and a route without middleware. A cold answer is the first after a new build of the
newest day was published.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import statistics
import tempfile
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import orjson

from api.answers.snapshots import FRESH_SECONDS
from benchmarks.api_server import FLOOR_PATH, PATH, UNLIMITED, serving
from benchmarks.http_load import Load, Question, closed_loop
from benchmarks.ledger import BEGIN, DAYS, PEOPLE, build_again, fill_clickhouse, publish
from benchmarks.stores import clickhouse, postgres
from benchmarks.timing import machine, table
from common.settings import DatabaseSettings
from warehouse.client import Writer
from warehouse.settings import WarehouseSettings

QUERY = "?period=month"
USERNAME, PASSWORD = "ann", "correct horse battery"  # of an API that lives for this run
ADMIN_TOKEN = "a-benchmark-registers-itself"  # noqa: S105 # the same
CLIENTS = 16
POSTGRES_OPTIONS = {"shared_buffers": "128MB"}
CHANGING = ("lag_seconds", "data_through", "newest_through", "snapshot")


@dataclass(frozen=True)
class Effort:
    """How long is measured."""

    rounds: int = 7
    seconds: float = 3.0
    cold: int = 60


@dataclass(frozen=True)
class Found:
    """Loads by contender, a round each; milliseconds of the cold answers."""

    warm: dict[str, list[Load]]
    cold_ms: list[float]
    cold_errors: int

    def rps(self, name: str) -> float:
        """Median over the rounds."""
        return statistics.median(load.per_second for load in self.warm[name])

    def ratio(self, name: str, floor: str = "floor") -> float:
        """Median of the rounds' own ratios: what both met then is taken out."""
        pairs = zip(self.warm[name], self.warm[floor], strict=True)
        return statistics.median(ours.per_second / theirs.per_second for ours, theirs in pairs)

    def percentile(self, name: str, share: float) -> float:
        """Milliseconds over all rounds."""
        every = Load(latencies=[taken for load in self.warm[name] for taken in load.latencies])
        return every.percentile(share)

    @property
    def errors(self) -> int:
        warm = sum(load.errors for loads in self.warm.values() for load in loads)
        return warm + self.cold_errors

    @property
    def cold_p95(self) -> float:
        return Load(latencies=[taken / 1_000 for taken in self.cold_ms]).percentile(0.95)


def measure(rows: int, *, people: int = PEOPLE, effort: Effort | None = None) -> Found:
    """Build the stores, serve the contenders, ask them."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        directory = Path(name)
        database = stack.enter_context(postgres(directory / "pg", options=POSTGRES_OPTIONS))
        warehouse = stack.enter_context(clickhouse(directory / "ch"))
        with Writer(warehouse) as writer:
            fill_clickhouse(writer, rows, people=people)
            publish(writer)
            # After midnight: the clock goes on, and a day that ends meanwhile is another question.
            now = BEGIN + timedelta(days=DAYS, seconds=5)
            return compare(
                database,
                warehouse,
                directory,
                now=now,
                # The newest day that has turns is the one that every cycle builds again.
                another_build=lambda: build_again(writer, days_ago=0),
                effort=effort or Effort(),
            )


def compare(
    database: DatabaseSettings,
    warehouse: WarehouseSettings,
    directory: Path,
    *,
    now: datetime,
    another_build: Callable[[], object],
    effort: Effort,
) -> Found:
    """Serve the contenders on filled stores and ask them in turn; their clock begins at `now`."""
    given: dict[str, Any] = {
        "database_url": database.libpq_url,
        "clickhouse_url": warehouse.writer_url,
        "clickhouse_reader_url": warehouse.reader_url,
        "data_key": "a-data-key-for-a-benchmark-only-1234",
        "admin_registration_token": ADMIN_TOKEN,
        "api_token_secret": "a-token-secret-for-a-benchmark-only",
        "stats_api_rate_limit": UNLIMITED,
        "stats_dashboard_rate_limit": UNLIMITED,
        # A hash on the hot path would stand out: one takes a quarter of a second.
        "password_hash_cost": 12,
        "web_dist": str(directory / "nothing"),
        "now": now.isoformat(),
        "body_file": str(directory / "body.json"),
    }
    with serving(("ours", "cold", "floor", "bare"), given, directory) as urls:
        login = _logged_in(urls["ours"])
        expected = _ask(urls["ours"], login["bearer"])
        (directory / "body.json").write_bytes(expected)
        questions = {
            name: Question(urls["ours"] + PATH + QUERY, tuple(headers.items()), _same_as(expected))
            for name, headers in login.items()
        } | {
            kind: Question(urls[kind] + FLOOR_PATH + QUERY, (), _same_as(expected))
            for kind in ("floor", "bare")
        }
        headers = tuple(login["bearer"].items())
        cold = Question(urls["cold"] + PATH + QUERY, headers, _says_what(expected))
        return asyncio.run(_ask_in_turn(questions, cold, another_build, effort))


def _logged_in(url: str) -> dict[str, dict[str, str]]:
    """Both ways of saying who asks."""
    account = {"username": USERNAME, "password": PASSWORD}
    with httpx.Client(base_url=url, timeout=60) as client:
        client.post(
            "/api/v1/auth/register", json={**account, "admin_token": ADMIN_TOKEN}
        ).raise_for_status()
        answer = client.post("/api/v1/auth/token", data=account)
        answer.raise_for_status()
    credentials = base64.b64encode(f"{USERNAME}:{PASSWORD}".encode()).decode()
    return {
        "bearer": {"Authorization": f"Bearer {answer.json()['access_token']}"},
        "basic": {"Authorization": f"Basic {credentials}"},
    }


def _ask(url: str, headers: dict[str, str]) -> bytes:
    answer = httpx.get(url + PATH + QUERY, headers=headers, timeout=60)
    answer.raise_for_status()
    return answer.content


def _same_as(expected: bytes) -> Any:
    """Whether a body is the expected one; the age in front of it changes with every answer."""
    _, _, rest = expected.partition(b",")
    return lambda body: body.endswith(rest)


async def _ask_in_turn(
    questions: dict[str, Question],
    cold: Question,
    another_build: Callable[[], object],
    effort: Effort,
) -> Found:
    warm: dict[str, list[Load]] = {name: [] for name in questions}
    for question in questions.values():
        await closed_loop(question, clients=CLIENTS, seconds=effort.seconds / 3)
    for number in range(effort.rounds):
        order = list(questions) if number % 2 else list(reversed(questions))
        for name in order:
            warm[name].append(
                await closed_loop(questions[name], clients=CLIENTS, seconds=effort.seconds)
            )
    await closed_loop(cold, clients=1, most=1)  # opens the connections to the stores
    every = Load()
    for _ in range(effort.cold):
        await asyncio.to_thread(another_build)
        # What is published is looked for once a second.
        await asyncio.sleep(FRESH_SECONDS + 0.02)
        one = await closed_loop(cold, clients=1, most=1)
        every.latencies += one.latencies
        every.errors += one.errors
    return Found(warm, [taken * 1_000 for taken in every.latencies], every.errors)


def _says_what(expected: bytes) -> Any:
    """Whether a body states the expected figures, whatever their age."""
    figures = _figures(expected)
    return lambda body: _figures(body) == figures


def _figures(body: bytes) -> dict[str, Any]:
    return {name: value for name, value in orjson.loads(body).items() if name not in CHANGING}


def summary(found: Found) -> dict[str, Any]:
    """The line of JSON. Of the two logins the slower one speaks."""
    name = min(("bearer", "basic"), key=found.ratio)
    return {
        "rps": round(found.rps(name)),
        "p50_ms": round(found.percentile(name, 0.5), 2),
        "p95_ms": round(found.percentile(name, 0.95), 2),
        "p99_ms": round(found.percentile(name, 0.99), 2),
        "floor_rps": round(found.rps("floor")),
        "ratio_floor": round(found.ratio(name), 3),
        "cold_p95_ms": round(found.cold_p95, 1),
        "errors": found.errors,
    }


def _spread(values: Iterable[float]) -> str:
    ordered = sorted(values)
    return f"{ordered[0]:.0f}-{ordered[-1]:.0f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    given = parser.parse_args()
    found = measure(given.rows)
    print(f"{machine()}\n{given.rows:,} turns, {CLIENTS} closed-loop clients\n")
    rows = [
        (
            name,
            f"{found.ratio(name):.2f}",
            round(found.rps(name)),
            _spread(load.per_second for load in loads),
            *(f"{found.percentile(name, share):.1f}" for share in (0.5, 0.95, 0.99)),
        )
        for name, loads in found.warm.items()
    ]
    print(table(("asked", "of the floor", "rps", "spread", "p50 ms", "p95 ms", "p99 ms"), rows))
    cold = sorted(found.cold_ms)
    print(
        f"\ncold: median {statistics.median(cold):.1f} ms, p95 {found.cold_p95:.1f} ms,"
        f" {cold[0]:.1f}-{cold[-1]:.1f} ms over {len(cold)} builds\n"
    )
    print(json.dumps(summary(found)))


if __name__ == "__main__":
    main()
