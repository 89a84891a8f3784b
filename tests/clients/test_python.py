"""The clients that the project uses, against the embedded ClickHouse server."""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import clickhouse_connect
import pandas as pd
import pyarrow as pa
import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from clickhouse_connect.cc_sqlalchemy.alembic import ClickHouseImpl
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError
from sqlalchemy import create_engine, inspect, text

from tests.clickhouse_process import ClickHouseDatabase

NODE = Path(__file__).parent / "node"
BINARIES = Path(sys.executable).parent
NOON = dt.datetime(2026, 1, 2, 12)  # noqa: DTZ001 # the driver's rows are naive UTC
TABLE = "CREATE TABLE t (a UInt64, b String, at DateTime) ENGINE = MergeTree ORDER BY a"


@pytest.fixture(params=[False, "lz4", "zstd", "gzip", "br"])
def client(
    request: pytest.FixtureRequest, clickhouse_database: ClickHouseDatabase
) -> Iterator[Client]:
    client = clickhouse_connect.get_client(dsn=clickhouse_database.url, compress=request.param)
    client.command(TABLE)
    yield client
    client.close()


def test_rows_go_in_and_out_in_every_way_and_every_compression(client: Client) -> None:
    client.insert("t", [[1, "ы\0", NOON]], column_names=["a", "b", "at"])
    client.insert_df("t", pd.DataFrame({"a": [2], "b": ["x"], "at": [pd.Timestamp(NOON)]}))
    moments = pa.array([NOON] * 100_000, pa.timestamp("s"))
    numbers = pa.array(range(3, 100_003), pa.uint64())
    client.insert_arrow("t", pa.table({"a": numbers, "b": ["z" * 20] * 100_000, "at": moments}))

    first = client.query("SELECT * FROM t WHERE a < 3 ORDER BY a").result_rows
    assert first == [(1, "ы\0", NOON), (2, "x", NOON)]
    assert client.query("SELECT sum(a) FROM t").result_rows == [(100_002 * 100_003 // 2,)]
    assert len(client.query("SELECT * FROM t").result_rows) == 100_002
    assert client.query_arrow("SELECT * FROM t").num_rows == 100_002
    assert len(client.query_df("SELECT * FROM t")) == 100_002
    with client.query_row_block_stream("SELECT a FROM t") as stream:
        assert sum(len(block) for block in stream) == 100_002
    assert client.query("SELECT a, b FROM t LIMIT 0").column_names == ("a", "b")


def test_one_insert_of_many_blocks_becomes_one_part(
    clickhouse_database: ClickHouseDatabase,
) -> None:
    client = clickhouse_connect.get_client(dsn=clickhouse_database.url)
    client.command(TABLE)
    rows = 300_000
    moments = pa.array([NOON] * rows, pa.timestamp("s"))
    table = pa.table({"a": pa.array(range(rows), pa.uint64()), "b": ["z"] * rows, "at": moments})
    written = client.insert_arrow("t", table)
    assert written.written_rows == rows
    # Merged or not: parts as they were inserted.
    parts = "SELECT count() FROM system.parts WHERE database = currentDatabase() AND level = 0"
    assert client.query(parts).result_rows == [(1,)]
    client.close()


def test_parameters_arrive_as_values_and_never_as_sql(
    clickhouse_database: ClickHouseDatabase,
) -> None:
    client = clickhouse_connect.get_client(dsn=clickhouse_database.url)
    hostile = "'; DROP TABLE t; -- \\ \t\n {x:String} ы"
    rows = client.query(
        "SELECT {s:String}, {n:Nullable(Int32)}, {l:Array(String)}, {d:Date}",
        parameters={"s": hostile, "n": None, "l": [hostile, "b"], "d": NOON.date()},
    ).result_rows
    assert rows == [(hostile, None, [hostile, "b"], NOON.date())]
    client.close()


def test_an_error_carries_its_code_before_and_after_rows_were_sent(
    clickhouse_database: ClickHouseDatabase,
) -> None:
    client = clickhouse_connect.get_client(dsn=clickhouse_database.url)
    with pytest.raises(DatabaseError, match="UNKNOWN_TABLE"):
        client.query("SELECT * FROM nope")
    with pytest.raises(DatabaseError, match="THROW_IF"):
        client.query("SELECT number, throwIf(number = 900000) FROM numbers(1000000)")
    client.close()


async def test_the_asynchronous_client_reads_and_writes(
    clickhouse_database: ClickHouseDatabase,
) -> None:
    writer = await clickhouse_connect.get_async_client(dsn=clickhouse_database.url, compress="zstd")
    reader = await clickhouse_connect.get_async_client(dsn=clickhouse_database.reader_url)
    await writer.command(TABLE)
    await writer.insert("t", [[1, "a", NOON]], column_names=["a", "b", "at"])
    await writer.insert_arrow(
        "t",
        pa.table({"a": pa.array([2], pa.uint64()), "b": ["b"], "at": pa.array([NOON])}).cast(
            pa.schema({"a": pa.uint64(), "b": pa.string(), "at": pa.timestamp("s")})
        ),
    )
    answer = await reader.query(
        "SELECT a FROM t WHERE b = {b:String}",
        parameters={"b": "b"},
        settings={"log_comment": "a_report", "max_execution_time": 5, "query_id": "the-id"},
    )
    assert answer.result_rows == [(2,)]
    assert answer.query_id == "the-id"
    assert (await reader.query_arrow("SELECT * FROM t")).num_rows == 2
    with pytest.raises(DatabaseError, match="READONLY"):
        await reader.command("DROP TABLE t")
    await writer.close()
    await reader.close()


def test_alembic_migrates_with_the_clickhouse_dialect(
    clickhouse_database: ClickHouseDatabase,
) -> None:
    assert ClickHouseImpl.__dialect__ == "clickhousedb"
    engine = create_engine(clickhouse_database.url.replace("http://", "clickhousedb://"))
    with engine.connect() as connection:
        operations = Operations(MigrationContext.configure(connection))
        operations.execute(TABLE)
        operations.execute("INSERT INTO t SELECT 1, 'a', now()")
        operations.execute("ALTER TABLE t ADD COLUMN c String DEFAULT 'c'")
        assert inspect(connection).has_table("t")
        assert [column["name"] for column in inspect(connection).get_columns("t")] == [
            "a",
            "b",
            "at",
            "c",
        ]
        assert connection.execute(text("SELECT a, c FROM t")).all() == [(1, "c")]
    engine.dispose()


@pytest.fixture(scope="session")
def node_modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with `@clickhouse/client` installed."""
    directory = tmp_path_factory.mktemp("node")
    for name in ("package.json", "package-lock.json", "client.mjs"):
        shutil.copy(NODE / name, directory)
    subprocess.run(
        [BINARIES / "npm", "ci", "--prefer-offline", "--no-audit", "--no-fund", "--silent"],
        cwd=directory,
        env={**os.environ, "PATH": f"{BINARIES}{os.pathsep}{os.environ['PATH']}"},
        check=True,
        timeout=200,
    )
    return directory


def test_the_official_javascript_client_reads_and_writes(
    clickhouse_database: ClickHouseDatabase, node_modules: Path
) -> None:
    outcome = subprocess.run(
        [BINARIES / "node", "client.mjs", clickhouse_database.url, clickhouse_database.reader_url],
        cwd=node_modules,
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert outcome.returncode == 0, outcome.stderr
    assert json.loads(outcome.stdout) == {
        "ping": True,
        "inserted": 2,
        "rows": [{"a": "1", "b": "ы"}, {"a": "2", "b": "x'y"}],
        "filtered": [{"a": "2"}],
        "streamed": 200_000,
        "missing": {"code": "60", "type": "UNKNOWN_TABLE"},
        "refused": {"code": "164", "type": "READONLY"},
        "wrongPassword": "AUTHENTICATION_FAILED",
        "queryId": "my-id",
    }
