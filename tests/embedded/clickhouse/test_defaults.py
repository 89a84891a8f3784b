"""Settings and headers that are those of a server."""

from __future__ import annotations

import httpx
import pytest

from tests.clickhouse_process import READER_PASSWORD, WRITER_PASSWORD, ClickHouseProcess

# With the reason of each.
DIFFERENT = {
    "async_insert": "an acknowledged insert is written",
    "max_memory_usage": "one machine is shared with four other processes",
    "max_bytes_before_external_group_by": "half of that memory",
    "storage_file_read_method": "of files, which nobody may read",
    "materialize_statistics_on_insert": "the engine's build leaves it off",
    "output_format_arrow_use_native_writer": "the engine's build leaves it off",
    "database": "the request's",
    "input_format_values_interpret_expressions": "the guard reads statements, not rows",
    "input_format_values_deduce_templates_of_expressions": "the guard reads statements, not rows",
    "max_threads_min_free_memory_per_thread": "less memory than a server has",
    "merge_tree_min_rows_for_concurrent_read": "tables of few rows with bitmaps",
    "output_format_parallel_formatting": "large results are made in little memory",
    "output_format_parquet_parallel_encoding": "large results are made in little memory",
    "output_format_parquet_row_group_size": "large results are made in little memory",
    "output_format_parquet_row_group_size_bytes": "large results are made in little memory",
    "workload": "readers together leave memory for the writer",
    "max_execution_time": "the reader's limit",
    "max_rows_to_read": "the reader's limit",
    "max_result_rows": "the reader's limit",
    "max_result_bytes": "the reader's limit",
    "readonly": "the reader only reads",
}


@pytest.mark.parametrize(
    ("user", "password"), [("reader", READER_PASSWORD), ("writer", WRITER_PASSWORD)]
)
def test_settings_differ_from_a_server_s_for_a_reason(
    clickhouse_server: ClickHouseProcess, user: str, password: str
) -> None:
    answer = httpx.post(
        clickhouse_server.url,
        content="SELECT name FROM system.settings WHERE value != default AND name != 'max_threads'"
        " AND default != ''",
        auth=(user, password),
        timeout=60,
    )
    assert answer.status_code == 200, answer.text
    assert set(answer.text.split()) <= set(DIFFERENT)


@pytest.mark.parametrize("name", ["a1", "$a", "a$1", "_", "1a"])
def test_a_parameter_s_name_may_hold_dollars_and_digits(
    clickhouse_server: ClickHouseProcess, name: str
) -> None:
    answer = httpx.post(
        clickhouse_server.url,
        params={f"param_{name}": "it's"},
        content=f"SELECT {{{name}:String}}",
        auth=("reader", READER_PASSWORD),
        timeout=60,
    )
    assert answer.text == "it\\'s\n"


def test_only_a_result_has_a_format(clickhouse_server: ClickHouseProcess) -> None:
    def headers(statement: str) -> httpx.Headers:
        answer = httpx.post(
            clickhouse_server.url,
            params={"send_progress_in_http_headers": "1"},
            content=statement,
            auth=("writer", WRITER_PASSWORD),
            timeout=60,
        )
        assert answer.status_code == 200, answer.text
        return answer.headers

    for statement in (
        "CREATE TABLE default.only_a_result (a UInt8) ENGINE = Memory",
        "INSERT INTO default.only_a_result VALUES (1)",
        "INSERT INTO default.only_a_result FORMAT TSV\n1\n",
        "INSERT INTO default.only_a_result SELECT 1",
    ):
        assert "X-ClickHouse-Format" not in headers(statement)
    for statement in ("SELECT a FROM default.only_a_result WHERE 0", "EXISTS TABLE default.x"):
        found = headers(statement)
        assert found["X-ClickHouse-Format"] == "TabSeparated"
        assert "read_rows" in found["X-ClickHouse-Progress"]
    headers("DROP TABLE default.only_a_result SYNC")
