"""The connections to ClickHouse: a writer for the pipelines, a reader for everyone who asks.

They are different users with different rights. Every statement carries limits and its name as
`log_comment`.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self, TypeVar

from clickhouse_connect.driver.client import Client
from structlog.contextvars import get_contextvars

from common.tracing import span
from warehouse.clickhouse.connection import NodeConnection, open_writer, our_errors
from warehouse.clickhouse.nodes import shared_nodes
from warehouse.clickhouse.statements import statement
from warehouse.errors import WarehouseUnavailableError
from warehouse.settings import WarehouseSettings, local_name

if TYPE_CHECKING:
    # Slow to import, and no process needs both.
    import pyarrow as pa

MEBIBYTE = 1 << 20
PING_SECONDS = 3.0
"""A server that does not answer a ping within this time counts as hanging."""
# A continuation marker and a message of length 0.
_ARROW_STREAM_ENDS = b"\xff\xff\xff\xff\x00\x00\x00\x00"

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
    # Without it sequential consistency is ignored: a read may miss what was acknowledged.
    "insert_quorum_parallel": 0,
    "select_sequential_consistency": 1,
}

Result = TypeVar("Result")


def _arrow_stream(rows: pa.Table) -> Generator[bytes, None, None]:
    """The rows in Arrow's stream format, a batch at a time: a copy of them all is never made."""
    yield rows.schema.serialize().to_pybytes()
    for batch in rows.to_batches():
        message = memoryview(batch.serialize())
        # Each piece has `CONNECT_SECONDS` to leave, which is the driver's limit for sending.
        for start in range(0, len(message), MEBIBYTE):
            yield bytes(message[start : start + MEBIBYTE])
    yield _ARROW_STREAM_ENDS


def _query_id() -> str:
    """The request that asks, so that its log lines and ClickHouse's query log meet; unique."""
    request = get_contextvars().get("request_id", "none")
    return f"{request}.{secrets.token_hex(4)}"


