"""How often the pipelines run, how much they move at once, and what they keep."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from common.http.listening import is_every_address, is_loopback
from common.http.origins import hostname_of
from common.postgres_url import PostgresUrl
from common.settings import (
    DatabaseSettings,
    MetricsSettings,
    PostgresSecret,
    ReportSettings,
    Section,
    load,
)
from warehouse.settings import WarehouseSettings

LAST_BACKUP = "last-backup"
"""File in DATA_DIR that `make backup` and deploy/backup.sh touch when they have finished."""


class PipelineSection(Section):
    """Replication, rollups and their upkeep."""

    replication_page_rows: int = Field(default=400_000, ge=100, le=1_000_000)
    """Rows that are copied at once; twice as many are in memory."""
    replication_alert_seconds: float = Field(default=120.0, gt=0)
    """Replication lag from which a check fails and a warning is logged."""
    cycle_seconds: int = Field(default=5, ge=1, le=3600)
    """Least time between two looks for new data."""
    follow_run_seconds: int = Field(default=900, ge=10)
    """How long one run follows new data before the next takes over."""
    follow_idle_seconds: int = Field(default=60, ge=0)
    """After how long without new data a following run ends; the sensor starts another."""
    snapshot_grace_seconds: int = Field(default=90, ge=1)
    """How long a replaced build stays readable; longer than the longest query of a reader."""
    lock_wait_seconds: float = Field(default=30.0, ge=0)
    """How long a batch, backfill or reconcile waits for another one."""
    message_retention_days: int = Field(default=0, ge=0, le=36_500)
    """Texts older than this, and payloads of updates parked longer ago, are erased every night; 0:
    neither."""
    audit_retention_days: int = Field(default=730, ge=0, le=36_500)
    """Events of the audit trail older than this are erased every night, after 30 days at the
    earliest; 0: they are kept."""
    operator_chat_id: int | None = None
    """Telegram chat that gets the daily digest and notices; unset: neither is written."""
    digest_hour: int = Field(default=9, ge=0, le=23)
    """Hour of REPORT_TIMEZONE at which yesterday's digest is written."""
    default_language: Literal["en", "ru"] = "en"
    """Language of the digest and notices: the bot's own default."""
    tombstone_retention_days: int = Field(default=30, ge=1)
    """How long the records of deleted rows stay in PostgreSQL after they were replicated."""


class DagsterSettings(MetricsSettings):
    """Dagster's own processes."""

    dagster_database_url: PostgresSecret
    """PostgreSQL database of Dagster's runs, events and schedules."""
    dagster_home: Path | None = None
    """Directory of its configuration; unset: DATA_DIR/dagster."""
    data_dir: Path = Path(".data")
    dagster_port: int = Field(default=3000, ge=1, le=65_535)
    """Web page of Dagster."""
    dagster_bind_host: str = "127.0.0.1"
    """Address of Dagster's page. Anyone who can log in there starts and stops every run."""
    dagster_hosts: str = ""
    """Names, separated by commas, by which browsers may ask for Dagster's page; `localhost`,
    127.0.0.1 and DAGSTER_BIND_HOST always may."""
    dagster_login: bool | None = None
    """Whether Dagster's page asks for an account of the API with the scope `dagster:use`; unset:
    when DAGSTER_BIND_HOST is not loopback."""
    dagster_api_url: str = "http://127.0.0.1:8000"
    """Where Dagster's page asks the API who logs in."""
    dagster_code_port: int = Field(default=3030, ge=1, le=65_535)
    """gRPC port of the code server."""
    dagster_code_bind_host: str = "127.0.0.1"
    """Address of the code server's gRPC. Anyone who reaches it runs any code, without a login."""
    dagster_code_host: str = "127.0.0.1"
    """Where webserver and daemon find the code server."""
    dagster_keep_days: int = Field(default=3, ge=1)
    """Runs and ticks older than this are deleted."""
    pipelines_metrics_port: int = Field(default=9109, ge=0, le=65_535)
    """Where the code server answers /metrics; 0: nowhere."""
    pipelines_metrics_bind_host: str = "127.0.0.1"
    """Address of these metrics. Other machines that reach it need METRICS_TOKEN."""

    @field_validator("dagster_hosts")
    @classmethod
    def _are_names(cls, value: str) -> str:
        for name in _names(value):
            if not re.fullmatch(r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]", name):
                raise ValueError(f"{name!r} is not a name like dagster.example.org, without a port")
        return value

    @field_validator("dagster_api_url")
    @classmethod
    def _is_address(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or hostname_of(parts.netloc) is None:
            raise ValueError("must be like http://api:8000")
        return value

    @property
    def page_hosts(self) -> frozenset[str]:
        """Names of Dagster's page beside those of this machine."""
        own = [] if is_every_address(self.dagster_bind_host) else [self.dagster_bind_host]
        return frozenset(
            name.strip("[]").casefold() for name in (*own, *_names(self.dagster_hosts))
        )

    @property
    def asks_for_login(self) -> bool:
        if self.dagster_login is None:
            return not is_loopback(self.dagster_bind_host)
        return self.dagster_login

    @property
    def storage(self) -> PostgresUrl:
        """Where Dagster keeps its runs."""
        return PostgresUrl.parse(self.dagster_database_url.get_secret_value())

    @property
    def home(self) -> Path:
        return (self.dagster_home or self.data_dir / "dagster").resolve()


def _names(listed: str) -> list[str]:
    return [name.strip() for name in listed.split(",") if name.strip()]


@dataclass(frozen=True, slots=True)
class PipelineSettings:
    """Everything that a process of the pipelines is configured with."""

    database: DatabaseSettings
    warehouse: WarehouseSettings
    pipelines: PipelineSection
    report: ReportSettings


def load_settings() -> PipelineSettings:
    """Settings of both stores and of the pipelines.

    Raises:
        SettingError: naming the first setting that is missing or wrong.
    """
    return PipelineSettings(
        database=load(DatabaseSettings),
        warehouse=load(WarehouseSettings),
        pipelines=load(PipelineSection),
        report=load(ReportSettings),
    )
