"""The dashboard's answer over HTTP, beside a route that only returns its bytes.

`make bench-api ROWS=10000000`. Closed-loop clients ask `/api/v1/stats?period=month` with a bearer
token and with HTTP Basic, in turn with the floor (the same middleware, no authentication, no
answer to find) and a route without middleware. Then the newest day is built again and again, and
questions that were never asked before are asked of each new snapshot (`benchmarks/api/first.py`).
At last pages ask for the same again and again while snapshots appear (`benchmarks/api/polled.py`).
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
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from benchmarks.api.first import First, first_answers
from benchmarks.api.http_load import ApiLoad, HttpRequest, closed_loop
from benchmarks.api.polled import Polled, Polling, poll
from benchmarks.api.server import (
    FLOOR_PATH,
    PATH,
    UNLIMITED,
    serving,
)
from benchmarks.data.ledger import (
    BEGIN,
    DAYS,
    PEOPLE,
    fill_clickhouse,
    publish,
    publish_arrivals,
)
from benchmarks.data.stores import clickhouse, postgres
from benchmarks.timing import machine, table
from common.settings import DatabaseSettings
from warehouse.clickhouse.client import Writer
from warehouse.settings import WarehouseSettings

QUERY = "?period=month"
USERNAME, PASSWORD = "ann", "correct horse battery"  # of an API that lives for this run
ADMIN_TOKEN = "a-benchmark-registers-itself"  # noqa: S105 # the same
CLIENTS = 16
POSTGRES_OPTIONS = {"shared_buffers": "128MB"}


@dataclass(frozen=True)
class Effort:
    """How long the benchmark measures."""

    rounds: int = 7
    seconds: float = 3.0
    builds: int = 60
    """After each build new requests are sent."""
    polling: Polling = field(default_factory=Polling)


@dataclass(frozen=True)
class ApiBenchmark:
    """Loads by contender, a round each; answers never asked before; answers of polling pages."""

    warm: dict[str, list[ApiLoad]]
    first: First
    polled: Polled

    def rps(self, name: str) -> float:
        """Median over the rounds."""
        return statistics.median(load.per_second for load in self.warm[name])

    def ratio(self, name: str, floor: str = "floor") -> float:
        """Median of the ratios of each round: other load on the machine cancels out."""
        pairs = zip(self.warm[name], self.warm[floor], strict=True)
        return statistics.median(ours.per_second / theirs.per_second for ours, theirs in pairs)

    def percentile(self, name: str, share: float) -> float:
        """Milliseconds over all rounds."""
        every = ApiLoad(latencies=[taken for load in self.warm[name] for taken in load.latencies])
        return every.percentile(share)

    @property
    def errors(self) -> int:
        warm = sum(load.errors for loads in self.warm.values() for load in loads)
        return warm + self.first.errors + self.polled.load.errors


def measure(rows: int, *, people: int = PEOPLE, effort: Effort | None = None) -> ApiBenchmark:
    """Build the stores, serve the contenders, ask them."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        directory = Path(name)
        database = stack.enter_context(postgres(directory / "pg", options=POSTGRES_OPTIONS))
        warehouse = stack.enter_context(clickhouse(directory / "ch"))
        with Writer(warehouse) as writer:
            fill_clickhouse(writer, rows, people=people)
            publish(writer)
            # Just after midnight, so that no day ends during the run, which would change the query.
            now = BEGIN + timedelta(days=DAYS, seconds=5)
            return compare(
                database,
                warehouse,
                directory,
                now=now,
                another_build=lambda: publish_arrivals(writer, people=people),
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
) -> ApiBenchmark:
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
        # Expensive, to reveal a hash on the hot path: each takes a quarter of a second.
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
            name: HttpRequest(
                urls["ours"] + PATH + QUERY, tuple(headers.items()), _same_as(expected)
            )
            for name, headers in login.items()
        } | {
            kind: HttpRequest(urls[kind] + FLOOR_PATH + QUERY, (), _same_as(expected))
            for kind in ("floor", "bare")
        }
        # A token would expire before the last page has polled.
        headers = tuple(login["basic"].items())

        async def ask() -> ApiBenchmark:
            warm = await _ask_in_turn(questions, effort)
            first = await first_answers(
                urls["cold"], headers, another_build, builds=effort.builds, today=now.date()
            )
            polled = await poll(urls["cold"], headers, another_build, effort.polling)
            return ApiBenchmark(warm, first, polled)

        return asyncio.run(ask())


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
    questions: dict[str, HttpRequest], effort: Effort
) -> dict[str, list[ApiLoad]]:
    warm: dict[str, list[ApiLoad]] = {name: [] for name in questions}
    for question in questions.values():
        await closed_loop(question, clients=CLIENTS, seconds=effort.seconds / 3)
    for number in range(effort.rounds):
        order = list(questions) if number % 2 else list(reversed(questions))
        for name in order:
            warm[name].append(
                await closed_loop(questions[name], clients=CLIENTS, seconds=effort.seconds)
            )
    return warm


def summary(found: ApiBenchmark) -> dict[str, Any]:
    """The line of JSON, with the slower of the two logins."""
    name = min(("bearer", "basic"), key=found.ratio)
    return {
        "rps": round(found.rps(name)),
        "p50_ms": round(found.percentile(name, 0.5), 2),
        "p95_ms": round(found.percentile(name, 0.95), 2),
        "p99_ms": round(found.percentile(name, 0.99), 2),
        "floor_rps": round(found.rps("floor")),
        "ratio_floor": round(found.ratio(name), 3),
        "cold_p95_ms": round(found.first.dashboard.percentile(0.95), 1),
        "first_p95_ms": round(found.first.report.percentile(0.95), 1),
        "polled_p95_ms": round(found.polled.load.percentile(0.95), 1),
        "polled_cold": round(found.polled.cold, 4),
        "errors": found.errors,
    }


def _spread(values: Iterable[float]) -> str:
    ordered = sorted(values)
    return f"{ordered[0]:.0f}-{ordered[-1]:.0f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=Effort.rounds)
    parser.add_argument("--builds", type=int, default=Effort.builds)
    parser.add_argument("--polled-seconds", type=float, default=Polling.seconds)
    given = parser.parse_args()
    effort = Effort(
        rounds=given.rounds, builds=given.builds, polling=Polling(seconds=given.polled_seconds)
    )
    found = measure(given.rows, effort=effort)
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
    loads = {**found.first.loads, "polled": found.polled.load}
    rows = [
        (name, len(load.latencies), *(f"{load.percentile(share):.1f}" for share in (0.5, 0.95, 1)))
        for name, load in loads.items()
    ]
    print(f"\n{table(('asked', 'answers', 'p50 ms', 'p95 ms', 'slowest ms'), rows)}\n")
    print(
        f"polled: {found.polled.cold:.1%} computed when asked, {found.polled.builds} snapshots"
        f" in {found.polled.load.seconds:.0f} s; memory of the process that serves all"
        f" contenders: {found.polled.memory_mib} MiB\n"
    )
    print(json.dumps(summary(found)))


if __name__ == "__main__":
    main()
