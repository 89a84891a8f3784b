"""The writer reaches only its tables and the features that migrations and pipelines need."""

from __future__ import annotations

import io
import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx
import pytest
from alembic import command

from deploy.clickhouse_users import FILES, users_file
from embedded.clickhouse.engine.statements import read_statement, settings_apart
from embedded.clickhouse_privileges import DATABASE_ENGINES, TABLE_ENGINES, TABLE_FUNCTIONS
from tests.clickhouse_process import (
    READER_PASSWORD,
    ClickHouseDatabase,
    ClickHouseProcess,
)
from tests.conftest import alembic_config
from tests.security.conftest import listed
from tests.security.test_reader import DENIED, USERS, arguments_of

REFUSED = {"497", "48", "452"}
SOURCES = (
    "EXECUTABLE(COMMAND '{program}' FORMAT 'CSV')",
    "EXECUTABLE_POOL(COMMAND '{program}' FORMAT 'CSV' SIZE 1)",
    "HTTP(URL 'http://{there}/x' FORMAT 'CSV')",
    "FILE(PATH '{file}' FORMAT 'CSV')",
    "CLICKHOUSE(HOST '127.0.0.1' PORT 9 DB 'a' TABLE 'b')",
    "MYSQL(HOST '127.0.0.1' PORT 9 DB 'a' TABLE 'b' USER 'u' PASSWORD 'p')",
    "POSTGRESQL(HOST '127.0.0.1' PORT 9 DB 'a' TABLE 'b' USER 'u' PASSWORD 'p')",
    "MONGODB(URI 'mongodb://{there}/x' COLLECTION 'b')",
    "REDIS(HOST '127.0.0.1' PORT 9)",
    "NULL()",
)
TABLE = "CREATE TABLE u (a Int8) ENGINE = MergeTree ORDER BY a"
STATEMENTS = (
    *(
        f"CREATE DICTIONARY d (a UInt64) PRIMARY KEY a SOURCE({source}) LAYOUT(FLAT()) LIFETIME(1)"
        for source in SOURCES
    ),
    "SELECT file('{file}')",
    "SELECT `fi\\x6ce`('{file}')",
    "SELECT arrayMap(file, ['{file}'])",
    "SELECT * APPLY(file) FROM (SELECT '{file}' AS a)",
    "SELECT COLUMNS('a') APPLY file FROM (SELECT '{file}' AS a)",
    "SELECT arrayMap({function:Identifier}, ['{file}'])",
    "SELECT * FROM view(SELECT file('{file}'))",
    "SELECT * FROM eval('SELECT 1') SETTINGS allow_experimental_eval_table_function = 1",
    "CREATE VIEW v AS SELECT file('{file}')",
    "CREATE VIEW v AS SELECT * FROM (SELECT arrayMap(x -> file(x), ['{file}']))",
    "CREATE VIEW v AS SELECT * FROM url('http://{there}/x', 'CSV', 'a Int8')",
    "CREATE VIEW v AS SELECT dictGet('d', 'a', 1)",
    "CREATE MATERIALIZED VIEW v ENGINE = MergeTree ORDER BY a AS SELECT file('{file}') AS a",
    "CREATE MATERIALIZED VIEW v REFRESH EVERY 1 SECOND TO t AS SELECT 1 AS a",
    "CREATE OR REPLACE VIEW v AS SELECT aiGenerate('x')",
    "CREATE FUNCTION f AS x -> file(x)",
    "CREATE TABLE u (a String DEFAULT file('{file}')) ENGINE = Memory",
    "CREATE TABLE u (a String, CONSTRAINT c CHECK file(a) = '') ENGINE = Memory",
    "CREATE TABLE u (a DateTime TTL a + length(file('{file}'))) ENGINE = MergeTree ORDER BY a",
    "CREATE TABLE u ENGINE = MergeTree ORDER BY a AS SELECT file('{file}') AS a",
    "CREATE TABLE u AS file('{file}')",
    f"{TABLE} SETTINGS disk = disk(type = web, endpoint = 'http://{{there}}/')",
    f"{TABLE} SETTINGS disk = disk(type = local, path = '{{directory}}/u/')",
    f"{TABLE} SETTINGS disk = disk(type = object_storage, object_storage_type = local)",
    f"{TABLE} SETTINGS disk = 'backups'",
    f"{TABLE} SETTINGS storage_policy = 'default'",
    "ALTER TABLE t MODIFY SETTING disk = 'backups'",
    "ALTER TABLE t MODIFY SETTING max_bytes_to_merge_at_max_space_in_pool = 1",
    "ALTER TABLE t ADD COLUMN b String DEFAULT file('{file}')",
    "ALTER TABLE t UPDATE s = file('{file}') WHERE 1",
    "ALTER TABLE t FREEZE",
    "ALTER TABLE t FETCH PARTITION tuple() FROM '/x'",
    "INSERT INTO t SELECT 1, file('{file}')",
    "INSERT INTO t FROM INFILE '{file}' FORMAT CSV",
    "INSERT INTO FUNCTION file('{directory}/out', 'CSV', 'a Int8') VALUES (1)",
    "INSERT INTO TABLE FUNCTION url('http://{there}/x', 'CSV', 'a Int8') SELECT 1",
    "SELECT 1 INTO OUTFILE '{directory}/out'",
    "SELECT 1 /* x */ into/**/outfile '{directory}/out' FORMAT CSV",
    "SELECT 'a' FORMAT Template SETTINGS format_template_row = '{file}'",
    "SELECT * FROM format(Template, 'x') SETTINGS format_template_row = '{file}'",
    "SELECT (SELECT 1 SETTINGS max_threads = 1, format_schema = '{file}')",
    "BACKUP TABLE t TO File('{directory}/backup')",
    "BACKUP DATABASE default TO File('{directory}/backup')",
    "BACKUP DATABASE default TO Disk('backups', '../../escape')",
    "BACKUP DATABASE default TO Disk('default', 'x')",
    "BACKUP DATABASE default TO S3('http://{there}/bucket/key', 'a', 'b')",
    "BACKUP DATABASE default TO Memory('x')",
    "BACKUP ALL TO Disk('backups', 'all.tar')",
    "RESTORE DATABASE x FROM File('{directory}/backup')",
    "RESTORE ALL FROM Disk('backups', 'x.tar')",
    "ATTACH TABLE u FROM '{directory}' (a Int8) ENGINE = File(CSV)",
    "DETACH TABLE t",
    "SYSTEM SHUTDOWN",
    "SYSTEM KILL",
    "SYSTEM RELOAD CONFIG",
    "SYSTEM FLUSH LOGS",
    "SYSTEM DROP DNS CACHE",
    "SYSTEM STOP LISTEN HTTP",
    "SYSTEM UNFREEZE WITH NAME 'x'",
    "CREATE USER u",
    "GRANT SELECT ON *.* TO default",
    "CREATE NAMED COLLECTION n AS a = 1",
    "EXECUTE AS default SELECT 1",
)
# One that opens and does not close, of each kind, and what a search could try from everywhere.
LONG = (
    b"'\\'",
    b'"\\"',
    b"`\\`",
    b"SELECT '\\'",
    b"/*/",
    b"/* *",
    b"$a$$b",
    b"$",
    b"(",
    b"''",
    b"a ",
    b"--",
    b"FORMAT ",
    b"SETTINGS a=1,",
    b"SELECT 1 SETTINGS a=1 ",
)


