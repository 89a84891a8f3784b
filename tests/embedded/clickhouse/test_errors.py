"""Errors name the code and the place that a server names, in the client's own text."""

from __future__ import annotations

import httpx
import pytest

from tests.clickhouse_process import READER_PASSWORD, WRITER_PASSWORD, ClickHouseProcess

PLACES = {
    "SELECT 1 FRO numbers(3) x y": "failed at position 14 (numbers)",
    "/* c */ SELECT (1": "'(' at position 16 is never closed",
    "SELECT 'a": "failed at position 8 ('a)",
    "SELECT 1 +": "failed at position 11 (end of query)",
    "SELECT 1 + SETTINGS max_threads = 1, log_comment = 'x'": "failed at position ",
    "SELECT 1,\n  2 FRO t x y": "failed at position 19 (t) (line 2, col 9)",
    "SELECT 1; SELECT 2": "(Multi-statements are not allowed): failed at position 9",
    "SELECT a b c FROM t SETTINGS max_threads = 1 FORMAT JSON": "failed at position 12 (c)",
    "INSERT INTO t FORMATX": "failed at position 15 (FORMATX)",
    "INSERT INTO t (a,, b) FORMAT TSV\n1\n": "failed at position 18 (,)",
    "CREATE TABLE t (a UInt8 UInt8) ENGINE = Memory": "failed at position 25 (UInt8)",
    "SELECT 1 FORMAT": "failed at position 16",
}


@pytest.mark.parametrize("statement", PLACES)
@pytest.mark.parametrize(
    ("user", "password"), [("reader", READER_PASSWORD), ("writer", WRITER_PASSWORD)]
)
def test_a_syntax_error_is_one_at_its_place(
    clickhouse_server: ClickHouseProcess, user: str, password: str, statement: str
) -> None:
    answer = httpx.post(clickhouse_server.url, content=statement, auth=(user, password), timeout=60)
    assert answer.headers["X-ClickHouse-Exception-Code"] == "62", answer.text
    assert answer.status_code == 400
    assert PLACES[statement] in answer.text
    assert "formatQuery" not in answer.text
    assert answer.text.endswith("(SYNTAX_ERROR)\n")
