"""Refusals for the reader of the embedded ClickHouse server."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from tests.clickhouse_process import (
    READER_PASSWORD,
    WRITER_PASSWORD,
    ClickHouseDatabase,
    ClickHouseProcess,
)

# With few enough rows for a reader.
MINUTES_OF_WORK = (
    "SELECT count() FROM numbers(900000000) WHERE sipHash64(repeat(toString(number), 20)) = 1"
)
TABLE = "CREATE TABLE {}.t ENGINE = MergeTree ORDER BY a AS SELECT toUInt64({}) AS a"
FORBIDDEN = {"164", "497", "48", "42", "701", "36"}


@pytest.fixture(scope="module")
def reader(clickhouse_server: ClickHouseProcess) -> Iterator[httpx.Client]:
    """In one database for all tests: none of them may change it."""
    name = f"test_{uuid4().hex}"
    clickhouse_server.execute(f"CREATE DATABASE {name}")
    clickhouse_server.execute(TABLE.format(name, 7))
    with reader_of(clickhouse_server, name) as client:
        yield client
    clickhouse_server.execute(f"DROP DATABASE {name} SYNC")


def reader_of(server: ClickHouseProcess, database: str) -> httpx.Client:
    return server.client("reader", database=database)


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO t VALUES (1)",
        "INSERT INTO t FORMAT CSV\n1",
        "INSERT INTO t SELECT 1",
        "CREATE TABLE u (a Int8) ENGINE = Memory",
        "CREATE TEMPORARY TABLE u (a Int8)",
        "CREATE DATABASE u",
        "CREATE VIEW u AS SELECT 1",
        "CREATE FUNCTION u AS x -> x",
        "DROP TABLE t",
        "TRUNCATE TABLE t",
        "ALTER TABLE t DELETE WHERE 1",
        "ALTER TABLE t ADD COLUMN b Int8",
        "DELETE FROM t WHERE 1",
        "OPTIMIZE TABLE t",
        "RENAME TABLE t TO u",
        "DETACH TABLE t",
        "SYSTEM STOP MERGES",
        "SYSTEM SHUTDOWN",
        "KILL QUERY WHERE 1",
        "GRANT ALL ON *.* TO default",
        "SET max_threads = 1",
        "SET readonly = 0",
        "USE system",
        "SELECT 1 SETTINGS readonly = 0",
        "BACKUP TABLE t TO File('/tmp/backup')",
        "/* c */ DROP TABLE t",
        "EXECUTE AS default SELECT 1",
    ],
)
def test_a_reader_changes_nothing(reader: httpx.Client, statement: str) -> None:
    answer = reader.post("/", content=statement)
    assert answer.status_code >= 400
    assert answer.headers["X-ClickHouse-Exception-Code"] in FORBIDDEN
    assert reader.post("/", content="SELECT a FROM t").text == "7\n"


@pytest.mark.parametrize(
    "expression",
    [
        "SELECT file('{path}')",
        "SELECT `file`('{path}')",
        "SELECT `fi\\x6ce`('{path}')",
        "SELECT \"f\\x69le\" /* x */ ('{path}')",
        "SELECT arrayMap(x -> file(x), ['{path}'])",
        "EXPLAIN SELECT file('{path}')",
        "SELECT * FROM t WHERE toString(a) = file('{path}')",
        "SHOW TABLES WHERE file('{path}') != name",
        "WITH x AS (SELECT file('{path}') AS f) SELECT * FROM x",
        "SELECT * FROM file('{path}', 'LineAsString')",
        "SELECT * FROM file('{path}', LineAsString, 'line String')",
        "DESCRIBE TABLE file('{path}')",
        "SELECT * FROM `{path}`",
        "SELECT * FROM default.`{path}`",
        "SHOW CREATE TABLE default.`{path}`",
        "DESCRIBE TABLE default.`{path}`",
        "SELECT * FROM executable('cat {path}', 'LineAsString', 'line String')",
        "SELECT * FROM sqlite('{path}', 't')",
        "SELECT * FROM icebergLocal('{path}')",
        "SELECT * FROM deltaLakeLocal('{path}')",
        "SELECT * FROM filesystem('{path}')",
        "SELECT * FROM python('settings')",
        "SELECT 1 INTO OUTFILE '{path}.out'",
        "SELECT 1 INTO/**/outfile '{path}.out' FORMAT CSV",
        "INSERT INTO t FROM INFILE '{path}' FORMAT CSV",
        "INSERT INTO FUNCTION file('{path}', 'CSV', 'a Int8') VALUES (1)",
    ],
)
def test_a_reader_reaches_no_file(reader: httpx.Client, tmp_path: Path, expression: str) -> None:
    path = tmp_path / "secret.txt"
    path.write_text("the secret\n")
    answer = reader.post("/", content=expression.replace("{path}", str(path)))
    assert answer.status_code >= 400, answer.text
    assert "the secret" not in answer.text
    assert [file.name for file in tmp_path.iterdir()] == ["secret.txt"]
    assert path.read_text() == "the secret\n"


def test_a_path_is_no_table(reader: httpx.Client) -> None:
    for name in ("/etc/passwd", "\\x2fetc\\x2fpasswd"):
        assert reader.post("/", content=f"EXISTS TABLE default.`{name}`").text == "0\n"
    engine = "SELECT engine FROM system.databases WHERE name = 'default'"
    assert reader.post("/", content=engine).text == "Atomic\n"


@pytest.fixture
def elsewhere() -> Iterator[socket.socket]:
    """Listens, so that a connection is noticed."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        yield listening


