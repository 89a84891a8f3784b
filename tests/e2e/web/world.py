"""A running dashboard with people, dialogs and costs: real databases, real API, built pages.

Used by the browser tests and `make web-shots`.
"""

from __future__ import annotations

import asyncio
import signal
import subprocess
from collections.abc import Callable, Coroutine, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import asyncpg
import httpx
import orjson
from alembic import command

from api.answers.responses import now_utc
from api.app import ApiSettings, create_app
from api.health.routes import ProcessLifecycle
from common.encryption import bindings
from common.encryption.sealing import Vault
from common.settings import DatabaseSettings, ReportSettings
from embedded.postgres import EmbeddedPostgres
from pipelines.cycle import run_cycle
from pipelines.settings import PipelineSection, PipelineSettings
from simulator.demo.history import load_history
from simulator.demo.traffic import GeneratedDialogs
from tests.api.running import ADMIN_TOKEN, DATA_KEY, LONG_TIMEOUTS, PASSWORD, api_settings, serving
from tests.clickhouse_process import ClickHouseProcess
from tests.conftest import alembic_config, migrated

PROJECT = Path(__file__).parents[3]
DIST = PROJECT / "dashboards" / "web" / "dist"
ZONE = "Europe/Moscow"
BOT_ID = 100_000_001
Result = TypeVar("Result")


@dataclass(frozen=True, kw_only=True)
class World:
    """The running dashboard."""

    url: str
    pipeline_settings: PipelineSettings
    settings: ApiSettings

    @contextmanager
    def another_api(self, clock: Callable[[], datetime] = now_utc) -> Iterator[str]:
        """A second API on the same databases, for tests that stop it or move its clock."""
        app = create_app(
            self.settings, lifecycle=ProcessLifecycle(), clock=clock, timeouts=LONG_TIMEOUTS
        )
        with serving(app) as url:
            yield url

    def get(self, path: str, *, username: str, **query: str) -> dict[str, Any]:
        """An answer of the API, asked past the browser."""
        answer = httpx.get(
            f"{self.url}/api/v1{path}", params=query, auth=(username, PASSWORD), timeout=90
        )
        assert answer.status_code == httpx.codes.OK, answer.text
        body: dict[str, Any] = answer.json()
        return body

    def register(self, username: str, *, scopes: tuple[str, ...] = ("stats:read",)) -> None:
        """An account with these scopes."""
        answer = httpx.post(
            f"{self.url}/api/v1/auth/register",
            json={"username": username, "password": PASSWORD, "admin_token": ADMIN_TOKEN},
            timeout=90,
        )
        assert answer.status_code == httpx.codes.CREATED, answer.text
        self.execute("UPDATE api_users SET scopes = $1 WHERE username = $2", list(scopes), username)

    def execute(self, statement: str, *arguments: object) -> list[asyncpg.Record]:
        """Run one statement in PostgreSQL."""
        return in_thread(_execute(self.pipeline_settings.database.libpq_url, statement, arguments))

    def load(self, *, people: int, days: int) -> None:
        """Dialogs that end today, and the cycle that brings them into the answers."""
        in_thread(
            load_history(
                GeneratedDialogs(people=people, days=days, last_day=datetime.now(UTC).date()),
                database_url=self.pipeline_settings.database.libpq_url,
                vault=Vault(DATA_KEY),
                bot_id=BOT_ID,
                report=lambda _line: None,
            )
        )
        # One of those who write most does so in a group.
        for table in ("turns", "dialogs"):
            self.execute(
                f"UPDATE {table} SET chat_type = 'group' WHERE user_key ="
                " (SELECT user_key FROM turns GROUP BY 1 ORDER BY count(*) DESC OFFSET 2 LIMIT 1)"
            )
        self.cycle()

    def rename(self, user_key: int, first_name: str) -> None:
        """Give a person another name in Telegram."""
        [user] = self.execute(
            "SELECT wrapped_key, telegram_hmac FROM users WHERE key = $1", user_key
        )
        sealer = Vault(DATA_KEY).user_sealer(user["wrapped_key"], user["telegram_hmac"])
        profile = orjson.dumps({"first_name": first_name})
        self.execute(
            "UPDATE users SET sealed_profile = $1 WHERE key = $2",
            sealer.seal(profile, bindings.profile(user["telegram_hmac"])),
            user_key,
        )

    def paths(self) -> list[str]:
        """Every page: also one of a person and one of a dialog."""
        dialog = self.get("/stats/dialogs", username="ann", period="week")["dialogs"][0]
        return [
            *("/", "/users", "/dialogs", "/turns", "/models", "/retention", "/quality", "/alerts"),
            f"/people/{dialog['user_key']}",
            f"/dialogs/{dialog['dialog_id']}",
        ]

    def cycle(self) -> None:
        """Replicate and publish what is new."""
        run_cycle(self.pipeline_settings)


def in_thread(work: Coroutine[Any, Any, Result]) -> Result:
    """Run it to the end beside the browser's driver, which holds this thread's loop."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(asyncio.run, work).result()


async def _execute(url: str, statement: str, arguments: tuple[object, ...]) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(url)
    try:
        found: list[asyncpg.Record] = await connection.fetch(statement, *arguments)
        return found
    finally:
        await connection.close()


async def _migrate(database: DatabaseSettings) -> None:
    configuration = alembic_config("postgres", database.asyncpg_url)
    await asyncio.to_thread(command.upgrade, configuration, "head")


@contextmanager
def dashboard(
    postgres: EmbeddedPostgres, clickhouse: ClickHouseProcess, settings: Mapping[str, object]
) -> Iterator[World]:
    """Serve the built dashboard on fresh, migrated, still empty databases."""
    name = f"web_{uuid4().hex}"
    in_thread(postgres.ensure_databases(name))
    database = DatabaseSettings.model_validate({"database_url": postgres.url(name)})
    in_thread(_migrate(database))
    with migrated(clickhouse) as warehouse:
        pipeline_settings = PipelineSettings(
            database=database,
            warehouse=warehouse,
            pipelines=PipelineSection.model_validate({"snapshot_grace_seconds": 30}),
            report=ReportSettings.model_validate({"report_timezone": ZONE}),
        )
        addresses = {
            "clickhouse_url": warehouse.writer_url,
            "clickhouse_reader_url": warehouse.reader_url,
        }
        given = {"report_timezone": ZONE, "web_dist": str(DIST), **addresses, **settings}
        configured = api_settings(database, **given)
        with serving(
            create_app(configured, lifecycle=ProcessLifecycle(), timeouts=LONG_TIMEOUTS)
        ) as url:
            yield World(url=url, pipeline_settings=pipeline_settings, settings=configured)


@contextmanager
def databases(directory: Path) -> Iterator[tuple[EmbeddedPostgres, ClickHouseProcess]]:
    """A throw-away PostgreSQL and ClickHouse, for those who are not a test."""
    postgres = EmbeddedPostgres(directory / "postgres", durable=False)
    postgres.prepare()
    clickhouse = ClickHouseProcess(directory)
    with (directory / "postgres.log").open("wb") as log:
        process = subprocess.Popen(postgres.command(), stdout=log, stderr=log)
    try:
        clickhouse.start()
        asyncio.run(postgres.wait_until_ready())
        yield postgres, clickhouse
    finally:
        clickhouse.stop()
        process.send_signal(signal.SIGINT)
        process.wait(timeout=90)
