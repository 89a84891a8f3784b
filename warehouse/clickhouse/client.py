"""The connections to ClickHouse: a writer for the pipelines, a reader for everyone who asks.

They are different users with different rights. Every statement carries limits and its name as
`log_comment`.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError
from structlog.contextvars import get_contextvars

from common.tracing import span
from warehouse.clickhouse.server_version import refuse_old_server
from warehouse.clickhouse.statements import statement
from warehouse.errors import ServerTooOldError, WarehouseUnavailableError, translate
from warehouse.settings import WarehouseSettings, local_name

if TYPE_CHECKING:
    # Slow to import, and no process needs both.
    import pyarrow as pa
    from clickhouse_connect.driver.asyncclient import AsyncClient

MEBIBYTE = 1 << 20
PING_SECONDS = 3.0
"""A server that does not answer a ping within this time counts as hanging."""
_CONNECT_SECONDS = 5
# A continuation marker and a message of length 0.
_ARROW_STREAM_ENDS = b"\xff\xff\xff\xff\x00\x00\x00\x00"
# The drivers raise these beside their own errors when a socket breaks.
_DRIVER_ERRORS = (ClickHouseError, OSError, TimeoutError)

_WRITER_SETTINGS: dict[str, Any] = {
    # An acknowledged insert is stored.
    "async_insert": 0,
    # A build of many days writes a partition per month and table.
    "max_partitions_per_insert_block": 100,
    # Duplicates live inside one partition: its key comes from columns that never change.
    "do_not_merge_across_partitions_select_final": 1,
}
# Otherwise every inserted row is compared with its neighbours, to keep one of each key, which took
# two thirds of an insert's time. Rows of one bulk insert have no key twice.
_BULK_SETTINGS: dict[str, Any] = {"optimize_on_insert": 0}
_CLUSTER_WRITER_SETTINGS: dict[str, Any] = {
    # A row is on its shard, and a publication on most replicas, before the insert returns.
    "distributed_foreground_insert": 1,
    "insert_quorum": "auto",
    "select_sequential_consistency": 1,
}


@contextmanager
def _our_errors(name: str) -> Iterator[None]:
    try:
        yield
    except _DRIVER_ERRORS as error:
        raise translate(error, name=name) from error


def _arrow_stream(rows: pa.Table) -> Generator[bytes, None, None]:
    """The rows in Arrow's stream format, a batch at a time: a copy of them all is never made."""
    yield rows.schema.serialize().to_pybytes()
    for batch in rows.to_batches():
        message = memoryview(batch.serialize())
        # Each piece has `_CONNECT_SECONDS` to leave, which is the driver's limit for sending.
        for start in range(0, len(message), MEBIBYTE):
            yield bytes(message[start : start + MEBIBYTE])
    yield _ARROW_STREAM_ENDS


def _query_id() -> str:
    """The request that asks, so that its log lines and ClickHouse's query log meet; unique."""
    request = get_contextvars().get("request_id", "none")
    return f"{request}.{secrets.token_hex(4)}"


