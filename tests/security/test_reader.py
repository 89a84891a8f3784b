"""The read-only user reaches only tables, on the embedded engine and on a server.

tests/embedded/clickhouse/test_reader.py attacks one feature at a time; here the engine itself
lists its features, so that those of a new version are tested too.
"""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import httpx
import pytest

from tests.clickhouse_process import ClickHouseDatabase, ClickHouseProcess
from tests.security.conftest import listed

PROJECT = Path(__file__).parents[2]
USERS = PROJECT / "deploy/clickhouse/users.d/users.xml"
HARMLESS = frozenset(
    {
        *("numbers", "numbers_mt", "zeros", "zeros_mt", "primes", "generateRandom"),
        *("generateSeries", "generate_series", "values", "SQLStandardValues", "null", "input"),
        *("fuzzJSON", "fuzzQuery", "view", "viewExplain", "viewIfPermitted", "format"),
        # Functions over tables that a reader may read anyway.
        *("mergeTreeIndex", "mergeTreeProjection", "mergeTreeTextIndex", "dictionary"),
        *("mergeTreeAnalyzeIndexes", "mergeTreeAnalyzeIndexesUUID", "mergeTreeCodecBlockCounts"),
        *("prometheusQuery", "prometheusQueryRange", "timeSeriesData", "timeSeriesSelector"),
        *("timeSeriesMetricFamilies", "timeSeriesMetrics", "timeSeriesSamples", "timeSeriesTags"),
    }
)
"""Table functions that read nothing but what stands in the statement or in the database."""
OBJECT = "('http://{there}/bucket/key', 'CSV', 'a Int8')"
AZURE = "('http://{there}', 'bucket', 'key', 'YWNj', 'a2V5')"
HDFS = "('hdfs://{there}/x', 'CSV', 'a Int8')"
LOCAL = "('{file}')"
ARGUMENTS = {
    "arrowstream": LOCAL,
    "azureBlobStorage": AZURE,
    "bigquery": "('project', 'dataset', 'table', '{file}')",
    "cluster": "('default', system.one)",
    "clusterAllReplicas": "('default', system.one)",
    "deltaLakeLocal": LOCAL,
    "eval": "('SELECT 1')",
    "executable": "('cat {file}', 'LineAsString', 'line String')",
    "file": "('{file}', 'LineAsString', 'line String')",
    "filesystem": LOCAL,
    "hdfs": HDFS,
    "icebergLocal": LOCAL,
    "jdbc": "('http://{there}', 'd', 't')",
    "loop": "('system', 'one')",
    "merge": "('system', 'one')",
    "mongodb": "('{there}', 'd', 'c', 'u', 'p', 'a Int8')",
    "mysql": "('{there}', 'd', 't', 'u', 'p')",
    "odbc": "('DSN=x;Server={there}', 'd', 't')",
    "paimonLocal": LOCAL,
    "postgresql": "('{there}', 'd', 't', 'u', 'p')",
    "python": LOCAL,
    "redis": "('{there}', 'key', 'key String')",
    "remote": "('{there}', system.one)",
    "remoteSecure": "('{there}', system.one)",
    "sqlite": "('{file}', 't')",
    "url": OBJECT,
    "ytsaurus": "('http://{there}', '//path', 'token', 'a Int8')",
}
FAMILIES = (("Azure", AZURE), ("HDFS", HDFS), ("S3", OBJECT))
OTHERS = (
    "SELECT query FROM system.processes",
    'SELECT `query` FROM `system`."processes"',
    "SELECT query FROM system.`proc\\x65sses`",
    "SELECT query FROM system.{table:Identifier}",
    "SELECT query FROM {database:Identifier}.{table:Identifier}",
    "WITH x AS (SELECT query FROM system.processes) SELECT * FROM x",
    "SELECT (SELECT any(query) FROM system.processes)",
    "SELECT 1 IN system.processes",
    "SELECT * FROM view(SELECT query FROM system.processes)",
    "SELECT query FROM merge('system', '^proc')",
    "SELECT query FROM loop('system', 'processes')",
    "EXPLAIN SELECT query FROM system.processes",
    "SHOW PROCESSLIST",
    "SHOW TABLES WHERE name = (SELECT any(query) FROM system.processes)",
    "SELECT * FROM system.errors",
    "SELECT * FROM system.query_log",
    "SELECT * FROM system.user_query_log",
    "SELECT * FROM system.session_query_ids",
    "SELECT * FROM system.backups",
    "SELECT * FROM system.users",
    "SHOW CREATE USER default",
)