def there(listening: socket.socket) -> str:
    return f"127.0.0.1:{listening.getsockname()[1]}"


def assert_nobody_came(listening: socket.socket) -> None:
    with pytest.raises(BlockingIOError):
        listening.accept()


_SOURCES = [
    "url('http://{there}/x')",
    "url('http://{there}/x', 'CSV', 'a Int8')",
    "s3('http://{there}/bucket/key', 'CSV', 'a Int8')",
    "s3('http://{there}/bucket/key')",
    "gcs('http://{there}/bucket/key', 'CSV')",
    "postgresql('{there}', 'd', 't', 'u', 'p')",
    "mysql('{there}', 'd', 't', 'u', 'p')",
    "remote('{there}', system.one)",
    "remote('{there}', 'system', 'one')",
    "remoteSecure('{there}', 'system', 'one')",
    "mongodb('{there}', 'd', 'c', 'u', 'p', 'a Int8')",
    "redis('{there}', 'key', 'key String')",
    "hdfs('hdfs://{there}/x', 'CSV', 'a Int8')",
    "azureBlobStorage('http://{there}', 'bucket', 'key', 'YWNj', 'a2V5')",
    "iceberg('http://{there}/bucket/key')",
    "deltaLake('http://{there}/bucket/key')",
    "hudi('http://{there}/bucket/key')",
    "cluster('default', system.one)",
    "urlCluster('default', 'http://{there}/x')",
]


@pytest.mark.parametrize("how", ["SELECT * FROM ", "DESCRIBE TABLE ", "EXPLAIN SELECT * FROM "])
@pytest.mark.parametrize("source", _SOURCES)
def test_a_reader_reaches_no_network(
    reader: httpx.Client, elsewhere: socket.socket, how: str, source: str
) -> None:
    answer = reader.post("/", content=how + source.replace("{there}", there(elsewhere)))
    assert answer.status_code >= 400, answer.text
    assert_nobody_came(elsewhere)