@pytest.fixture
def writer(
    clickhouse_server: ClickHouseProcess, clickhouse_database: ClickHouseDatabase
) -> Iterator[httpx.Client]:
    with clickhouse_server.client("writer", database=clickhouse_database.name) as client:
        table = "CREATE TABLE t (a UInt64, s String) ENGINE = MergeTree ORDER BY a"
        assert client.post("/", content=table).status_code == 200
        yield client


def test_no_statement_leaves_the_tables(writer: httpx.Client, tmp_path: Path) -> None:
    secret, program = tmp_path / "secret.csv", tmp_path / "program"
    secret.write_text("7,the secret\n")
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/started\n")
    program.chmod(0o755)
    with socket.create_server(("127.0.0.1", 0)) as elsewhere:
        elsewhere.setblocking(False)
        places = {
            "{there}": f"127.0.0.1:{elsewhere.getsockname()[1]}",
            "{file}": str(secret),
            "{program}": str(program),
            "{directory}": str(tmp_path),
        }
        for statement in STATEMENTS:
            text = statement
            for name, place in places.items():
                text = text.replace(name, place)
            answer = writer.post("/", content=text, params={"param_function": "file"})
            code = answer.headers.get("X-ClickHouse-Exception-Code")
            assert code in REFUSED, (statement, answer.text)
            assert "the secret" not in answer.text
        with pytest.raises(BlockingIOError):
            elsewhere.accept()
    assert {path.name for path in tmp_path.iterdir()} == {"secret.csv", "program"}
    assert writer.post("/", content="SHOW TABLES").text == "t\n"


