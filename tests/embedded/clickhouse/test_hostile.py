"""Garbage, bombs and rude clients: the embedded ClickHouse server answers 4xx and stays alive."""

from __future__ import annotations

import base64
import gzip
import os
import socket
import string
import zlib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import brotli
import httpx
import lz4.frame
import pytest
from backports import zstd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.clickhouse_process import READER_PASSWORD, WRITER_PASSWORD, ClickHouseProcess

EXAMPLES = int(os.environ.get("CLICKHOUSE_FUZZ_EXAMPLES", "60"))
FUZZ = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
MIB = 1024 * 1024
AUTHORIZATION = base64.b64encode(f"reader:{READER_PASSWORD}".encode()).decode()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseProcess]:
    """A server with a small body limit of its own."""
    server = ClickHouseProcess(
        tmp_path_factory.mktemp("hostile"), CLICKHOUSE_BODY_MIB="64", CLICKHOUSE_QUERY_SECONDS="30"
    )
    server.start()
    server.execute("CREATE TABLE default.t (a UInt64, b String) ENGINE = MergeTree ORDER BY a")
    yield server
    server.stop()
    log = server.log_path.read_text()
    assert "Traceback" not in log
    assert '"level": "error"' not in log


@pytest.fixture
def http(server: ClickHouseProcess) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, auth=("writer", WRITER_PASSWORD), timeout=60) as client:
        yield client
        assert client.post("/", content="SELECT 1").text == "1\n"


def resident_mib(server: ClickHouseProcess) -> float:
    assert server.process is not None
    for line in Path(f"/proc/{server.process.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise AssertionError("no VmRSS")


BOMBS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": lambda data: brotli.compress(data, quality=1),
    "lz4": lz4.frame.compress,
    "zstd": lambda data: zstd.compress(data, level=19),
}


@cache
def bomb(coding: str) -> bytes:
    """300 MiB of zeros."""
    return BOMBS[coding](bytes(300 * MIB))


@pytest.mark.parametrize("coding", BOMBS)
@pytest.mark.parametrize("statement", ["", "INSERT INTO default.t FORMAT RowBinary"])
def test_a_compression_bomb_is_refused_in_bounded_memory(
    server: ClickHouseProcess, http: httpx.Client, coding: str, statement: str
) -> None:
    content = bomb(coding)
    before = resident_mib(server)
    answer = http.post(
        "/",
        params={"query": statement} if statement else {},
        content=content,
        headers={"Content-Encoding": coding},
    )
    assert answer.status_code == 413
    assert resident_mib(server) - before < 250


def test_a_body_above_the_limit_is_refused_before_it_is_read(http: httpx.Client) -> None:
    statement = {"query": "INSERT INTO default.t FORMAT TSV"}
    answer = http.post("/", params=statement, content=b"x" * (65 * MIB))
    assert answer.status_code == 413


