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
    zone = len("('Asia/Kathmandu')") if "Kathmandu" in column else 0
    assert len(revised) == len(plain) + blocks * (len(INFO) + 2 + zone)


@pytest.mark.parametrize("statement", ["SELECT 1", "SELECT number FROM numbers(70000)"])
@pytest.mark.parametrize("waits", ["0", "1"])
def test_older_clients_get_the_info_of_each_block(
    clickhouse_server: ClickHouseProcess, statement: str, waits: str
) -> None:
    def ask(revision: str) -> bytes:
        return native(
            clickhouse_server, statement, client_protocol_version=revision, wait_end_of_query=waits
        ).content

    plain, revised = ask("0"), ask("54405")
    blocks = revised.count(INFO)
    assert blocks == (1 if statement == "SELECT 1" else 2)
    assert revised.replace(INFO, b"") == plain


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT toDateTime(7, 'Asia/Tokyo') AS a, toDateTime(7) AS b, 'x' AS c",
        "SELECT toDateTime(7, 'Asia/Tokyo') AS a, toDateTime(7) AS b, 'x' AS c FORMAT Native",
        "WITH 'x' AS c SELECT toDateTime(7, {zone:String}) AS a, toDateTime(7) AS b, c -- last\n;",
        "SELECT toDateTime(7, 'Asia/Tokyo') a, toDateTime(7) b, 'x' c SETTINGS final = 1",
    ],
)
@pytest.mark.parametrize("waits", ["0", "1"])
def test_a_column_keeps_its_time_zone(
    clickhouse_server: ClickHouseProcess, statement: str, waits: str
) -> None:
    def ask(revision: str) -> bytes:
        return native(
            clickhouse_server,
            statement,
            client_protocol_version=revision,
            wait_end_of_query=waits,
            param_zone="Asia/Tokyo",
        ).content

    zoned, plain = b"\x16DateTime('Asia/Tokyo')", b"\x08DateTime"
    moment = b"\x07\x00\x00\x00"
    rest = b"\x01c\x06String%b\x01x"
    for revision, info, zone, mark in (
        ("0", b"", plain, b""),
        ("54336", INFO, plain, b""),
        ("54337", INFO, zoned, b""),
        ("54405", INFO, zoned, b""),
        ("54454", INFO, zoned, b"\x00"),
    ):
        assert ask(revision) == (
            info + b"\x03\x01\x01a" + zone + mark + moment + b"\x01b" + plain + mark + moment
        ) + (rest % mark)


def test_a_column_of_any_other_type_is_sent_too(clickhouse_server: ClickHouseProcess) -> None:
    for column in (
        "groupBitmapState(toUInt32(number))",
        "any(CAST(number AS Variant(String, UInt64)))",
        "any(CAST(number AS Dynamic))",
        "any(CAST('{\"a\": 1}' AS JSON))",
    ):
        statement = f"SELECT {column} AS c, 'last' AS d FROM numbers(3)"
        answer = native(clickhouse_server, statement, client_protocol_version="54467")
        assert answer.content.endswith(b"\x01d\x06String\x00\x04last"), answer.text


def test_statements_that_only_show_are_for_every_revision_too(
    clickhouse_server: ClickHouseProcess,
) -> None:
    answer = native(clickhouse_server, "EXISTS TABLE nope", client_protocol_version="54467")
    assert answer.content == INFO + b"\x01\x01\x06result\x05UInt8\x00\x00"


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