@pytest.fixture
def reader(
    clickhouse_server: ClickHouseProcess, clickhouse_database: ClickHouseDatabase
) -> Iterator[httpx.Client]:
    with clickhouse_server.client("reader", database=clickhouse_database.name) as client:
        yield client


def arguments_of(name: str) -> str:
    """Arguments with which this table function would reach out if it were allowed."""
    if name.endswith("Cluster"):
        return f"('default', {arguments_of(name.removesuffix('Cluster'))[1:]}"
    given = ARGUMENTS.get(name)
    if given is None:
        given = next((each for part, each in FAMILIES if part in name), OBJECT)
    return given


def test_no_table_function_of_the_engine_leaves_the_database(
    reader: httpx.Client, tmp_path: Path
) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("the secret\n")
    names = listed(reader, "table_functions")
    assert {"file", "url", "s3", "postgresql", "remote", "executable"} <= names
    assert len(names) > 80
    with socket.create_server(("127.0.0.1", 0)) as elsewhere:
        elsewhere.setblocking(False)
        there = f"127.0.0.1:{elsewhere.getsockname()[1]}"
        for name in sorted(names - HARMLESS):
            arguments = arguments_of(name).replace("{there}", there).replace("{file}", str(secret))
            answer = reader.post("/", content=f"SELECT * FROM {name}{arguments}")
            assert answer.status_code >= 400, (name, answer.text)
            assert "the secret" not in answer.text
            assert "DOESNT_MATCH" not in answer.text, f"{name}: these arguments prove nothing"
        with pytest.raises(BlockingIOError):
            elsewhere.accept()
    assert [path.name for path in tmp_path.iterdir()] == ["secret.txt"]


def test_no_function_of_the_engine_asks_a_model_or_reads_a_file(reader: httpx.Client) -> None:
    names = {
        name for name in listed(reader, "functions") if re.match("ai[A-Z]|AI[A-Z]|file$", name)
    }
    assert "file" in names
    for name in names:
        answer = reader.post("/", content=f"SELECT {name}('/etc/hostname', 'x', 'y')")
        assert answer.headers["X-ClickHouse-Exception-Code"] == "164", name


@pytest.mark.parametrize("statement", OTHERS)
def test_a_reader_does_not_see_what_others_ask(reader: httpx.Client, statement: str) -> None:
    answer = reader.post(
        "/", content=statement, params={"param_table": "processes", "param_database": "system"}
    )
    assert answer.headers["X-ClickHouse-Exception-Code"] in {"60", "164", "497"}, answer.text


def test_the_full_list_of_processes_is_no_statement(reader: httpx.Client) -> None:
    answer = reader.post("/", content="SHOW FULL PROCESSLIST")
    assert answer.headers["X-ClickHouse-Exception-Code"] == "62"


def test_a_reader_in_the_system_database_does_not_either(reader: httpx.Client) -> None:
    answer = reader.post("/", content="SELECT query FROM processes", params={"database": "system"})
    assert answer.headers["X-ClickHouse-Exception-Code"] == "164"


def test_words_that_only_look_so_are_no_reason_to_refuse(reader: httpx.Client) -> None:
    statement = (
        "SELECT 'processes' AS merge, count() AS errors FROM system.tables AS backups"
        " WHERE name = {name:String} AND 'x_log' != ''"
    )
    answer = reader.post("/", content=statement, params={"param_name": "processes"})
    assert answer.text == "processes\t1\n"