@pytest.mark.parametrize("source", _SOURCES)
def test_not_even_the_writer_reaches_the_network_from_a_query(
    clickhouse_server: ClickHouseProcess, elsewhere: socket.socket, source: str
) -> None:
    answer = httpx.post(
        clickhouse_server.url,
        content=f"DESCRIBE TABLE {source}".replace("{there}", there(elsewhere)),
        auth=("writer", WRITER_PASSWORD),
        timeout=60,
    )
    assert answer.status_code >= 400, answer.text
    assert_nobody_came(elsewhere)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("max_memory_usage", "99999999999999"),
        ("max_execution_time", "0"),
        ("max_execution_time", "nan"),
        ("max_execution_time", "inf"),
        ("max_rows_to_read", "-1"),
        ("readonly", "0"),
        ("format_schema", "/etc/passwd"),
        ("output_format_schema", "schema.capnp"),
        ("format_template_row", "/etc/passwd"),
        ("allow_ddl", "1"),
        ("no_such_setting", "1"),
        ("max_threads = 1, readonly", "0"),
        ("output_format_json_quote_64bit_integers' ; SET readonly=0 --", "0"),
    ],
)
def test_a_reader_cannot_raise_limits_or_choose_files(
    reader: httpx.Client, setting: str, value: str
) -> None:
    answer = reader.post("/", params={setting: value}, content="SELECT 1")
    assert answer.status_code in {400, 403}
    assert "X-ClickHouse-Exception-Code" in answer.headers


def test_a_reader_may_choose_how_an_answer_looks_and_ask_for_less(reader: httpx.Client) -> None:
    answer = reader.post(
        "/",
        params={
            "log_comment": "panel",
            "max_execution_time": "5",
            "max_memory_usage": "100000000",
            "output_format_json_quote_64bit_integers": "1",
            "default_format": "JSONEachRow",
            "readonly": "1",
        },
        content="SELECT a FROM t",
    )
    assert answer.text == '{"a":"7"}\n'


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT a FROM t SETTINGS log_comment = 'it''s'",
        "SELECT a FROM t SETTINGS readonly = 0",
        "SELECT a FROM t SETTINGS readonly = '0' FORMAT JSON",
        "SELECT a FROM t SETTINGS log_comment = 'x', readonly = 0",
        "SELECT a FROM t SETTINGS readonly = 0, log_comment = 'x'",
        "SELECT a FROM t FORMAT TSV SETTINGS allow_ddl = 1",
        "SELECT a FROM t SETTINGS max_memory_usage = 99999999999999",
        "SELECT a FROM t SETTINGS max_execution_time = 0",
        "SELECT a FROM t SETTINGS format_schema = '/etc/passwd'",
        "SELECT a FROM t SETTINGS output_format_schema = 'x.capnp'",
        "SELECT a FROM t SETTINGS param_x = '1'",
        "SELECT a FROM t SETTINGS log_comment = 'x\\'; SET readonly = 0 --'",
        "SELECT a FROM t SETTINGS log_comment = 'x'; DROP TABLE t",
        "SELECT a FROM t SETTINGS log_comment = 'x',",
        "INSERT INTO t SETTINGS log_comment = 'x' VALUES (1)",
        "DROP TABLE t SETTINGS log_comment = 'x'",
    ],
)
def test_a_statement_s_own_settings_open_nothing(reader: httpx.Client, statement: str) -> None:
    answer = reader.post("/", content=statement)
    assert answer.status_code >= 400, answer.text
    assert "X-ClickHouse-Exception-Code" in answer.headers
    assert reader.post("/", content="SELECT a FROM t").text == "7\n"


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT a FROM t SETTINGS log_comment = 'grafana Users, new'",
        "SELECT a FROM t SETTINGS log_comment = 'größer; SELECT', max_threads = 1;",
        "select a from t settings log_comment='x' -- done",
        "SELECT a FROM t SETTINGS max_execution_time = 5 FORMAT TSV",
        "SELECT a FROM t FORMAT TSV SETTINGS log_comment = 'x'",
        "WITH 1 AS settings SELECT a FROM t WHERE settings = 1",
        "SELECT settings FROM (SELECT a AS settings FROM t) SETTINGS log_comment = 'x'",
    ],
)
def test_a_statement_may_carry_the_settings_that_a_request_may(
    reader: httpx.Client, statement: str
) -> None:
    assert reader.post("/", content=statement).text == "7\n"


def test_settings_of_a_part_of_a_statement_raise_no_limit(reader: httpx.Client) -> None:
    answer = reader.post(
        "/",
        params={"max_rows_to_read": "1000"},
        content="SELECT count() FROM"
        " (SELECT number FROM numbers(2000) SETTINGS max_rows_to_read = 0)",
    )
    assert answer.headers["X-ClickHouse-Exception-Code"] == "158"


