"""Ways to move a ledger from PostgreSQL, one per process: `python -m benchmarks.data.loaders NAME`.

Reads its task as JSON from standard input and prints rows, seconds and peak memory as JSON.
Each way imports its own libraries, so that those of the others do not count as its memory.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine

from pipelines.replication.batch import Replication
from pipelines.source.columns import TURNS
from pipelines.source.postgres import Source
from warehouse.clickhouse.client import Writer
from warehouse.settings import WarehouseSettings

CHUNK_ROWS = 100_000
"""Rows per chunk of the other loaders; larger chunks are no faster or exceed the memory limit."""
_NAMES = ", ".join(TURNS.columns)


@dataclass(frozen=True)
class Task:
    """A ledger to move, and its target."""

    postgres_url: str
    """libpq, over the Unix socket."""
    tcp_address: str
    """The same server over TCP, port 5432."""
    clickhouse_url: str
    table: str
    """CREATE TABLE of the target, for loaders with an engine of their own."""
    page_rows: int


def ours(task: Task) -> int:
    """The product's batch: a full copy under a new epoch, pages, echo and watermark included."""
    settings = WarehouseSettings.model_validate({"clickhouse_url": task.clickhouse_url})
    with Source(task.postgres_url) as source, Writer(settings) as writer:
        source.lock(wait_seconds=5)
        return Replication(source, writer, page_rows=task.page_rows).run().turns


def pull(task: Task, *, settings: str = "") -> int:
    """ClickHouse reads PostgreSQL by itself: `INSERT INTO … SELECT … FROM postgresql(…)`."""
    from chdb import _chdb  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="pull") as directory:
        connection: Any = _chdb.connect(  # type: ignore[attr-defined] # the stubs leave it out
            f"{directory}/store"
        )
        connection.query(task.table)
        address = f"'{task.tcp_address}:5432', 'dialytics', 'turns', 'postgres', ''"
        connection.query(
            f"INSERT INTO turns (epoch, is_deleted, {_NAMES})"  # noqa: S608 # own names
            f" SELECT 1, 0, {_NAMES.replace('version', 'toUInt64(version)')}"
            f" FROM postgresql({address}) {settings}"
        )
        rows = bytes(connection.query("SELECT count() FROM turns").bytes())
        connection.close()
    return int(rows)


def pull_raw(task: Task) -> int:
    """The same with the product's setting, as no key occurs twice."""
    return pull(task, settings="SETTINGS optimize_on_insert = 0")


def dlt(task: Task) -> int:
    """Dlt's sql_table with the pyarrow backend, into DuckDB."""
    # Only in the dependency group `bench`.
    import dlt as library  # noqa: PLC0415
    from dlt.sources.sql_database import sql_table  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="dlt") as directory:
        os.environ["DLT_DATA_DIR"] = directory
        os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
        source = sql_table(
            credentials=create_engine(_psycopg(task.postgres_url)),
            table="turns",
            schema="public",
            backend="pyarrow",
            chunk_size=CHUNK_ROWS,
            included_columns=[name for name in TURNS.columns if name != "version"],
        )
        pipeline = library.pipeline(
            pipeline_name="turns",
            pipelines_dir=directory,
            destination=library.destinations.duckdb(str(Path(directory) / "turns.duckdb")),
            dataset_name="ledger",
        )
        pipeline.run(source, write_disposition="replace")
        with (
            pipeline.sql_client() as client,
            client.execute_query("SELECT count(*) FROM turns") as cursor,
        ):
            return int(cursor.fetchone()[0])


def pandas(task: Task) -> int:
    """`read_sql` in chunks and `insert_df`: the obvious first version."""
    import clickhouse_connect  # noqa: PLC0415
    import pandas as pd  # noqa: PLC0415

    client = clickhouse_connect.get_client(dsn=task.clickhouse_url)
    rows = 0
    with (
        create_engine(_psycopg(task.postgres_url))
        .connect()
        .execution_options(stream_results=True) as connection
    ):
        for chunk in pd.read_sql(
            f"SELECT 1 AS epoch, 0 AS is_deleted, {TURNS.selection}"  # noqa: S608 # own names
            " FROM turns WHERE status <> 'pending'",
            connection,
            chunksize=CHUNK_ROWS,
        ):
            whole = chunk.select_dtypes("float").columns
            chunk[whole] = chunk[whole].astype("Int64")
            client.insert_df("turns", chunk.astype({"cost_usd": object}))
            rows += len(chunk)
    return rows


def copy(task: Task) -> int:
    """The upper bound: the engine copies its own table."""
    settings = WarehouseSettings.model_validate({"clickhouse_url": task.clickhouse_url})
    with Writer(settings) as writer:
        # Larger blocks pass the writer's limit of memory.
        writer.run(
            "copy",
            sql="INSERT INTO turns_copy SELECT * FROM turns"  # noqa: S608 # SETTINGS take no parameter
            " SETTINGS max_insert_threads = 1,"
            f" min_insert_block_size_rows = {CHUNK_ROWS:d}, min_insert_block_size_bytes = 0",
        )
        return int(writer.value("rows", sql="SELECT count() FROM turns_copy"))


HEAVY = {
    "ours": ("pipelines.source.arrow",),
    "pull": ("chdb",),
    "pull_raw": ("chdb",),
    "dlt": ("dlt.sources.sql_database", "pyarrow", "duckdb", "psycopg"),
    "pandas": ("pandas", "clickhouse_connect", "psycopg"),
    "ceiling": (),
}
"""Modules that only this loader imports, before its clock starts: memory is measured too."""
MOVERS: dict[str, Callable[[Task], int]] = {
    "ours": ours,
    "pull": pull,
    "pull_raw": pull_raw,
    "dlt": dlt,
    "pandas": pandas,
    "ceiling": copy,
}


def _psycopg(url: str) -> str:
    return url.replace("postgresql://", "postgresql+psycopg://", 1)


def main() -> None:
    task = Task(**json.load(sys.stdin))
    for module in HEAVY[sys.argv[1]]:
        import_module(module)
    clock = time.perf_counter()
    rows = MOVERS[sys.argv[1]](task)
    seconds = time.perf_counter() - clock
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"rows": rows, "seconds": seconds, "peak_rss_mib": round(peak)}))


if __name__ == "__main__":
    main()
