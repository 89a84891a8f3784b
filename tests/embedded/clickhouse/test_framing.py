"""A streamed result is, byte for byte, the result that waits for its end; others are bounded."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from embedded.clickhouse.engine.formats import can_stream
from embedded.clickhouse.engine.statements import read_statement
from tests.clickhouse_process import READER_PASSWORD, ClickHouseProcess

READER = ("reader", READER_PASSWORD)
QUERIES = {
    "plain": "SELECT number AS a, 'x\"' AS `b\n\"` FROM numbers(3)",
    "empty": "SELECT number AS a FROM numbers(0)",
    "many blocks": "SELECT number AS a, 'x\"' AS `b\n\"` FROM numbers(2500)",
    "totals": "SELECT number % 3 AS a, count() FROM numbers(9) GROUP BY a WITH TOTALS ORDER BY a",
    "totals of nothing": "SELECT number AS a, count() FROM numbers(0) GROUP BY a WITH TOTALS",
    "totals of many blocks": (
        "SELECT number AS a, count() FROM numbers(2500) GROUP BY a WITH TOTALS ORDER BY a"
    ),
}
# Every setting that changes where a document of one of these formats begins or ends, or its lines,
# with a part of the names of the formats that it concerns.
FRAMING: list[tuple[dict[str, str], str]] = [
    ({}, ""),
    ({"extremes": "1"}, ""),
    ({"output_format_json_array_of_rows": "1"}, "JSON"),
    ({"extremes": "1", "output_format_json_array_of_rows": "1"}, "JSON"),
    ({"output_format_csv_crlf_end_of_line": "1"}, "CSV"),
    ({"format_csv_delimiter": ";"}, "CSV"),
]


@pytest.fixture(scope="module")
def http(clickhouse_server: ClickHouseProcess) -> Iterator[httpx.Client]:
    # Ordered, and in blocks of a size of its own.
    with clickhouse_server.client("writer", max_threads="1", max_block_size="1000") as client:
        yield client


@pytest.mark.parametrize(("framing", "concerned"), FRAMING, ids=str)
def test_streamed_bytes_are_those_of_the_whole_result(
    http: httpx.Client, framing: dict[str, str], concerned: str
) -> None:
    formats = http.post("/", content="SELECT name FROM system.formats WHERE is_output").text.split()
    streamed = [
        name for name in formats if (can_stream(name) or "WithNames" in name) and concerned in name
    ]
    assert len(streamed) >= 3
    for output_format in streamed:
        for kind, query in QUERIES.items():
            url = {**framing, "default_format": output_format}
            whole = http.post("/", params={**url, "wait_end_of_query": "1"}, content=query)
            answer = http.post("/", params=url, content=query)
            assert answer.status_code == whole.status_code == 200
            assert answer.content == whole.content, (output_format, kind)


@pytest.mark.parametrize(
    "output_format", ["JSONColumns", "JSONCompactColumns", "JSONColumnsWithMetadata", "Npy"]
)
def test_a_document_made_in_memory_is_refused_early_with_the_remedy(
    http: httpx.Client, output_format: str
) -> None:
    statement = f"SELECT toFloat64(number) AS n FROM numbers(5000000) FORMAT {output_format}"
    for url in ({}, {"max_result_bytes": "900000000", "result_overflow_mode": "break"}):
        answer = http.post("/", params=url, content=statement, auth=READER)
        assert answer.headers["X-ClickHouse-Exception-Code"] == "396"
        assert f"{output_format} is made in memory" in answer.text
        assert "Ask for a format that is sent in blocks (JSONEachRow" in answer.text
    small = http.post("/", content=statement.replace("5000000", "1000000"), auth=READER)
    assert small.status_code == 200


def test_the_function_format_is_no_format_clause() -> None:
    for text in (b"SELECT format('{}', 1) AS a", b"SELECT 1 WHERE format ('{}', 1) != ''"):
        assert read_statement(text).can_stream
        with_clause = read_statement(text + b" FORMAT CSV")
        assert (with_clause.can_stream, with_clause.output_format) == (True, "CSV")
    assert not read_statement(b"SELECT format FROM t x").can_stream