def test_a_limit_of_the_statement_s_own_is_kept(reader: httpx.Client) -> None:
    answer = reader.post(
        "/",
        content=f"{MINUTES_OF_WORK} SETTINGS max_execution_time = 1",
    )
    assert answer.headers["X-ClickHouse-Exception-Code"] == "159"


def test_a_name_that_only_looks_like_a_file_is_no_reason_to_refuse(reader: httpx.Client) -> None:
    answer = reader.post("/", content="SELECT 'file(1)' AS profile, match('a.b', 'a\\.b')")
    assert answer.text == "file(1)\t1\n"


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("SELECT count() FROM numbers(100000000000) WHERE sipHash64(number) = 1", "158"),
        ("SELECT groupArray(number) FROM numbers(900000000)", "241"),
    ],
)
def test_a_reader_meets_the_limits_of_the_server(
    reader: httpx.Client, statement: str, code: str
) -> None:
    answer = reader.post("/", content=statement)
    assert answer.headers["X-ClickHouse-Exception-Code"] == code


def test_a_query_ends_when_its_time_is_over(reader: httpx.Client) -> None:
    answer = reader.post(
        "/",
        params={"max_execution_time": "1"},
        content=MINUTES_OF_WORK,
    )
    assert answer.headers["X-ClickHouse-Exception-Code"] == "159"
    assert answer.status_code == 408


def test_a_get_request_changes_nothing_even_for_the_writer(
    clickhouse_server: ClickHouseProcess, clickhouse_database: ClickHouseDatabase
) -> None:
    answer = httpx.get(
        clickhouse_server.url,
        params={"query": f"DROP DATABASE {clickhouse_database.name}"},
        auth=("writer", WRITER_PASSWORD),
        timeout=60,
    )
    assert answer.headers["X-ClickHouse-Exception-Code"] == "164"


def test_a_connection_used_again_keeps_nothing_of_the_request_before(
    reader: httpx.Client,
) -> None:
    def ask(statement: str, **url: str) -> str:
        return reader.post("/", content=statement, params=url).text.strip()

    assert ask("SELECT {x:String}", param_x="first") == "first"
    assert "Substitution `x` is not set" in ask("SELECT {x:String}")
    assert ask("SELECT {y:UInt8}", param_y="2") == "2"
    # Other settings are another connection: limits never reach the next request, or miss it.
    limit = {"max_rows_to_read": "10"}
    assert "TOO_MANY_ROWS" in ask("SELECT sum(number) FROM numbers(100)", **limit)
    assert ask("SELECT sum(number) FROM numbers(100)") == "4950"
    assert "TOO_MANY_ROWS" in ask("SELECT sum(number) FROM numbers(100)", **limit)
    assert ask("SELECT throwIf(1)").startswith("Code: 395")
    assert ask("SELECT currentDatabase()", database="default") == "default"
    assert ask("SELECT a FROM t") == "7"


def test_a_parameter_may_be_any_bytes_on_a_connection_used_again(
    clickhouse_server: ClickHouseProcess,
) -> None:
    with httpx.Client(auth=("reader", READER_PASSWORD), timeout=30) as client:
        for _ in range(2):
            url = f"{clickhouse_server.url}/?param_x=%ff%00%5Ct%27"
            assert client.post(url, content="SELECT hex({x:String})").text == "FF000927\n"
            answer = client.post(clickhouse_server.url, content="SELECT {x:String}")
            assert "is not set" in answer.text


def test_a_reader_sees_a_database_that_was_made_again(
    clickhouse_server: ClickHouseProcess, clickhouse_database: ClickHouseDatabase
) -> None:
    name = clickhouse_database.name
    clickhouse_server.execute(TABLE.format(name, 7))
    with reader_of(clickhouse_server, name) as reader:
        assert reader.post("/", content="SELECT a FROM t").text == "7\n"
        for statement in (
            f"DROP DATABASE {name}",
            f"CREATE DATABASE {name}",
            TABLE.format(name, 8),
        ):
            clickhouse_server.execute(statement)
        assert reader.post("/", content="SELECT a FROM t").text == "8\n"