ON_A_SERVER = (
    "INSERT INTO dialytics.t VALUES (1)",
    "CREATE TABLE dialytics.u (a Int8) ENGINE = Memory",
    "CREATE TEMPORARY TABLE u (a Int8)",
    "CREATE DATABASE u",
    "CREATE VIEW dialytics.v AS SELECT 1",
    "CREATE DICTIONARY dialytics.d (a UInt64) PRIMARY KEY a SOURCE(NULL()) LAYOUT(FLAT())",
    "CREATE FUNCTION f AS x -> x",
    "CREATE USER u",
    "DROP TABLE dialytics.t",
    "TRUNCATE TABLE dialytics.t",
    "ALTER TABLE dialytics.t DELETE WHERE 1",
    "DELETE FROM dialytics.t WHERE 1",
    "OPTIMIZE TABLE dialytics.t",
    "GRANT SELECT ON *.* TO default",
    "SYSTEM SHUTDOWN",
    "SYSTEM STOP MERGES dialytics.t",
    "SYSTEM FLUSH LOGS",
    "BACKUP TABLE dialytics.t TO File('/tmp/backup')",
    "SET readonly = 0",
    "SET max_threads = 64",
    "SET max_execution_time = 0",
    "SELECT 1 SETTINGS readonly = 0",
    "SELECT 1 SETTINGS max_memory_usage = 99999999999",
    "SELECT * FROM file('/etc/hostname', 'LineAsString')",
    "SELECT * FROM url('http://127.0.0.1:9/x', 'CSV', 'a Int8')",
    "SELECT * FROM s3('http://127.0.0.1:9/bucket/key', 'CSV', 'a Int8')",
    "SELECT * FROM postgresql('127.0.0.1:9', 'd', 't', 'u', 'p')",
    "SELECT * FROM mysql('127.0.0.1:9', 'd', 't', 'u', 'p')",
    "SELECT * FROM remote('127.0.0.1:9', system.one)",
    "SELECT * FROM mongodb('127.0.0.1:9', 'd', 'c', 'u', 'p', 'a Int8')",
    "SELECT * FROM redis('127.0.0.1:9', 'key', 'key String')",
    "SELECT * FROM hdfs('hdfs://127.0.0.1:9/x', 'CSV', 'a Int8')",
    "SELECT * FROM azureBlobStorage('http://127.0.0.1:9', 'b', 'k', 'YWNj', 'a2V5')",
    "SELECT * FROM deltaLake('http://127.0.0.1:9/bucket/key')",
    "SELECT * FROM iceberg('http://127.0.0.1:9/bucket/key')",
    "SELECT * FROM sqlite('/tmp/x.db', 't')",
    "SELECT * FROM jdbc('http://127.0.0.1:9', 'd', 't')",
    "SELECT * FROM odbc('DSN=x', 'd', 't')",
    "SELECT * FROM executable('cat /etc/hostname', 'LineAsString', 'line String')",
    "SELECT * FROM merge('system', '^processes$')",
    "SHOW CREATE USER default",
)
DENIED = re.compile("ACCESS_DENIED|READONLY|CANNOT_EXTRACT_TABLE_STRUCTURE")


def test_the_users_file_of_a_server_refuses_its_reader_the_same(tmp_path: Path) -> None:
    """The real file in the real engine, its reader made the engine's only user."""
    asked = ["SELECT a FROM dialytics.t", *ON_A_SERVER, "SELECT a FROM dialytics.t"]
    outcome = subprocess.run(
        [
            *(sys.executable, Path(__file__).with_name("as_server_user.py")),
            *(tmp_path, USERS, "reader"),
        ],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert outcome.returncode == 0, outcome.stderr
    first, *refused, last = json.loads(outcome.stdout)
    assert first == last == "7\n"
    assert [
        (statement, answer[:200])
        for statement, answer in zip(ON_A_SERVER, refused, strict=True)
        if not DENIED.search(answer)
    ] == []


def test_the_reader_of_a_server_is_granted_no_table_of_others() -> None:
    root = ET.parse(USERS).getroot()  # noqa: S314 # our own file
    granted = " ".join(
        " ".join((query.text or "").split()) for query in root.findall("users/reader/grants/query")
    )
    tables = set(re.findall(r"SELECT ON (\S+?)(?:,|$| )", granted))
    assert "dialytics.*" in tables
    assert {table for table in tables if "*" in table} == {"dialytics.*"}
    assert not re.search("process|log|session|cache|errors|users|grants|backups", granted)
    assert set(re.findall(r"\b[A-Z]{3,}\b", granted)) == {"GRANT", "SELECT"}
    server = ET.parse(USERS.parents[1] / "config.d/server.xml").getroot()  # noqa: S314 # our own
    needs = "access_control_improvements/select_from_system_db_requires_grant"
    assert server.findtext(needs) == "true"
