"""`INSERT ... SELECT ... FROM input(...)`: every row that follows arrives, or there is an error."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.clickhouse_process import (
    READER_PASSWORD,
    ClickHouseDatabase,
    ClickHouseProcess,
)

TABLE = "CREATE TABLE t (a UInt64, b String DEFAULT 'd') ENGINE = MergeTree ORDER BY a"


@pytest.fixture
def http(
    clickhouse_server: ClickHouseProcess, clickhouse_database: ClickHouseDatabase
) -> Iterator[httpx.Client]:
    with clickhouse_server.client("writer", database=clickhouse_database.name) as client:
        assert client.post("/", content=TABLE).text == ""
        yield client


def rows(http: httpx.Client) -> str:
    return http.post("/", content="SELECT a, b FROM t ORDER BY a, b").text


INSERTS = {
    "INSERT INTO t (a) SELECT a FROM input('a UInt64') FORMAT TSV\n1\n2\n": "1\td\n2\td\n",
    "INSERT INTO t SELECT * FROM input() FORMAT CSV\n1,x\n": "1\tx\n",
    "INSERT INTO t (b, a) SELECT * FROM input() FORMAT CSV\nx,1\n": "1\tx\n",
    "insert into t select a, 'format' as format from input('a UInt64') where format = 'format'"
    " group by a, format settings max_threads = 1 format JSONEachRow\n"
    '{"a": 1}\n{"a": 1}\n': "1\tformat\n",
    "WITH 'w' AS w INSERT INTO t SELECT a, w FROM input('a UInt64') FORMAT Values (1), (2)": (
        "1\tw\n2\tw\n"
    ),
    "WITH x AS (SELECT a FROM `input`('a UInt64')) INSERT INTO t (a) SELECT a FROM x FORMAT TSV\n"
    "5\n": None,
    "INSERT INTO t (a) WITH x AS (SELECT a FROM `input`('a UInt64')) SELECT a FROM x FORMAT TSV\n"
    "5\n": "5\td\n",
    "INSERT INTO t (a) SELECT a FROM input($$a UInt64$$) FORMAT TSV\n1\n": "1\td\n",
    "INSERT INTO t (a) SELECT a FROM input('a UInt64')": None,
    "INSERT INTO t (a) SELECT a FROM `inp\\x75t`('a UInt64') FORMAT TSV\n1\n": None,
    "INSERT INTO t (a) SELECT 1 FORMAT TSV\n1\n": None,
    "INSERT INTO t (a) SELECT a FROM input('a UInt64') UNION ALL SELECT a FROM input('a UInt64')"
    " FORMAT TSV\n1\n": None,
    "INSERT INTO t (a) SELECT a FROM input('a UInt64') FORMAT TSV\nx\n": None,
    "INSERT INTO t (a) SELECT a FROM input('a UInt64'), file('/etc/passwd') FORMAT TSV\n1\n": None,
    "INSERT INTO t (a) SELECT a FROM input('a UInt64', (SELECT file('/etc/passwd'))) FORMAT TSV\n"
    "1\n": None,
}


@pytest.mark.parametrize("statement", INSERTS)
@pytest.mark.parametrize("where", ["in the body", "in the URL"])
def test_rows_of_input_are_written_or_refused(
    http: httpx.Client, statement: str, where: str
) -> None:
    query, at, data = statement.partition("\n") if where == "in the URL" else ("", "", statement)
    answer = http.post("/", params={"query": query} if at else {}, content=data or query)
    expected = INSERTS[statement]
    assert (answer.status_code == 200) == (expected is not None), answer.text
    assert rows(http) == (expected or "")


def test_many_rows_of_input_are_fed_in_pieces_and_counted(http: httpx.Client) -> None:
    data = b"".join(b"%d\n" % number for number in range(500_000))
    statement = "INSERT INTO t SELECT a, '' FROM input('a UInt64') WHERE a % 2 FORMAT TSV"
    answer = http.post("/", params={"query": statement}, content=data)
    assert answer.status_code == 200, answer.text
    assert '"written_rows":"250000"' in answer.headers["X-ClickHouse-Summary"]
    assert http.post("/", content="SELECT sum(a) FROM t").text == f"{250_000**2}\n"


@pytest.mark.parametrize("how", ["CREATE TEMPORARY", "CREATE OR REPLACE TEMPORARY"])
def test_a_temporary_table_is_not_lost_unsaid(http: httpx.Client, how: str) -> None:
    answer = http.post("/", content=f"{how} TABLE u (a UInt8) ENGINE = Memory")
    assert answer.headers["X-ClickHouse-Exception-Code"] == "48"


def test_a_reader_writes_nothing_by_input(clickhouse_server: ClickHouseProcess) -> None:
    answer = httpx.post(
        clickhouse_server.url,
        content="INSERT INTO t SELECT a FROM input('a UInt64') FORMAT TSV\n1\n",
        auth=("reader", READER_PASSWORD),
        timeout=60,
    )
    assert answer.headers["X-ClickHouse-Exception-Code"] == "164"