class Writer:
    """The pipelines' synchronous connection. One statement at a time.

    Args:
        settings: address and limits.
        answer_seconds: the longest statement; None: BUILD_MAX_SECONDS.

    Raises:
        WarehouseUnavailableError: from the constructor and from every method.
    """

    def __init__(self, settings: WarehouseSettings, *, answer_seconds: int | None = None) -> None:
        self.cluster = settings.clickhouse_cluster
        self._limits: dict[str, Any] = {
            "max_execution_time": answer_seconds or settings.build_max_seconds,
            "max_memory_usage": settings.build_max_memory_mb * MEBIBYTE,
            # A first build of years of history spills to disk instead of failing.
            "max_bytes_before_external_group_by": settings.build_max_memory_mb * MEBIBYTE // 3,
            **_WRITER_SETTINGS,
            **(_CLUSTER_WRITER_SETTINGS if settings.clickhouse_cluster else {}),
        }
        with _our_errors("connect"):
            self._client: Client = clickhouse_connect.get_client(
                dsn=settings.writer_url,
                connect_timeout=_CONNECT_SECONDS,
                send_receive_timeout=answer_seconds or settings.build_max_seconds + 30,
                autogenerate_session_id=False,
                tz_mode="aware",
                client_name="dialytics-writer",
                # Compression took two fifths of the time of a bulk insert.
                compress=False,
                # Its own pool: a process forked from this one must not share sockets.
                dedicated_pool=True,
            )
        try:
            refuse_old_server(self._client.server_version)
        except ServerTooOldError:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def close(self) -> None:
        self._client.close()

    def rows(
        self, name: str, parameters: Mapping[str, Any] | None = None, *, sql: str | None = None
    ) -> list[dict[str, Any]]:
        """Run a SELECT. `name` is a file under sql/ unless `sql` is given."""
        with span("clickhouse", log_comment=name), _our_errors(name):
            result = self._client.query(
                sql or statement(name),
                parameters=dict(parameters or {}),
                settings=self._named(name),
            )
            return list(result.named_results())

    def value(
        self, name: str, parameters: Mapping[str, Any] | None = None, *, sql: str | None = None
    ) -> Any:
        """The first column of the first row; None when there is no row."""
        for row in self.rows(name, parameters, sql=sql):
            return next(iter(row.values()))
        return None

    def run(
        self, name: str, parameters: Mapping[str, Any] | None = None, *, sql: str | None = None
    ) -> None:
        """Run a statement that returns no rows (INSERT … SELECT, DDL)."""
        with span("clickhouse", log_comment=name), _our_errors(name):
            self._client.command(
                sql or statement(name),
                parameters=dict(parameters or {}),
                settings=self._named(name),
            )

    def insert_arrow(self, table: str, rows: pa.Table) -> None:
        """Insert one bounded Arrow table, no key of it twice; columns are matched by name."""
        with span("clickhouse", log_comment=f"insert {table}"), _our_errors(f"insert {table}"):
            self._client.raw_insert(
                table,
                rows.column_names,
                _arrow_stream(rows),
                settings={**self._named(f"insert {table}"), **_BULK_SETTINGS},
                fmt="ArrowStream",
            )

    def insert(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert a few rows of equal keys as one block."""
        if not rows:
            return
        columns = list(rows[0])
        with span("clickhouse", log_comment=f"insert {table}"), _our_errors(f"insert {table}"):
            self._client.insert(
                table,
                [[row[column] for column in columns] for row in rows],
                column_names=columns,
                settings=self._named(f"insert {table}"),
            )

    def drop_partition(self, table: str, partition_id: str, *, sharded: bool = False) -> None:
        """Drop one partition everywhere, by its id in system.parts."""
        stored = local_name(table, cluster=self.cluster, sharded=sharded)
        on_cluster = f" ON CLUSTER `{self.cluster}`" if self.cluster and sharded else ""
        self.run(
            f"drop partition of {table}",
            sql=f"ALTER TABLE {stored}{on_cluster} DROP PARTITION ID '{partition_id}'",
        )

    def _named(self, name: str) -> dict[str, Any]:
        return {**self._limits, "log_comment": name}


class ClickHouseReader:
    """The asynchronous connection of everyone who only asks. Opens on first use.

    The user's profile makes it read-only; limits are sent with every query.

    Args:
        settings: addresses and limits.
        ping_seconds: a server that does not answer a ping for so long is unavailable, however
            long a query may take.
    """

    def __init__(self, settings: WarehouseSettings, *, ping_seconds: float = PING_SECONDS) -> None:
        # Like the driver's own, its HTTP client is not for processes that only write.
        from warehouse.clickhouse.liveness import Liveness  # noqa: PLC0415

        self._url = settings.reader_url
        self._liveness = Liveness(self._url, ping_seconds=ping_seconds)
        self._limits: dict[str, Any] = {
            "max_execution_time": settings.query_max_seconds,
            "max_memory_usage": settings.query_max_memory_mb * MEBIBYTE,
            "max_rows_to_read": settings.query_max_rows,
            "do_not_merge_across_partitions_select_final": 1,
            # A page that is closed asks no more.
            "cancel_http_readonly_queries_on_client_close": 1,
            **({"select_sequential_consistency": 1} if settings.clickhouse_cluster else {}),
        }
        self._timeout = settings.query_max_seconds + 5
        self._client: AsyncClient | None = None
        self._opening = asyncio.Lock()

    async def rows(
        self, name: str, sql: str, parameters: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        """Run one SELECT; `name` is its log_comment. Rows as dictionaries by column.

        Raises:
            WarehouseUnavailableError: ClickHouse does not answer.
            QueryTooExpensiveError: over the limits of a reader.
            QueryFailedError: ClickHouse refused the statement.
        """
        query_id = _query_id()
        with span("clickhouse", log_comment=name, query_id=query_id) as asked, _our_errors(name):
            settings = {**self._limits, "log_comment": name, "query_id": query_id}
            rows = await self._liveness.watch(self._query(sql, dict(parameters), settings))
            asked.set(rows=len(rows))
            return rows

    async def _query(
        self, sql: str, parameters: dict[str, Any], settings: dict[str, Any]
    ) -> list[dict[str, Any]]:
        client = await self._open()
        result = await client.query(sql, parameters=parameters, settings=settings)
        return list(result.named_results())

    async def explain(self, name: str, sql: str, parameters: Mapping[str, Any]) -> str:
        """The plan of the same SELECT."""
        rows = await self.rows(name, f"EXPLAIN indexes = 1 {sql}", parameters)
        return "\n".join(str(next(iter(row.values()))) for row in rows)

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def _open(self) -> AsyncClient:
        async with self._opening:
            if self._client is None:
                try:
                    client = await clickhouse_connect.get_async_client(
                        dsn=self._url,
                        connect_timeout=_CONNECT_SECONDS,
                        send_receive_timeout=self._timeout,
                        autogenerate_session_id=False,
                        tz_mode="aware",
                        client_name="dialytics-reader",
                        # Answers are kilobytes. Parameters travel in the URL, and as a form, a
                        # packet for each of its lines, only when they are more than it may hold.
                        compress=False,
                    )
                except _DRIVER_ERRORS as error:
                    raise WarehouseUnavailableError("ClickHouse does not answer") from error
                try:
                    refuse_old_server(client.server_version)
                except ServerTooOldError:
                    await client.close()
                    raise
                # The driver refuses to send what a read-only user may not raise, although the
                # user may lower it. The server judges.
                for setting in (*self._limits, "log_comment"):
                    client.server_settings.pop(setting, None)
                self._client = client
            return self._client
