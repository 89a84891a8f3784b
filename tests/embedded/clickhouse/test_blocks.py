"""ClickHouse's own compressed blocks over HTTP, as clickhouse-go and the Java client use them."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import httpx
import lz4.block
import pytest
from backports import zstd

from embedded.clickhouse.http.block_compression import BlockEncoder
from tests.clickhouse_process import READER_PASSWORD, ClickHouseProcess

# A block without its checksum.
HELLO = (
    bytes.fromhex("82") + struct.pack("<II", 15, 5) + lz4.block.compress(b"hello", store_size=False)
)


@pytest.fixture
def http(clickhouse_server: ClickHouseProcess) -> Iterator[httpx.Client]:
    with clickhouse_server.client() as client:
        client.post("/", content="CREATE TABLE IF NOT EXISTS blocks (a UInt64) ENGINE = Memory")
        yield client
        client.post("/", content="DROP TABLE blocks SYNC")


def decoded(data: bytes, method: int) -> bytes:
    """The content of blocks, read without this project's code."""
    content = bytearray()
    while data:
        kind, size, content_size = struct.unpack_from("<BII", data, 16)
        assert kind == method
        packed = data[25 : 16 + size]
        content += (
            lz4.block.decompress(packed, uncompressed_size=content_size)
            if method == 0x82
            else zstd.decompress(packed)
        )
        data = data[16 + size :]
    return bytes(content)


@pytest.mark.parametrize(("method", "byte"), [("LZ4", 0x82), ("ZSTD", 0x90)])
def test_rows_travel_in_blocks_both_ways(http: httpx.Client, method: str, byte: int) -> None:
    rows = b"".join(b"%d\n" % number for number in range(300_000))
    encoder = BlockEncoder(method)
    body = b"".join(encoder.encode(rows[at : at + 200_000]) for at in range(0, len(rows), 200_000))
    written = http.post(
        "/",
        params={"query": "INSERT INTO blocks FORMAT TSV", "decompress": "1"},
        content=body,
    )
    assert written.status_code == 200, written.text
    answer = http.post(
        "/",
        params={"compress": "1", "network_compression_method": method},
        content="SELECT a FROM blocks ORDER BY a",
    )
    assert decoded(answer.content, byte) == rows
    # HTTP may compress them once more.
    twice = http.post(
        "/",
        params={"compress": "1", "enable_http_compression": "1"},
        headers={"Accept-Encoding": "gzip"},
        content="SELECT 1",
    )
    assert twice.headers["Content-Encoding"] == "gzip"
    assert decoded(twice.content, 0x82) == b"1\n"


def test_an_error_is_compressed_like_the_answer(http: httpx.Client) -> None:
    answer = http.post("/", params={"compress": "1"}, content="SELECT x")
    assert answer.headers["X-ClickHouse-Exception-Code"] == "47"
    assert b"UNKNOWN_IDENTIFIER" in decoded(answer.content, 0x82)
    late = http.post(
        "/",
        params={"compress": "1", "enable_http_compression": "1"},
        headers={"Accept-Encoding": "zstd"},
        content="SELECT x",
    )
    assert late.headers["Content-Encoding"] == "zstd"
    # A client without access can read the error too.
    refused = httpx.post(
        http.base_url, params={"compress": "1", "user": "x"}, content="SELECT 1", timeout=60
    )
    assert "AUTHENTICATION_FAILED" in refused.text


def test_damaged_and_swollen_blocks_are_refused_and_write_nothing(
    http: httpx.Client, clickhouse_server: ClickHouseProcess
) -> None:
    good = BlockEncoder().encode(b"1\n" * 100_000)
    huge = good[:16] + struct.pack("<BII", 0x82, 100, 2**31) + bytes(91)
    lying = good[:16] + struct.pack("<BII", 0x82, len(good) - 16, 7) + good[25:]
    unknown = good[:16] + b"\x55" + good[17:]
    cases = {
        "40": [good[:30] + b"\0\0\0" + good[33:], lying],
        "239": [huge],
        "89": [unknown, b"1\n" * 20],
        "271": [good[:-1], good[:10], good + b"1"],
    }
    for code, bodies in cases.items():
        for body in bodies:
            answer = http.post(
                "/",
                params={"query": "INSERT INTO blocks FORMAT TSV", "decompress": "1"},
                content=body,
            )
            assert answer.headers["X-ClickHouse-Exception-Code"] == code, answer.text
            assert 400 <= answer.status_code < 500
    assert http.post("/", content="SELECT count() FROM blocks").text == "0\n"
    assert clickhouse_server.read("SELECT 1") == "1\n"


def test_a_bomb_of_blocks_is_refused(http: httpx.Client) -> None:
    block = BlockEncoder("ZSTD").encode(bytes(1024 * 1024))

    def blocks() -> Iterator[bytes]:
        for _ in range(1100):
            yield block

    answer = http.post(
        "/",
        params={"query": "INSERT INTO blocks FORMAT RowBinary", "decompress": "1"},
        content=blocks(),
    )
    assert answer.status_code == 413


def test_a_reader_reads_blocks_too(clickhouse_server: ClickHouseProcess) -> None:
    answer = httpx.post(
        clickhouse_server.url,
        params={"compress": "1"},
        content="SELECT 'hello' FORMAT RawBLOB",
        auth=("reader", READER_PASSWORD),
        timeout=60,
    )
    assert answer.content[16:] == HELLO
