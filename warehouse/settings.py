"""Where the warehouse is, who reads it, and what one query may cost."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator

from common.settings import Section

# Not by urlsplit: several IPv6 addresses in brackets are an error to it.
_HOSTS = re.compile(r"(?P<before>[^/?#]*//(?:[^/?#]*@)?)(?P<hosts>[^/?#]*)(?P<after>.*)", re.DOTALL)


class ClusterSettings(Section):
    """The topology of ClickHouse."""

    clickhouse_cluster: str = Field(default="", pattern=r"^[A-Za-z0-9_-]*$")
    """Name of the cluster in `remote_servers`; empty: one machine."""


class WarehouseSettings(ClusterSettings):
    """Addresses of the two ClickHouse users and the limits of every query."""

    clickhouse_url: SecretStr
    """`http://writer:<password>@host:8123/<database>`; of a cluster several nodes, as in
    `@first:8123,second:8123/`. The next one is used when one does not answer."""
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
        if value is not None:
            nodes = [urlsplit(url) for url in node_urls(value.get_secret_value())]
            if any(node.scheme not in {"http", "https"} for node in nodes):
                raise ValueError("must start with http:// or https://")
            if len(nodes) > 1 and not all(node.hostname for node in nodes):
                raise ValueError("names no host before or after a comma")
        return value

    @property
    def reader_urls(self) -> tuple[str, ...]:
        return node_urls((self.clickhouse_reader_url or self.clickhouse_url).get_secret_value())

    @property
    def writer_urls(self) -> tuple[str, ...]:
        return node_urls(self.clickhouse_url.get_secret_value())

    @property
    def reader_url(self) -> str:
        """The first node's."""
        return self.reader_urls[0]

    @property
    def writer_url(self) -> str:
        """The first node's. Migrations use it alone: their version table is its own."""
        return self.writer_urls[0]


def node_urls(url: str) -> tuple[str, ...]:
    """An address for each node that a URL names between commas."""
    parts = _HOSTS.fullmatch(url)
    if parts is None:
        return (url,)
    return tuple(f"{parts['before']}{host}{parts['after']}" for host in parts["hosts"].split(","))


def local_name(table: str, *, cluster: str, sharded: bool) -> str:
    """The table that stores the rows: the table itself, or its local part on a shard."""
    return f"{table}_local" if cluster and sharded else table
