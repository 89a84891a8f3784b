"""Where answers end, and which time zone they have."""

from __future__ import annotations

import re
from collections.abc import Iterator
from http.client import HTTPConnection, IncompleteRead

import httpx
import pytest

from tests.clickhouse_process import WRITER_PASSWORD, ClickHouseProcess

LATE = "SELECT number, throwIf(number = 400000) FROM numbers(900000) SETTINGS max_block_size=60000"


@pytest.fixture
def http(clickhouse_server: ClickHouseProcess) -> Iterator[httpx.Client]:
    with clickhouse_server.client("reader") as client:
        yield client


def ask(port: int, statement: str, session: str) -> tuple[dict[str, str], bytes]:
    """Headers and body, also of an answer whose last chunk is missing."""
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request(
        "POST",
        f"/?session_id={session}&user=writer&password={WRITER_PASSWORD}",
        body=statement,
    )
    answer = connection.getresponse()
    try:
        body = answer.read()
    except IncompleteRead as error:
        body = error.partial
    connection.close()
    return dict(answer.headers), body


def test_a_session_is_free_once_its_answer_has_ended(clickhouse_server: ClickHouseProcess) -> None:
    for _ in range(15):
        for statement in (LATE, "SELECT number FROM numbers(400000)"):
            assert len(ask(clickhouse_server.port, statement, "ends")[1]) > 1_000_000
            assert ask(clickhouse_server.port, "SELECT 1", "ends")[1] == b"1\n"


def test_a_late_error_is_framed_by_the_tag_of_its_answer(
    clickhouse_server: ClickHouseProcess,
) -> None:
    headers, body = ask(clickhouse_server.port, LATE, "framed")
    tag = headers["X-ClickHouse-Exception-Tag"].encode()
    framed = rb"\n\r\n__exception__\r\n%b\r\n(.*)(\d+) %b\r\n__exception__\r\n\Z" % (tag, tag)
    found = re.search(rb"(?s)" + framed, body)
    assert found is not None, body[-500:]
    assert found[1].startswith(b"Code: 395. DB::Exception: ")


def test_every_answer_has_a_tag_so_that_rows_are_not_taken_for_an_error(
    http: httpx.Client,
) -> None:
    tags = {
        http.post("/", content=statement).headers["X-ClickHouse-Exception-Tag"]
        for statement in (
            "SELECT '__exception__\\r\\nCode: 395'",
            "SELECT * FROM numbers(400000)",
            "SELECT 1 FORMAT JSON",
        )
    }
    assert len(tags) == 3


def test_the_engine_s_time_zone_is_utc_wherever_it_runs(
    clickhouse_server: ClickHouseProcess, http: httpx.Client
) -> None:
    assert clickhouse_server.environment["TZ"] == "Asia/Tokyo"
    answer = http.post(
        "/", content="SELECT timezone(), serverTimezone(), toDateTime(0), toDate(toDateTime(0))"
    )
    assert answer.text == "UTC\tUTC\t1970-01-01 00:00:00\t1970-01-01\n"
    assert answer.headers["X-ClickHouse-Timezone"] == "UTC"