@pytest.mark.parametrize("coding", BOMBS)
def test_a_damaged_or_cut_body_is_refused_and_writes_nothing(
    http: httpx.Client, coding: str
) -> None:
    rows = BOMBS[coding](b"".join(b"%d\tmarker-of-a-cut-body\n" % n for n in range(1000)))
    damaged = [rows[: len(rows) // 2], b"garbage" * 100, rows[:4] + b"\xff" * 20 + rows[24:]]
    for body in damaged:
        answer = http.post(
            "/",
            params={"query": "INSERT INTO default.t FORMAT TSV"},
            content=body,
            headers={"Content-Encoding": coding},
        )
        assert 400 <= answer.status_code < 500, answer.text
        assert "X-ClickHouse-Exception-Code" in answer.headers
    count = http.post("/", content="SELECT count() FROM default.t WHERE b = 'marker-of-a-cut-body'")
    assert count.text == "0\n"


@pytest.mark.parametrize("coding", BOMBS)
def test_a_compressed_answer_is_the_same_answer(http: httpx.Client, coding: str) -> None:
    with http.stream(
        "POST",
        "/",
        params={"enable_http_compression": "1"},
        content="SELECT number FROM numbers(300000)",
        headers={"Accept-Encoding": coding},
    ) as answer:
        assert answer.headers["Content-Encoding"] == coding
        raw = b"".join(answer.iter_raw())
    plain = {
        "gzip": gzip.decompress,
        "deflate": zlib.decompress,
        "br": brotli.decompress,
        "lz4": lz4.frame.decompress,
        "zstd": zstd.decompress,
    }[coding](raw)
    assert plain == b"".join(b"%d\n" % number for number in range(300_000))


@pytest.mark.parametrize(
    ("request_arguments", "status"),
    [
        ({"headers": {"Content-Encoding": "rot13"}}, 415),
        ({"params": {"decompress": "1"}}, 400),
        ({"params": {"session_check": "1", "session_id": "a"}}, 400),
        ({"params": {"role": "admin"}}, 400),
        ({"params": {"database": "no`such"}}, 404),
        ({"params": {"query_id": "a\nb"}}, 400),
        ({"params": {"default_format": "NoSuchFormat"}}, 400),
        ({"params": {"max_threads": "many"}}, 400),
        ({"params": {"no_such_setting": "1"}}, 400),
        ({"params": {"param_a b": "1"}}, 400),
        ({"params": {"max_memory_usage": "0"}}, 400),
        ({"headers": {"X-ClickHouse-User": "writer"}}, 403),
        ({"headers": {"Content-Type": "multipart/form-data"}}, 400),
        ({"headers": {"Content-Type": "multipart/form-data; boundary=x"}}, 400),
    ],
)
def test_what_is_not_understood_is_refused_with_a_code(
    http: httpx.Client, request_arguments: dict[str, dict[str, str]], status: int
) -> None:
    answer = http.post("/", content="SELECT 1", **request_arguments)  # type: ignore[arg-type]
    assert answer.status_code == status, answer.text
    assert "X-ClickHouse-Exception-Code" in answer.headers


@pytest.mark.parametrize(
    ("user", "password"),
    [("writer", ""), ("writer", "wrong"), ("nobody", "x"), ("", ""), ("ы", "ы"), ("\x00", "\x00")],
)
def test_nobody_enters_without_the_password(
    server: ClickHouseProcess, user: str, password: str
) -> None:
    answers = [
        httpx.post(server.url, content="SELECT 1", timeout=60, **who)
        for who in (
            {"auth": (user.encode(), password.encode())},
            {"params": {"user": user, "password": password}},
        )
    ]
    assert {answer.headers["X-ClickHouse-Exception-Code"] for answer in answers} == {"516"}
    assert {answer.status_code for answer in answers} <= {401, 403}


@pytest.mark.parametrize("authorization", ["Bearer x", "Basic ???", "Basic", "", "\x7f"])
def test_what_is_no_basic_authorization_is_refused(
    server: ClickHouseProcess, authorization: str
) -> None:
    headers = {"Authorization": authorization}
    answer = httpx.post(server.url, content="SELECT 1", headers=headers, timeout=60)
    assert answer.status_code in {400, 401, 403}


def test_statement_and_parameters_may_come_as_a_form(http: httpx.Client) -> None:
    form = {"query": (None, "SELECT {a:String}"), "param_a": (None, "ы")}
    assert http.post("/", files=form).text == "ы\n"
    refused = http.post("/", files={**form, "table": ("table", b"1\t2\n")})
    assert refused.status_code == 400
    assert "table_structure" in refused.text


def raw(server: ClickHouseProcess, *pieces: bytes, half_close: bool = False) -> bytes:
    """The server's answer to these bytes."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=2) as connection:
        try:
            for piece in pieces:
                connection.sendall(piece)
            if half_close:
                connection.shutdown(socket.SHUT_WR)
            return connection.recv(65536)
        except OSError:
            # Closed while it was told (reset, or no longer connected), or nothing said in time.
            return b""


HEAD = f"POST / HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {AUTHORIZATION}\r\n".encode()


@pytest.mark.parametrize(
    "pieces",
    [
        [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"],
        [b"GET\r\n\r\n"],
        [b"GET / HTTP/9.9\r\n\r\n"],
        [b"GET /" + b"a" * (3 * MIB) + b" HTTP/1.1\r\nHost: x\r\n\r\n"],
        [b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * MIB + b"\r\n\r\n"],
        [b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 10_000 + b"\r\n"],
        [HEAD + b"Content-Length: -1\r\n\r\n"],
        [HEAD + b"Content-Length: 99999999999999999999\r\n\r\nSELECT 1"],
        [HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
        [HEAD + b"Transfer-Encoding: chunked\r\n\r\nnot-a-size\r\nSELECT 1\r\n0\r\n\r\n"],
        [HEAD + b"Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\n"],
        [HEAD + b"Content-Length: 8\r\nContent-Length: 9\r\n\r\nSELECT 1"],
    ],
)
def test_what_is_not_http_gets_4xx_or_a_closed_connection(
    server: ClickHouseProcess, http: httpx.Client, pieces: list[bytes]
) -> None:
    assert http.get("/ping").text == "Ok.\n"
    answer = raw(server, *pieces, half_close=True)
    assert answer == b"" or answer.split(b" ")[1][:1] == b"4"


def test_a_client_that_leaves_in_the_middle_of_a_body_writes_nothing(
    server: ClickHouseProcess, http: httpx.Client
) -> None:
    authorization = base64.b64encode(f"writer:{WRITER_PASSWORD}".encode())
    head = b"POST / HTTP/1.1\r\nHost: x\r\nAuthorization: Basic " + authorization
    body = b"INSERT INTO default.t FORMAT TSV\n" + b"1\tleft-in-the-middle\n" * 20_000
    length = b"\r\nContent-Length: %d\r\n\r\n" % (len(body) + 10)
    for half_close in (False, True):
        raw(server, head + length + body[:1000], half_close=half_close)
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(head + length + body)
    count = http.post("/", content="SELECT count() FROM default.t WHERE b = 'left-in-the-middle'")
    assert count.text == "0\n"


@FUZZ
@given(body=st.binary(max_size=300))
def test_any_bytes_as_a_statement_get_an_answer(http: httpx.Client, body: bytes) -> None:
    answer = http.post("/", content=body)
    assert answer.status_code in {200, 400, 403, 404, 408, 500, 501}
    assert answer.status_code == 200 or "X-ClickHouse-Exception-Code" in answer.headers


WORDS = [
    *["SELECT", "INSERT INTO", "t", "FORMAT", "JSON", "Native", "VALUES", "(", ")", "1", "'", "`"],
    *["/*", "*/", "--", "\n", ";", ",", "*", "FROM", "SETTINGS", "max_threads=1", "\\", "$$", '"'],
    *["WITH x AS", "{a:String}", "UNION ALL", "\x00", "ы", "EXPLAIN", "0x", "1e400", "''"],
]
SQL = st.lists(st.sampled_from(WORDS), max_size=25).map(" ".join)


@FUZZ
@given(statement=SQL)
def test_any_words_as_a_statement_get_an_answer(http: httpx.Client, statement: str) -> None:
    answer = http.post("/", content=statement.encode(), params={"param_a": "x"})
    assert answer.status_code in {200, 400, 403, 404, 408, 500, 501}
    assert answer.status_code == 200 or "X-ClickHouse-Exception-Code" in answer.headers


NAMES = st.text(alphabet=string.ascii_letters + "_'\"`;= \n\\%ы\x00", max_size=20)


@FUZZ
@given(parameters=st.dictionaries(NAMES, st.text(max_size=30), max_size=5))
def test_any_url_parameters_get_an_answer(http: httpx.Client, parameters: dict[str, str]) -> None:
    pairs = {name: value.encode("utf-8", "replace").decode() for name, value in parameters.items()}
    answer = http.post("/", params=pairs, content="SELECT 1")
    assert answer.status_code in {200, 400, 403, 404, 501}


@FUZZ
@given(
    data=st.binary(max_size=200),
    input_format=st.sampled_from(
        ["Native", "RowBinary", "TSV", "CSV", "JSONEachRow", "Arrow", "ArrowStream", "Parquet"]
    ),
    coding=st.sampled_from(["identity", *BOMBS]),
    how=st.sampled_from(["compressed", "as it is"]),
)
def test_any_bytes_as_data_get_an_answer(
    http: httpx.Client, data: bytes, input_format: str, coding: str, how: str
) -> None:
    body = BOMBS[coding](data) if how == "compressed" and coding in BOMBS else data
    answer = http.post(
        "/",
        params={"query": f"INSERT INTO default.t FORMAT {input_format}"},
        content=body,
        headers={"Content-Encoding": coding},
    )
    assert answer.status_code in {200, 400, 413, 500}
    assert answer.status_code == 200 or "X-ClickHouse-Exception-Code" in answer.headers


@FUZZ
@given(noise=st.binary(min_size=1, max_size=400))
def test_any_bytes_as_a_request_leave_the_server_alive(
    server: ClickHouseProcess, http: httpx.Client, noise: bytes
) -> None:
    raw(server, HEAD + noise + b"\r\n\r\n", half_close=True)
    assert http.get("/ping").text == "Ok.\n"