class Writer:
    """The pipelines' synchronous connection. One statement at a time.

    When a node does not answer, the next one of the address is used. A SELECT is asked there again.
    A write is not: whether it took effect is unknown, and the caller's protocol repeats it.

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
        self._timeout = answer_seconds or settings.build_max_seconds + 30
        self._nodes = shared_nodes(settings.writer_urls)
        self._url = ""
        self._client: Client | None = None
        self._asked("connect", lambda _client: None, is_repeated=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def rows(
        self, name: str, parameters: Mapping[str, Any] | None = None, *, sql: str | None = None
    ) -> list[dict[str, Any]]:
        """Run a SELECT. `name` is a file under sql/ unless `sql` is given."""
        with span("clickhouse", log_comment=name):
            return self._asked(
                name,
                lambda client: list(
                    client.query(
                        sql or statement(name),
                        parameters=dict(parameters or {}),
                        settings=self._named(name),
                    ).named_results()
                ),
                is_repeated=True,
            )

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
        with span("clickhouse", log_comment=name):
            self._asked(
                name,
                lambda client: client.command(
                    sql or statement(name),
                    parameters=dict(parameters or {}),
                    settings=self._named(name),
                ),
            )

    def insert_arrow(self, table: str, rows: pa.Table) -> None:
        """Insert one bounded Arrow table, no key of it twice; columns are matched by name."""
        name = f"insert {table}"
        with span("clickhouse", log_comment=name):
            self._asked(
                name,
                lambda client: client.raw_insert(
                    table,
                    rows.column_names,
                    _arrow_stream(rows),
                    settings={**self._named(name), **_BULK_SETTINGS},
                    fmt="ArrowStream",
                ),
            )

    def insert(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert a few rows of equal keys as one block."""
        if not rows:
            return
        columns = list(rows[0])
        name = f"insert {table}"
        with span("clickhouse", log_comment=name):
            self._asked(
                name,
                lambda client: client.insert(
                    table,
                    [[row[column] for column in columns] for row in rows],
                    column_names=columns,
                    settings=self._named(name),
                ),
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

    def _asked(
        self, name: str, ask: Callable[[Client], Result], *, is_repeated: bool = False
    ) -> Result:
        """Ask the node in use. A question that may be repeated is asked each node once."""
        for attempts_left in reversed(range(len(self._nodes.urls))):
            is_sent = False
            try:
                with our_errors(name):
                    client = self._open(self._nodes.url)
                    is_sent = True
                    return ask(client)
            except WarehouseUnavailableError as error:
                self._nodes.leave(self._url, error, name=name)
                if not attempts_left or (is_sent and not is_repeated):
                    raise
        raise AssertionError  # the last attempt returns or raises

    def _open(self, url: str) -> Client:
        """The connection to a node, which may be the one that is open."""
        if self._client is not None and url == self._url:
            return self._client
        self.close()
        self._url = url
        self._client = open_writer(url, answer_seconds=self._timeout)
        return self._client


class ClickHouseReader:
    """The asynchronous connection of everyone who only asks. Opens on first use.

    The user's profile makes it read-only; limits are sent with every query. A query of a node that
    does not answer is asked again of the next one.

    Args:
        settings: addresses and limits.
        ping_seconds: a server that does not answer a ping for so long is unavailable, however
            long a query may take.
    """

    def __init__(self, settings: WarehouseSettings, *, ping_seconds: float = PING_SECONDS) -> None:
        # Like the driver's own, its HTTP client is not for processes that only write.
        from warehouse.clickhouse.liveness import Liveness  # noqa: PLC0415

        self._limits: dict[str, Any] = {
            "max_execution_time": settings.query_max_seconds,
            "max_memory_usage": settings.query_max_memory_mb * MEBIBYTE,
            "max_rows_to_read": settings.query_max_rows,
            "do_not_merge_across_partitions_select_final": 1,
            # A page that is closed asks no more.
            "cancel_http_readonly_queries_on_client_close": 1,
            **({"select_sequential_consistency": 1} if settings.clickhouse_cluster else {}),
        }
        self._nodes = shared_nodes(settings.reader_urls)
        self._connections = {
            url: NodeConnection(
                url,
                liveness=Liveness(url, ping_seconds=ping_seconds),
                answer_seconds=settings.query_max_seconds + 5,
                allowed=frozenset({*self._limits, "log_comment"}),
            )
            for url in self._nodes.urls
        }

    async def rows(
        self, name: str, sql: str, parameters: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        """Run one SELECT; `name` is its log_comment. Rows as dictionaries by column.

        Raises:
            WarehouseUnavailableError: ClickHouse does not answer.
            QueryTooExpensiveError: over the limits of a reader.
            QueryFailedError: ClickHouse refused the statement.
        """
        with span("clickhouse", log_comment=name) as asked:
            for attempts_left in reversed(range(len(self._nodes.urls))):
                url = self._nodes.url
                query_id = _query_id()
                asked.set(query_id=query_id)
                settings = {**self._limits, "log_comment": name, "query_id": query_id}
                try:
                    with our_errors(name):
                        rows = await self._connections[url].query(sql, dict(parameters), settings)
                except WarehouseUnavailableError as error:
                    self._nodes.leave(url, error, name=name)
                    if not attempts_left:
                        raise
                else:
                    asked.set(rows=len(rows))
                    return rows
        raise AssertionError  # the last attempt returns or raises

    async def explain(self, name: str, sql: str, parameters: Mapping[str, Any]) -> str:
        """The plan of the same SELECT."""
        rows = await self.rows(name, f"EXPLAIN indexes = 1 {sql}", parameters)
        return "\n".join(str(next(iter(row.values()))) for row in rows)

    async def close(self) -> None:
        for connection in self._connections.values():
            await connection.close()
