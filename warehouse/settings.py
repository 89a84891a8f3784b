"""Where the warehouse is, who reads it, and what one query may cost."""

from __future__ import annotations

from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator

from common.settings import Section


class ClusterSettings(Section):
    """The topology of ClickHouse."""

    clickhouse_cluster: str = Field(default="", pattern=r"^[A-Za-z0-9_-]*$")
    """Name of the cluster in `remote_servers`; empty: one machine."""


class WarehouseSettings(ClusterSettings):
    """Addresses of the two ClickHouse users and the limits of every query."""

    clickhouse_url: SecretStr
    """`http://writer:<password>@host:8123/<database>`."""
    clickhouse_reader_url: SecretStr | None = None
    """The same for the read-only user; unset: `clickhouse_url`."""
    query_max_seconds: int = Field(default=20, ge=1, le=600)
    """Longest query of a reader."""
    query_max_memory_mb: int = Field(default=400, ge=16)
    """Most memory of one reader's query, MiB."""
    query_max_rows: int = Field(default=200_000_000, ge=1_000)
    """Most rows that one reader's query may read."""
    build_max_seconds: int = Field(default=600, ge=1)
    """Longest statement of the pipelines."""
    build_max_memory_mb: int = Field(default=512, ge=64)
    """Most memory of one statement of the pipelines, MiB."""

    @field_validator("clickhouse_url", "clickhouse_reader_url")
    @classmethod
    def _is_http(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and urlsplit(value.get_secret_value()).scheme not in {"http", "https"}:
            raise ValueError("must start with http:// or https://")
        return value

    @property
    def reader_url(self) -> str:
        return (self.clickhouse_reader_url or self.clickhouse_url).get_secret_value()

    @property
    def writer_url(self) -> str:
        return self.clickhouse_url.get_secret_value()


def local_name(table: str, *, cluster: str, sharded: bool) -> str:
    """The table that stores the rows: the table itself, or its local part on a shard."""
    return f"{table}_local" if cluster and sharded else table
