"""A real API over real HTTP: uvicorn in a thread, on a free port."""

from __future__ import annotations

import asyncio
import base64
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from api.app import ApiSettings
from api.http.timeouts import Timeouts
from api.settings import AccountSettings, RateLimitSettings, ServerSettings
from common.http.bounded_protocol import BoundedProtocol
from common.settings import ConsentSettings, DatabaseSettings, DataKeySettings, ReportSettings
from tests.api.constants import ADMIN_TOKEN, DATA_KEY, ME, PASSWORD
from warehouse.settings import WarehouseSettings

PROJECT = Path(__file__).parent.parent.parent
NOW = datetime(2026, 3, 18, 20, 43, 12, tzinfo=UTC)
NOWHERE = "http://127.0.0.1:9/dialytics"
"""Nothing listens on the discard port."""

LONG_TIMEOUTS = Timeouts(
    names_seconds=60,
    ready_seconds=60,
    health_seconds=60,
    ping_seconds=60,
    limits_seconds=60,
    warm_seconds=60,
)
"""For a busy machine: what is slow there is not away."""


@dataclass
class RunningApi:
    url: str
    app: FastAPI
    settings: ApiSettings

    def client(self, **options: Any) -> httpx.AsyncClient:
        options.setdefault("timeout", 90)
        return httpx.AsyncClient(base_url=self.url, **options)


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """Serve on a free port until the block ends."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            proxy_headers=False,
            http=BoundedProtocol,
            # A client that a busy machine stops for some seconds still has its connections.
            timeout_keep_alive=60,
        )
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    deadline = time.monotonic() + 100
    while not server.started:
        assert time.monotonic() < deadline, "the API did not start"
        assert thread.is_alive(), "the API ended at once"
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=100)
        listener.close()


def api_settings(database: DatabaseSettings, **values: Any) -> ApiSettings:
    """Settings for tests: cheap hashes, wide limits; `values` override by setting name."""
    given = {
        "admin_registration_token": ADMIN_TOKEN,
        "password_hash_cost": 4,
        "stats_api_rate_limit": "100000/minute",
        "stats_dashboard_rate_limit": "100000/minute",
        "login_failures_per_account": "100000/minute",
        "login_failures_per_address": "100000/minute",
        "login_failures_ceiling": "100000/minute",
        "data_key": DATA_KEY,
        "clickhouse_url": NOWHERE,
        "web_dist": "/nonexistent",
        **values,
    }
    return ApiSettings(
        server=ServerSettings.model_validate(given),
        accounts=AccountSettings.model_validate(given),
        limits=RateLimitSettings.model_validate(given),
        database=DatabaseSettings.model_validate(given) if "database_url" in values else database,
        data_key=DataKeySettings.model_validate(given),
        report=ReportSettings.model_validate(given),
        consent=ConsentSettings.model_validate(given),
        warehouse=WarehouseSettings.model_validate(given),
    )


StartApi = Callable[..., RunningApi]
Refusal = Callable[[dict[str, str]], str]
UntilWaiting = Callable[[int], Awaitable[None]]


async def register(
    client: httpx.AsyncClient, username: str = "ann", password: str = PASSWORD
) -> httpx.Response:
    return await client.post(
        "/api/v1/auth/register",
        json={"username": username, "password": password, "admin_token": ADMIN_TOKEN},
    )


async def bearer(
    client: httpx.AsyncClient, username: str = "ann", password: str = PASSWORD, **form: str
) -> dict[str, str]:
    """Headers with a fresh token."""
    answer = await client.post(
        "/api/v1/auth/token", data={"username": username, "password": password, **form}
    )
    assert answer.status_code == 200, answer.text
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


def basic(username: bytes, password: bytes) -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(username + b':' + password).decode()}"}


async def seconds_of(client: httpx.AsyncClient, username: str, password: str) -> float:
    started = time.perf_counter()
    answer = await client.get(ME, auth=(username, password))
    assert answer.status_code == 401
    return time.perf_counter() - started


async def processor_seconds_of(client: httpx.AsyncClient, username: str, password: str) -> float:
    """The processor's time for one refusal: the API is in this process, and a hash is all work."""
    started = time.process_time()
    await seconds_of(client, username, password)
    return time.process_time() - started


@asynccontextmanager
async def registrations_held(engine: AsyncEngine) -> AsyncIterator[UntilWaiting]:
    """Registrations wait within the block; yields what waits until so many do."""

    async def until_waiting(count: int) -> None:
        deadline = time.monotonic() + 60
        while True:
            async with engine.connect() as connection:
                waiting = await connection.scalar(
                    text(
                        "SELECT count(*) FROM pg_locks WHERE NOT granted AND database ="
                        " (SELECT oid FROM pg_database WHERE datname = current_database())"
                    )
                )
            if waiting == count:
                return
            assert time.monotonic() < deadline, f"{waiting} of {count} are in flight"
            await asyncio.sleep(0.05)

    async with engine.connect() as holder:
        await holder.execute(text("LOCK TABLE api_users IN SHARE MODE"))
        yield until_waiting
        await holder.rollback()


def until_logged(log: Path, words: str, *, times: int = 1) -> None:
    deadline = time.monotonic() + 60
    while log.read_text().count(words) < times:
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)


def process_environment(database: DatabaseSettings, **values: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(PROJECT),
        "ENV_FILE": os.devnull,
        "DATABASE_URL": database.libpq_url,
        "CLICKHOUSE_URL": NOWHERE,
        "DATA_KEY": DATA_KEY,
        "ADMIN_REGISTRATION_TOKEN": ADMIN_TOKEN,
        "PASSWORD_HASH_COST": "12",
        "LOG_FORMAT": "json",
        "API_PORT": "0",
        "DB_STATEMENT_TIMEOUT_SECONDS": "100",
        **values,
    }


@contextmanager
def process(
    environment: dict[str, str], log: Path, *, module: str = "api"
) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """`python -m api`, once it serves; `module` is another program that does so."""
    with log.open("wb") as output:
        started = subprocess.Popen(
            [sys.executable, "-m", module], env=environment, stderr=output, cwd=log.parent
        )
    try:
        deadline = time.monotonic() + 200
        while not (found := re.search(r'"port": ?(\d+)[,}]', log.read_text())):
            assert started.poll() is None, log.read_text()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        url = f"http://127.0.0.1:{found.group(1)}"
        while time.monotonic() < deadline:
            try:
                httpx.get(f"{url}/health")
                break
            except httpx.TransportError:
                time.sleep(0.05)
        yield started, url
    finally:
        if started.poll() is None:
            started.kill()
        started.wait(timeout=30)
