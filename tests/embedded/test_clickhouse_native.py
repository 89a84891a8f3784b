"""The Native format for clients that name a protocol revision, as clickhouse-go does."""

from __future__ import annotations

import gzip

import httpx
import pytest

from tests.clickhouse_process import READER_PASSWORD, ClickHouseProcess

INFO = b"\x01\x00\x02\xff\xff\xff\xff\x00"
COLUMNS = [
    "toUInt8(number)",
    "toInt256(number)",
    "toFloat64(number)",
    "number = 1",
    "toString(number)",
    "toFixedString('abc', 5)",
    "toDate('2026-01-02')",
    "toDateTime('2026-01-02 03:04:05', 'Asia/Kathmandu')",
    "toDateTime64('2026-01-02 03:04:05', 3, 'UTC')",
    "toDecimal32(number, 2)",
    "toDecimal128(number, 2)",
    "toUUID('61f0c404-5cb3-11e7-907b-a6006ad3dba0')",
    "toIPv6('::1')",
    "CAST('a,)(' AS Enum8('a,)(' = 1, 'it\\'s' = 2))",
    "if(number = 1, NULL, number)",
    "if(number = 1, NULL, toString(number))",
    "NULL",
    "range(number)",
    "CAST([] AS Array(String))",
    "arrayMap(x -> [toString(x)], range(number))",
    "map('a', number, 'b', 2)",
    "tuple(number, 'x', [1])",
    "CAST((1, 'x') AS Tuple(a UInt8, `b c` String))",
    "toLowCardinality(toString(number % 2))",
    "CAST(if(number = 1, NULL, 'x') AS LowCardinality(Nullable(String)))",
    "CAST([toString(number)] AS Array(LowCardinality(String)))",
    "CAST(number AS SimpleAggregateFunction(sum, UInt64))",
    "toIntervalDay(number)",
]


def native(server: ClickHouseProcess, statement: str, **parameters: str) -> httpx.Response:
    return httpx.post(
        server.url,
        content=statement,
        params={"default_format": "Native", **parameters},
        auth=("reader", READER_PASSWORD),
        timeout=60,
    )


def test_a_block_has_its_info_and_each_column_its_byte(
    clickhouse_server: ClickHouseProcess,
) -> None:
    answer = native(
        clickhouse_server, "SELECT toUInt8(1) AS a, 'x' AS b", client_protocol_version="54467"
    )
    assert answer.content == (
        INFO + b"\x02\x01" + b"\x01a\x05UInt8\x00\x01" + b"\x01b\x06String\x00\x01x"
    )


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("rows", [1, 3, 70_000])
def test_columns_of_every_common_type_keep_their_bytes(
    clickhouse_server: ClickHouseProcess, column: str, rows: int
) -> None:
    statement = f"SELECT {column} AS c, 7 AS d FROM numbers({rows})"  # constants above
    if rows > 3 and "range" in column:
        statement = statement.replace("range(number)", "range(number % 3)")
    plain = native(clickhouse_server, statement).content
    revised = native(clickhouse_server, statement, client_protocol_version="54467").content
    blocks = revised.count(INFO)
    assert blocks >= 1
    assert len(revised) == len(plain) + blocks * (len(INFO) + 2)


def test_older_clients_get_the_format_unchanged(clickhouse_server: ClickHouseProcess) -> None:
    plain = native(clickhouse_server, "SELECT 1")
    assert native(clickhouse_server, "SELECT 1", client_protocol_version="54405").content == (
        plain.content
    )


def test_a_type_that_cannot_be_sent_is_refused_with_advice(
    clickhouse_server: ClickHouseProcess,
) -> None:
    answer = native(
        clickhouse_server,
        "SELECT groupBitmapState(toUInt32(number)) FROM numbers(3)",
        client_protocol_version="54467",
    )
    assert answer.status_code == 501
    assert "AggregateFunction" in answer.text


def test_it_travels_compressed_as_grafana_asks_for_it(
    clickhouse_server: ClickHouseProcess,
) -> None:
    with httpx.stream(
        "POST",
        clickhouse_server.url,
        content="SELECT displayName(), version(), revision(), timezone()",
        params={
            "default_format": "Native",
            "client_protocol_version": "54467",
            "enable_http_compression": "1",
            "max_execution_time": "60",
        },
        headers={"Accept-Encoding": "gzip"},
        auth=("reader", READER_PASSWORD),
        timeout=60,
    ) as answer:
        body = gzip.decompress(b"".join(answer.iter_raw()))
    assert answer.headers["Content-Encoding"] == "gzip"
    assert body.startswith(INFO + b"\x04\x01")