def test_no_expression_among_values_is_evaluated(writer: httpx.Client, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("the secret")
    for call in ("file", "`fi\\x6ce`", "upper"):
        answer = writer.post("/", content=f"INSERT INTO t VALUES (1, {call}('{secret}'))")
        assert answer.status_code >= 400, answer.text
    setting = {"input_format_values_interpret_expressions": "1"}
    assert writer.post("/", content="SELECT 1", params=setting).status_code == 400
    assert writer.post("/", content="INSERT INTO t VALUES (1, 'file(1)')").status_code == 200
    assert writer.post("/", content="SELECT * FROM t").text == "1\tfile(1)\n"


@pytest.mark.parametrize(
    "setting", ["format_schema", "format_template_row", "dialect", "default_database_engine"]
)
def test_the_writer_chooses_no_file_and_no_language(writer: httpx.Client, setting: str) -> None:
    answer = writer.post("/", params={setting: "x"}, content="SELECT 1")
    assert answer.headers["X-ClickHouse-Exception-Code"] == "452"


def test_only_engines_and_table_functions_on_the_list_are_used(writer: httpx.Client) -> None:
    for engine in listed(writer, "table_engines") - set(TABLE_ENGINES):
        answer = writer.post("/", content=f"CREATE TABLE u (a UInt64) ENGINE = {engine}('x')")
        assert answer.headers["X-ClickHouse-Exception-Code"] == "497", (engine, answer.text)
    for engine in listed(writer, "database_engines") - set(DATABASE_ENGINES):
        answer = writer.post("/", content=f"CREATE DATABASE u ENGINE = {engine}('x')")
        assert answer.headers["X-ClickHouse-Exception-Code"] == "497", (engine, answer.text)
    for name in listed(writer, "table_functions"):
        if name.lower() in TABLE_FUNCTIONS:
            continue
        answer = writer.post("/", content=f"DESCRIBE TABLE {name}{arguments_of(name)}")
        assert answer.headers["X-ClickHouse-Exception-Code"] == "497", (name, answer.text)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT arrayMap(file, ['/etc/hostname'])",
        "SELECT * APPLY(file) FROM (SELECT '/etc/hostname' AS a)",
        "SELECT COLUMNS('a') APPLY `fi\\x6ce` FROM (SELECT '/etc/hostname' AS a)",
        "SELECT arrayMap({function:Identifier}, ['/etc/hostname'])",
        "SELECT * FROM viewExplain('EXPLAIN', '', (SELECT file('/etc/hostname')))",
    ],
)
def test_a_reader_calls_no_function_without_its_name_in_front(
    clickhouse_server: ClickHouseProcess, statement: str
) -> None:
    answer = httpx.post(
        clickhouse_server.url,
        content=statement,
        params={"param_function": "file"},
        auth=("reader", READER_PASSWORD),
        timeout=90,
    )
    assert answer.headers["X-ClickHouse-Exception-Code"] == "164", answer.text


