"""A stack with a large ledger, at which turns arrive at a steady pace.

The turns are written to PostgreSQL, each in a transaction of its own, as the bot does. A page polls
the API twice a second; a turn is fresh when an answer counts it.
"""

from __future__ import annotations

import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import psycopg

from benchmarks.data.ledger import (
    DAYS,
    PEOPLE,
    POSTGRES_RANDOM,
    fill_postgres,
    statement,
)
from benchmarks.processes import ResourceUsage, watch
from common.errors import StartupError
from common.settings import DatabaseSettings
from embedded.stack.lifecycle import Progress, Stack
from embedded.stack.plan import Plan
from embedded.stack.smoke import READ_EVERY_SECONDS, isolated_plan

TURNS_PER_SECOND = 50.0
PIPELINES_AND_ENGINE = ("embedded.clickhouse", "pipelines", "dagster", "runs of Dagster")
"""Names of programs begin so."""
ROWS_PER_SECOND = 10_000
"""At least, from PostgreSQL to the first publication."""
LATEST_SECONDS = 60.0
"""Within this time the last turn is counted, or the measurement has failed."""


@dataclass(frozen=True)
class Busy:
    """Resources that a busy stack used."""

    waits: list[float]
    """Seconds from each turn's commit to the first answer that counts it."""
    usage: list[ResourceUsage]
    turns_per_second: float
    publish_seconds: float

    @property
    def cores(self) -> float:
        """Processor cores that the pipelines and the engine used together."""
        ours = (each for each in self.usage if each.name.startswith(PIPELINES_AND_ENGINE))
        return sum(each.cpu_percent for each in ours) / 100


@dataclass(frozen=True)
class Read:
    """An answer of the API: when it arrived, and what it counts."""

    at: float
    turns: int
    snapshot: str


def busy(rows: int, *, seconds: float, progress: Progress) -> Busy:
    """Fill a stack of its own, keep it busy and watch it.

    Raises:
        StartupError: the ledger, or what arrived, did not become visible.
    """
    with tempfile.TemporaryDirectory(prefix="dialytics-") as directory:
        plan = isolated_plan(Path(directory))
        with Stack(plan, progress=progress) as stack:
            database = DatabaseSettings.model_validate({"database_url": plan.database_url()})
            progress.say(f"Writing {rows:,} turns")
            begin = datetime.now(UTC) - timedelta(days=DAYS, minutes=1)
            fill_postgres(database.libpq_url, rows, begin=begin)
            stack.start_services()
            with closing(_client(plan)) as client:
                progress.say("Waiting until they are published")
                _until_published(client, rows)
                return _measure(stack, client, database.libpq_url, rows, seconds=seconds)


def _client(plan: Plan) -> httpx.Client:
    account = {"username": "benchmark", "password": plan.keys.secret("smoke_password")}
    client = httpx.Client(base_url=f"{plan.api_url}/api/v1", timeout=60)
    token = plan.secret("admin_registration_token")
    client.post("/auth/register", json={**account, "admin_token": token}).raise_for_status()
    client.auth = (account["username"], account["password"])
    return client


def _until_published(client: httpx.Client, rows: int) -> None:
    deadline = time.monotonic() + LATEST_SECONDS + rows / ROWS_PER_SECOND
    while time.monotonic() < deadline:
        answer = client.get("/stats/freshness")
        if answer.is_success and answer.json()["freshness"]["turns"] == rows:
            return
        time.sleep(READ_EVERY_SECONDS)
    raise StartupError(f"the ledger was not published: {answer.text[:500]}")


def _measure(
    stack: Stack, client: httpx.Client, postgres_url: str, rows: int, *, seconds: float
) -> Busy:
    before = _read(client)
    with ThreadPoolExecutor(2) as pool:
        watching = pool.submit(watch, stack, seconds=seconds)
        writing = pool.submit(_write, postgres_url, rows, seconds=seconds)
        reads: list[Read] = []
        late: float | None = None
        while late is None or time.monotonic() < late:
            reads.append(_read(client))
            if writing.done():
                late = late or time.monotonic() + LATEST_SECONDS
                if reads[-1].turns - before.turns >= len(writing.result()):
                    break
            time.sleep(READ_EVERY_SECONDS)
        commits, usage = writing.result(), watching.result()
    counted = reads[-1].turns - before.turns
    if counted < len(commits):
        raise StartupError(f"{counted} of {len(commits)} turns became visible")
    published = len({read.snapshot.split(".")[1] for read in reads})
    return Busy(
        waits=_waits(commits, reads, before=before.turns),
        usage=usage,
        turns_per_second=len(commits) / seconds,
        publish_seconds=(reads[-1].at - reads[0].at) / published,
    )


def _read(client: httpx.Client) -> Read:
    answer = client.get("/stats", params={"period": "month"})
    answer.raise_for_status()
    body = answer.json()
    return Read(time.time(), body["summary"]["current"]["turns"], body["snapshot"])


def _waits(commits: list[float], reads: list[Read], *, before: int) -> list[float]:
    """Turns become visible in the order of their commits: one connection writes them."""
    waits = []
    place = 0
    for number, commit in enumerate(commits, start=1):
        while reads[place].turns - before < number:
            place += 1
        waits.append(max(0.0, reads[place].at - commit))
    return waits


def _write(url: str, first: int, *, seconds: float) -> list[float]:
    """Write turns at a steady pace; when each was committed, Unix seconds."""
    commits = []
    sql = statement("postgres_turns").encode()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(POSTGRES_RANDOM)
        begun = time.monotonic()
        for number in range(round(seconds * TURNS_PER_SECOND)):
            time.sleep(max(0.0, begun + number / TURNS_PER_SECOND - time.monotonic()))
            if time.monotonic() > begun + seconds:
                break
            place = {"first": first + number, "last": first + number}
            # Its last answer arrived by now.
            begin = datetime.now(UTC) - timedelta(seconds=12)
            connection.execute(sql, {"people": PEOPLE, "begin": begin, "seconds": 0, **place})
            commits.append(time.time())
    return commits
