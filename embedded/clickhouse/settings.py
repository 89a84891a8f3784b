"""Settings of the embedded ClickHouse server."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr

from common.settings import Section

MIB = 1024 * 1024


class ClickHouseSettings(Section):
    """The embedded ClickHouse server: where its files are, who may enter, how much it may use."""

    data_dir: Path = Path(".data")
    """The engine's files are in `clickhouse/` below it."""
    clickhouse_port: int = Field(default=8123, ge=0, le=65535)
    """0 takes a free port and logs it."""
    clickhouse_bind_host: str = "127.0.0.1"
    """Address of the embedded ClickHouse. Clients need a password, which nothing
    encrypts on its way."""
    clickhouse_writer_password: SecretStr
    clickhouse_reader_password: SecretStr
    clickhouse_memory_mib: int = Field(default=1024, ge=256)
    """Memory limit of all queries together."""
    clickhouse_query_memory_mib: int = Field(default=512, ge=64)
    """Memory limit of one query."""
    clickhouse_query_seconds: int = Field(default=60, ge=1)
    """How long a reader's query may run."""
    clickhouse_concurrent_queries: int = Field(default=32, ge=1, le=1000)
    clickhouse_queue_seconds: float = Field(default=10.0, ge=0)
    """How long a query waits for one of those places before it is refused."""
    clickhouse_send_seconds: float = Field(default=30.0, gt=0)
    """How long a client may take to read a MiB of its answer before the query is given up."""
    clickhouse_body_mib: int = Field(default=1024, ge=1)
    """The largest request body, counted after decompression."""
    clickhouse_slow_query_seconds: float = Field(default=1.0, ge=0)
    """From here on a query is logged at WARNING."""
    clickhouse_stop_seconds: float = Field(default=20.0, ge=0)
    """How long running queries may take to finish when the server is asked to stop."""
