"""`python -m embedded.clickhouse`: the ClickHouse engine behind its HTTP protocol."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from contextlib import closing

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from common.http.listening import warn_if_open
from common.http.request_deadline import DeadlineRunner
from common.log import configure_logging, get_logger
from common.process import run
from common.settings import RuntimeSettings, load
from embedded.clickhouse.accounts import Account, Accounts
from embedded.clickhouse.engine.engine import READERS, Engine
from embedded.clickhouse.engine.running import Running
from embedded.clickhouse.http.server import (
    MAX_HEADER_BYTES,
    MAX_URL_BYTES,
    ClickHouseServer,
)
from embedded.clickhouse.settings import MIB, ClickHouseSettings
from embedded.clickhouse_privileges import reader_grants, writer_grants
from embedded.listening import listen

DATABASES = ("default", "dialytics")
READER_ROWS = 1_000_000_000
READER_RESULT_ROWS = 10_000_000
# By default a query that finds less than 1 GiB per thread free runs on one, which here is every
# query, and a table of fewer than 163,840 rows is read by one: ours are few and hold bitmaps.
READER_THREADS = {
    "max_threads_min_free_memory_per_thread": str(64 * MIB),
    "merge_tree_min_rows_for_concurrent_read": "1024",
}
# The engine has others where it runs inside of a program.
SERVER_DEFAULTS = {"implicit_select": "0", "allow_introspection_functions": "0"}
# In parallel, or in groups of a million rows, each result holds much in memory at once.
LESS_MEMORY = {
    "output_format_parallel_formatting": "0",
    "output_format_parquet_parallel_encoding": "0",
    "output_format_parquet_row_group_size": "250000",
    "output_format_parquet_row_group_size_bytes": str(32 * MIB),
}
# The policy reads statements, not the rows that follow them.
NO_EXPRESSIONS_IN_VALUES = {
    "input_format_values_interpret_expressions": "0",
    "input_format_values_deduce_templates_of_expressions": "0",
}

log = get_logger(__name__)


def accounts(settings: ClickHouseSettings) -> Accounts:
    """The two users, the writer and the reader."""
    memory = settings.clickhouse_query_memory_mib * MIB
    # A retried insert must be seen as it is sent: written when acknowledged, never deduplicated.
    defaults = (
        SERVER_DEFAULTS
        | LESS_MEMORY
        | {
            "async_insert": "0",
            "max_bytes_before_external_group_by": str(memory // 2),
        }
    )
    writer = Account(
        "writer",
        read_only=False,
        defaults=defaults | NO_EXPRESSIONS_IN_VALUES,
        limits={"max_memory_usage": memory},
        grants=writer_grants(database="*", system=False),
    )
    reader = Account(
        "reader",
        read_only=True,
        defaults=defaults | READER_THREADS | {"workload": READERS},
        limits={
            "max_memory_usage": memory,
            "max_execution_time": settings.clickhouse_query_seconds,
            "max_rows_to_read": READER_ROWS,
            "max_result_rows": READER_RESULT_ROWS,
        },
        grants=reader_grants(database="*"),
    )
    return Accounts(
        {
            "writer": (writer, settings.clickhouse_writer_password.get_secret_value()),
            "reader": (reader, settings.clickhouse_reader_password.get_secret_value()),
        }
    )


class _ClientErrors(logging.Filter):
    """Drops the HTTP library's tracebacks of requests that are no HTTP.

    Such a request was answered with 400, and its bytes may carry a password.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        return not isinstance(error, HttpProcessingError | ConnectionError)


async def serve(
    settings: ClickHouseSettings, engine: Engine, users: Accounts, sock: socket.socket
) -> None:
    """Answer until SIGTERM or SIGINT, then finish what runs."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    running = Running(
        engine,
        at_once=settings.clickhouse_concurrent_queries,
        wait_seconds=settings.clickhouse_queue_seconds,
    )
    server = ClickHouseServer(
        running,
        users,
        body_bytes=settings.clickhouse_body_mib * MIB,
        slow_seconds=settings.clickhouse_slow_query_seconds,
        send_seconds=settings.clickhouse_send_seconds,
    )
    http_log = logging.getLogger("embedded.clickhouse.http")
    http_log.addFilter(_ClientErrors())
    runner = DeadlineRunner(
        server.application(),
        whole_body=False,
        access_log=None,
        logger=http_log,
        auto_decompress=False,
        max_line_size=MAX_URL_BYTES,
        max_field_size=MAX_HEADER_BYTES,
        keepalive_timeout=75,
        shutdown_timeout=1,
    )
    await runner.setup()
    site = web.SockSite(runner, sock)
    await site.start()
    log.info("clickhouse_ready", port=sock.getsockname()[1])
    await stop.wait()
    log.info("clickhouse_stopping")
    await running.stop(seconds=settings.clickhouse_stop_seconds)
    await runner.cleanup()


def main() -> None:
    configure_logging(load(RuntimeSettings), service="clickhouse")
    settings = load(ClickHouseSettings)
    host = settings.clickhouse_bind_host
    warn_if_open("CLICKHOUSE_BIND_HOST", host, opens="SQL over HTTP, by password, unencrypted")
    sock = listen(host, settings.clickhouse_port)
    try:
        engine = Engine(
            settings.data_dir / "clickhouse", memory_bytes=settings.clickhouse_memory_mib * MIB
        )
        try:
            with closing(engine.connect()) as connection:
                for database in DATABASES:
                    connection.run(f"CREATE DATABASE IF NOT EXISTS {database}".encode())
            asyncio.run(serve(settings, engine, accounts(settings), sock))
        finally:
            engine.close()
    finally:
        sock.close()
    log.info("clickhouse_stopped")


if __name__ == "__main__":
    run(main)
