"""Several processes: one limit over a real Redis, one account, one view in metrics, one end."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from common.settings import DatabaseSettings
from tests.api.constants import ME, NEW_PASSWORD
from tests.api.http.redis_process import RedisProcess, redis
from tests.api.running import (
    PASSWORD,
    Refusal,
    StartApi,
    bearer,
    process,
    process_environment,
    register,
    registrations_held,
    until_logged,
)

SECRET = "w" * 40
ASKED = f'http_requests_total{{handler="{ME}",method="GET",status="2xx"}}'


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[RedisProcess]:
    with redis(tmp_path) as server:
        yield server


async def test_two_processes_share_one_limit(start_api: StartApi, shared: RedisProcess) -> None:
    first, second = (
        start_api(
            stats_api_rate_limit="6/minute",
            rate_limit_storage=shared.url,
            api_token_secret=SECRET,
        )
        for _ in range(2)
    )
    async with first.client() as one, second.client() as two:
        await register(one)
        left = [
            int((await client.get(ME, auth=("ann", PASSWORD))).headers["x-ratelimit-remaining"])
            for client in (one, two, one, two, two, one)
        ]
        assert left == [5, 4, 3, 2, 1, 0]
        for client in (one, two):
            refused = await client.get(ME, auth=("ann", PASSWORD))
            assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
            assert 1 <= int(refused.headers["retry-after"]) <= 60


async def test_two_processes_share_the_limit_of_failed_logins(
    start_api: StartApi, shared: RedisProcess
) -> None:
    apis = [
        start_api(
            login_failures_per_account="4/minute",
            rate_limit_storage=shared.url,
            password_hash_cost=9,
        )
        for _ in range(2)
    ]
    async with apis[0].client() as one, apis[1].client() as two:
        await register(one)
        # All at once: none of them knows yet how the others end.
        answers = await asyncio.gather(
            *(
                client.get(ME, auth=("ann", f"wrong {number}"))
                for number in range(6)
                for client in (one, two)
            )
        )
        assert sorted(answer.status_code for answer in answers) == [401] * 4 + [429] * 8


@pytest.mark.parametrize("is_shared", [False, True])
async def test_a_login_that_succeeds_costs_no_failure(
    start_api: StartApi, shared: RedisProcess, *, is_shared: bool
) -> None:
    api = start_api(
        login_failures_per_account="2/minute",
        credential_cache_seconds=0,
        rate_limit_storage=shared.url if is_shared else "memory://",
    )
    async with api.client() as client:
        await register(client)
        for _ in range(5):
            assert (await client.get(ME, auth=("ann", PASSWORD))).status_code == 200


async def test_redis_that_goes_and_comes_back(start_api: StartApi, shared: RedisProcess) -> None:
    api = start_api(
        stats_api_rate_limit="5/minute", rate_limit_storage=shared.url, api_token_secret=SECRET
    )
    async with api.client() as client:
        await register(client)
        token = await bearer(client)
        assert (await client.get(ME, headers=token)).headers["x-ratelimit-remaining"] == "4"
        shared.stop()
        for _ in range(8):
            assert (await client.get(ME, headers=token)).status_code == 200
        closed = await client.post(
            "/api/v1/auth/token", data={"username": "ann", "password": PASSWORD}
        )
        assert (closed.status_code, closed.json()["code"]) == (503, "logins_closed")
        metrics = (await client.get("/metrics")).text
        assert "rate_limit_storage_unavailable_total 9.0" in metrics
        shared.start()
        deadline = time.monotonic() + 60
        while "x-ratelimit-remaining" not in (await client.get(ME, headers=token)).headers:
            assert time.monotonic() < deadline, "limits did not come back"
            await asyncio.sleep(0.1)
        assert (await bearer(client))["Authorization"]


def test_workers_without_a_shared_storage_are_refused_in_one_line(
    database: DatabaseSettings, refusal: Refusal
) -> None:
    assert refusal(process_environment(database, API_WORKERS="2")) == (
        "RATE_LIMIT_STORAGE: several workers must share their limits: set redis://…"
    )


class Pair:
    """Two workers, and a connection of its own to each."""

    def __init__(self, url: str, parent: subprocess.Popen[bytes], log: Path) -> None:
        self.url, self.parent, self.log = url, parent, log
        self.clients: dict[int, httpx.AsyncClient] = {}

    async def connect(self, stack: AsyncExitStack, *, but: int | None = None) -> None:
        """Connect until each of two workers has answered; the system spreads connections."""
        self.clients.clear()
        deadline = time.monotonic() + 60
        while len(self.clients) < 2:
            assert time.monotonic() < deadline, "only one worker answers"
            client = await stack.enter_async_context(
                httpx.AsyncClient(base_url=self.url, timeout=90)
            )
            try:
                worker = (await client.get("/health")).json()["process_id"]
            except httpx.TransportError:
                continue
            if worker != but:
                self.clients.setdefault(worker, client)


@pytest.fixture
async def pair(
    database: DatabaseSettings, shared: RedisProcess, tmp_path: Path
) -> AsyncIterator[Pair]:
    environment = process_environment(
        database,
        API_WORKERS="2",
        RATE_LIMIT_STORAGE=shared.url,
        API_TOKEN_SECRET=SECRET,
        STATS_API_RATE_LIMIT="1000/minute",
        PASSWORD_HASH_COST="10",
        # A killed parent leaves its directory of metrics behind.
        TMPDIR=str(tmp_path),
    )
    log = tmp_path / "api.log"
    with process(environment, log, module="tests.api.patient_api") as (parent, url):
        found = Pair(url, parent, log)
        async with AsyncExitStack() as stack:
            await found.connect(stack)
            yield found


def value_of(metrics: str, series: str) -> float:
    found = re.search(rf"^{re.escape(series)} (\S+)$", metrics, re.MULTILINE)
    assert found, f"{series} is missing"
    return float(found.group(1))


async def test_workers_behave_as_one_process_to_the_end(pair: Pair, engine: AsyncEngine) -> None:
    await agree(pair)
    await replace_the_dead_and_drain(pair, engine)


async def test_workers_end_with_a_parent_that_is_killed(pair: Pair) -> None:
    workers = psutil.Process(pair.parent.pid).children()
    assert {worker.pid for worker in workers} >= pair.clients.keys()
    for client in pair.clients.values():
        await client.aclose()
    pair.parent.kill()
    _, alive = await asyncio.to_thread(psutil.wait_procs, workers, 60)
    assert alive == []


async def agree(pair: Pair) -> None:
    one, two = pair.clients.values()
    for client in (one, two):
        # A worker's first connection to Redis may take longer than a request waits for it.
        deadline = time.monotonic() + 60
        while "x-ratelimit-remaining" not in (await client.get(ME)).headers:
            assert time.monotonic() < deadline, "there are no limits"
            await asyncio.sleep(0.1)
    await register(one)
    token = await bearer(two)

    # One limit.
    left = [
        int((await client.get(ME, headers=token)).headers["x-ratelimit-remaining"])
        for client in (one, two, two, one)
    ]
    assert left == [999, 998, 997, 996]

    # Metrics of all, whoever is asked.
    for client in (one, two):
        # A worker counts a request when it has answered it.
        deadline = time.monotonic() + 60
        while value_of(text := (await client.get("/metrics")).text, ASKED) < 4:
            assert time.monotonic() < deadline
        assert value_of(text, ASKED) == 4
        assert value_of(text, "database_connection_pool_size") == 2 * 50
        assert value_of(text, "process_resident_memory_bytes") > 60e6
        assert value_of(text, "process_open_fds") > 20

    # A password change, seen by one, is known to the other.
    for client in (one, two):
        assert (await client.get(ME, auth=("ann", PASSWORD))).status_code == 200
    changed = await one.post(
        "/api/v1/auth/password",
        headers=token,
        json={"current_password": PASSWORD, "new_password": NEW_PASSWORD},
    )
    assert changed.status_code == 204
    # Only the announcement tells it: what it keeps holds for minutes.
    deadline = time.monotonic() + 60
    logins: list[dict[str, Any]] = [{"auth": ("ann", PASSWORD)}, {"headers": token}]
    for old in logins:
        while (await two.get(ME, **old)).status_code != 401:
            assert time.monotonic() < deadline, "the other worker did not hear of the change"
            await asyncio.sleep(0.02)
    assert (await two.get(ME, auth=("ann", NEW_PASSWORD))).status_code == 200


async def replace_the_dead_and_drain(pair: Pair, engine: AsyncEngine) -> None:
    gone = next(iter(pair.clients))
    os.kill(gone, signal.SIGKILL)
    async with AsyncExitStack() as stack:
        await pair.connect(stack, but=gone)
        one, two = pair.clients.values()
        text = (await one.get("/metrics")).text
        # The gauges of the dead are gone.
        assert value_of(text, "database_connection_pool_size") == 2 * 50
        async with registrations_held(engine) as until_waiting:
            pending = [
                asyncio.create_task(register(one, "bob")),
                asyncio.create_task(register(two, "eve")),
            ]
            await until_waiting(2)
            pair.parent.send_signal(signal.SIGTERM)
            await asyncio.to_thread(until_logged, pair.log, '"draining"', times=2)
        assert [(await each).status_code for each in pending] == [201, 201]
    assert await asyncio.to_thread(pair.parent.wait, 60) == 0
    log = pair.log.read_text()
    assert log.count('"draining"') == 2
    assert '"worker_replaced"' in log
    assert '"stopped"' in log
    for worker in pair.clients:
        with pytest.raises(ProcessLookupError):
            os.kill(worker, 0)