@pytest.mark.parametrize("unit", LONG, ids=lambda unit: unit.decode())
def test_reading_a_statement_takes_time_in_proportion_to_its_length(unit: bytes) -> None:
    text = unit * (100_000 // len(unit))
    started = time.process_time()
    settings_apart(read_statement(text))
    # Searching from each place anew took 17 s for half of this.
    assert time.process_time() - started < 4


def test_a_long_statement_keeps_nobody_waiting(writer: httpx.Client) -> None:
    started = time.monotonic()
    for unit in LONG:
        assert writer.post("/", content=unit * (48_000 // len(unit))).status_code >= 400
    assert writer.post("/", content=b"KILL QUERY WHERE query_id = 'x'" + b" " * 200_000 + b"x")
    assert time.monotonic() - started < 60


ON_A_SERVER = (
    *(statement for statement in STATEMENTS if statement.startswith("CREATE DICTIONARY")),
    "CREATE FUNCTION f AS x -> x",
    "CREATE TABLE dialytics.u (a Int8) ENGINE = File(CSV)",
    "CREATE TABLE dialytics.u (a Int8) ENGINE = URL('http://127.0.0.1:9/x', CSV)",
    "CREATE TABLE dialytics.u (a Int8) ENGINE = PostgreSQL('127.0.0.1:9', 'd', 't', 'u', 'p')",
    "CREATE DATABASE other",
    "SELECT * FROM file('/etc/hostname', 'LineAsString')",
    "SELECT * FROM url('http://127.0.0.1:9/x', 'CSV', 'a Int8')",
    "SELECT * FROM s3('http://127.0.0.1:9/bucket/key', 'CSV', 'a Int8')",
    "SELECT * FROM remote('127.0.0.1:9', system.one)",
    "SELECT * FROM mysql('127.0.0.1:9', 'd', 't', 'u', 'p')",
    "INSERT INTO FUNCTION file('/tmp/x', 'CSV', 'a Int8') VALUES (1)",
    "BACKUP DATABASE dialytics TO File('/tmp/backup')",
    "BACKUP DATABASE dialytics TO S3('http://127.0.0.1:9/bucket/key', 'a', 'b')",
    "ALTER TABLE dialytics.t FREEZE",
    "CREATE USER u",
    "SYSTEM SHUTDOWN",
    "SYSTEM FLUSH LOGS",
)


NEEDED = (
    "INSERT INTO dialytics.t VALUES (8)",
    "SELECT count() FROM system.columns WHERE database = currentDatabase()",
    "SELECT count() FROM system.tables WHERE database = 'dialytics'",
    "SELECT count() FROM system.databases",
    "SELECT count() FROM system.parts",
    "ALTER TABLE turns DELETE WHERE epoch = 7 SETTINGS mutations_sync = 2",
    "ALTER TABLE turns UPDATE user_chars = 1 WHERE epoch = 7 SETTINGS mutations_sync = 2",
    "ALTER TABLE turns MODIFY SETTING old_parts_lifetime = 60",
    "ALTER TABLE turns DROP PARTITION ID '7'",
    "OPTIMIZE TABLE people FINAL",
    "TRUNCATE TABLE people",
    "DROP TABLE people",
)
"""Beside the migrations' own statements: what the pipelines and a repair do."""


def as_writer(users: Path, asked: Sequence[str], directory: Path) -> list[str]:
    """The results of statements of a server's writer."""
    outcome = subprocess.run(
        [
            *(sys.executable, Path(__file__).with_name("as_server_user.py")),
            *(directory, users, "writer"),
        ],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert outcome.returncode == 0, outcome.stderr
    answers: list[str] = json.loads(outcome.stdout)
    return answers


def migration_statements() -> list[str]:
    """All of ClickHouse's, as `python -m migrations --sql` prints them."""
    config = alembic_config("clickhouse", "")
    config.output_buffer = io.StringIO()
    command.upgrade(config, "head", sql=True)
    printed = re.sub(r"(?m)^--.*\n", "", config.output_buffer.getvalue())
    return [statement for part in printed.split(";\n") if (statement := part.strip())]


@pytest.mark.parametrize("users", FILES, ids=lambda path: path.parent.name)
def test_the_users_file_of_a_server_lets_its_writer_migrate_and_replicate(
    users: Path, tmp_path: Path
) -> None:
    asked = ["USE dialytics", *migration_statements(), *NEEDED]
    answers = as_writer(users, asked, tmp_path)
    assert len(asked) > 40
    assert [
        (statement[:80], answer[:300])
        for statement, answer in zip(asked, answers, strict=True)
        if answer.startswith("refused")
    ] == []


def test_the_users_file_of_a_server_refuses_its_writer_the_same(tmp_path: Path) -> None:
    asked = ["SELECT a FROM dialytics.t", *ON_A_SERVER, "INSERT INTO dialytics.t VALUES (8)"]
    first, *refused, last = as_writer(
        USERS,
        [each.replace("CREATE DICTIONARY d ", "CREATE DICTIONARY dialytics.d ") for each in asked],
        tmp_path,
    )
    assert (first, last) == ("7\n", "")
    assert [
        (statement, answer[:200])
        for statement, answer in zip(ON_A_SERVER, refused, strict=True)
        if not DENIED.search(answer)
    ] == []


def test_both_users_files_are_made_from_the_list() -> None:
    for path, cluster in FILES.items():
        assert path.read_text() == users_file(cluster=cluster)
