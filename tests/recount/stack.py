"""A temporary PostgreSQL, ClickHouse and API, and the product's own pipelines."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import psycopg

from api.app import create_app
from api.health.routes import ProcessLifecycle
from benchmarks.data import stores as throw_away
from common.encryption.sealing import Vault
from common.settings import DatabaseSettings, ReportSettings
from pipelines.commands.reconcile import Reconciliation, reconcile
from pipelines.cycle import run_cycle
from pipelines.settings import PipelineSection, PipelineSettings
from tests.api.running import ADMIN_TOKEN, DATA_KEY, LONG_TIMEOUTS, PASSWORD, api_settings, serving
from warehouse.clickhouse.client import Writer
from warehouse.settings import WarehouseSettings

PLAIN, NAMED = "plain", "named"
"""Accounts: one sees only keys of people, the other also their names."""


@dataclass
class Clock:
    """The API's clock, set for each request."""

    now: datetime

    def __call__(self) -> datetime:
        return self.now


@dataclass(frozen=True)
class Stack:
    """The running services."""

    pipeline_settings: PipelineSettings
    url: str
    clock: Clock
    vault: Vault = field(default_factory=lambda: Vault(DATA_KEY))

    @property
    def database_url(self) -> str:
        return self.pipeline_settings.database.libpq_url

    def connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self.database_url)

    def client(self, account: str) -> httpx.Client:
        """HTTP client of the API, signed in as one of the accounts."""
        # The server drops a connection that is idle for five seconds; pandas may take longer.
        limits = httpx.Limits(keepalive_expiry=1)
        return httpx.Client(base_url=self.url, auth=(account, PASSWORD), timeout=120, limits=limits)

    def cycle(self) -> None:
        """Replicate and publish until everything committed so far is in the warehouse."""
        with self.connect() as connection:
            found = connection.execute("SELECT pg_current_xact_id()::text::bigint").fetchone()
        assert found is not None
        while run_cycle(self.pipeline_settings)[0].until_version <= found[0]:
            pass

    def reconcile(self) -> Reconciliation:
        """Compare both stores by day, as the nightly job does."""
        return reconcile(self.pipeline_settings)

    def publication(self) -> int:
        """Number of the newest publication."""
        with self.writer() as writer:
            return int(
                writer.value("newest", sql="SELECT max(publication) AS newest FROM published")
            )

    def writer(self) -> Writer:
        """Writer that changes the warehouse without the pipelines."""
        return Writer(self.pipeline_settings.warehouse)

    def register(self) -> None:
        """Create the accounts."""
        for account in (PLAIN, NAMED):
            answer = httpx.post(
                f"{self.url}/api/v1/auth/register",
                json={"username": account, "password": PASSWORD, "admin_token": ADMIN_TOKEN},
                timeout=120,
            )
            assert answer.is_success, answer.text
        with self.connect() as connection:
            connection.execute(
                "UPDATE api_users SET scopes = '{stats:read,names:read}' WHERE username = %s",
                (NAMED,),
            )


@contextmanager
def running_stack(*, report_tz: str, now: datetime) -> Iterator[Stack]:
    """Start everything on free ports; remove it afterwards."""
    with (
        tempfile.TemporaryDirectory(prefix="recount-") as name,
        throw_away.postgres(Path(name) / "pg", options={}) as database,
        throw_away.clickhouse(Path(name) / "ch") as warehouse,
        running_api(database, warehouse, report_tz=report_tz, now=now) as stack,
    ):
        yield stack


@contextmanager
def running_api(
    database: DatabaseSettings, warehouse: WarehouseSettings, *, report_tz: str, now: datetime
) -> Iterator[Stack]:
    """Start the API on two migrated stores."""
    report: Mapping[str, str] = {"report_timezone": report_tz}
    clock = Clock(now)
    settings = api_settings(
        database,
        clickhouse_url=warehouse.writer_url,
        clickhouse_reader_url=warehouse.reader_url,
        **report,
    )
    app = create_app(settings, lifecycle=ProcessLifecycle(), clock=clock, timeouts=LONG_TIMEOUTS)
    pipeline_settings = PipelineSettings(
        database=database,
        warehouse=warehouse,
        pipelines=PipelineSection.model_validate({"snapshot_grace_seconds": 1}),
        report=ReportSettings.model_validate(report),
    )
    with serving(app) as url:
        stack = Stack(pipeline_settings, url, clock)
        stack.register()
        yield stack
