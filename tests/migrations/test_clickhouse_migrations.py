"""The warehouse's schema: what the migrations make, on one machine and on a cluster."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

from alembic import command
from alembic.script import ScriptDirectory

from migrations.clickhouse.ddl import Ddl
from tests.clickhouse_process import ClickHouseDatabase, ClickHouseProcess
from tests.conftest import PROJECT, alembic_config
from warehouse import schema
from warehouse.clickhouse.client import Writer
from warehouse.clickhouse.statements import all_statements, on_every_node
from warehouse.settings import WarehouseSettings

SNAPSHOT = Path(__file__).parent / "clickhouse_schema.json"
TABLES = """
SELECT name, create_table_query FROM system.tables
WHERE database = '{database}' AND name != 'alembic_version' ORDER BY name FORMAT JSONCompact
"""


COLUMNS = """
SELECT table, name, type FROM system.columns
WHERE database = '{}' AND table != 'alembic_version' ORDER BY table, position FORMAT JSONCompact
"""


def schema_of(server: ClickHouseProcess, database: ClickHouseDatabase) -> dict[str, str]:
    answer = json.loads(server.execute(TABLES.format(database=database.name)))
    return {name: query.replace(database.name, "warehouse") for name, query in answer["data"]}


def test_the_migrated_schema_is_the_one_in_the_repository(
    clickhouse_server: ClickHouseProcess, clickhouse_database: ClickHouseDatabase
) -> None:
    command.upgrade(alembic_config("clickhouse", clickhouse_database.url), "head")
    tables = schema_of(clickhouse_server, clickhouse_database)
    if os.environ.get("UPDATE_SNAPSHOTS"):
        SNAPSHOT.write_text(json.dumps(tables, indent=2) + "\n", encoding="utf-8")
    assert tables == json.loads(SNAPSHOT.read_text(encoding="utf-8"))


def test_a_copied_warehouse_is_a_migrated_one(
    clickhouse_server: ClickHouseProcess, warehouse_settings: WarehouseSettings
) -> None:
    database = clickhouse_server.database(urlsplit(warehouse_settings.writer_url).path.strip("/"))
    tables = schema_of(clickhouse_server, database)
    assert tables == json.loads(SNAPSHOT.read_text(encoding="utf-8"))
    version = clickhouse_server.execute("SELECT * FROM alembic_version", database=database.name)
    scripts = ScriptDirectory.from_config(alembic_config("clickhouse", ""))
    assert version == f"{scripts.get_current_head()}\n"


def test_ready_asks_for_the_columns_that_migrations_make(
    clickhouse_server: ClickHouseProcess, clickhouse_database: ClickHouseDatabase
) -> None:
    command.upgrade(alembic_config("clickhouse", clickhouse_database.url), "head")
    answer = json.loads(clickhouse_server.execute(COLUMNS.format(clickhouse_database.name)))
    columns: dict[str, dict[str, str]] = {}
    for table, name, kind in answer["data"]:
        columns.setdefault(table, {})[name] = kind
    if os.environ.get("UPDATE_SNAPSHOTS"):
        schema.PATH.write_text(json.dumps(columns, indent=1) + "\n", encoding="utf-8")
    assert columns == json.loads(schema.PATH.read_text(encoding="utf-8"))


def test_up_down_up_ends_where_it_began_and_a_cut_migration_is_run_again(
    clickhouse_server: ClickHouseProcess, clickhouse_database: ClickHouseDatabase
) -> None:
    config = alembic_config("clickhouse", clickhouse_database.url)
    command.upgrade(config, "head")
    tables = schema_of(clickhouse_server, clickhouse_database)
    command.downgrade(config, "base")
    assert schema_of(clickhouse_server, clickhouse_database) == {}
    command.upgrade(config, "head")
    assert schema_of(clickhouse_server, clickhouse_database) == tables
    # Cut short: some tables are missing, and no revision is recorded.
    clickhouse_server.execute(f"DROP TABLE {clickhouse_database.name}.checks SYNC")
    clickhouse_server.execute(f"TRUNCATE TABLE {clickhouse_database.name}.alembic_version")
    command.upgrade(config, "head")
    assert schema_of(clickhouse_server, clickhouse_database) == tables


def preview(cluster: str) -> str:
    config = alembic_config("clickhouse", "")
    config.attributes["cluster"] = cluster
    config.output_buffer = io.StringIO()
    command.upgrade(config, "head", sql=True)
    return config.output_buffer.getvalue()


def test_a_preview_prints_statements_and_needs_no_database() -> None:
    outcome = subprocess.run(
        [sys.executable, "-m", "migrations", "clickhouse", "--sql"],
        cwd=PROJECT,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert outcome.returncode == 0, outcome.stderr
    assert "CREATE TABLE IF NOT EXISTS turns" in outcome.stdout
    assert "{snapshot:UInt64}" in outcome.stdout


def test_on_a_cluster_every_table_is_replicated_and_the_ledger_is_sharded_by_person() -> None:
    statements = preview("main")
    created = re.findall(r"CREATE TABLE IF NOT EXISTS (\w+) ON CLUSTER `main`", statements)
    engines = re.findall(r"ENGINE = (\w+)", statements)
    assert len(created) == len(engines)
    assert {engine for engine in engines if not engine.startswith("Replicated")} == {"Distributed"}
    assert "Distributed(`main`, currentDatabase(), turns_local, user_key)" in statements
    assert "Distributed(`main`, currentDatabase(), people_local, user_key)" in statements
    assert "ON CLUSTER" not in preview("")


def test_every_statement_for_a_cluster_is_one_that_the_engine_understands(
    clickhouse_database: ClickHouseDatabase,
) -> None:
    statements = [part.strip() for part in preview("main").split(";\n")]
    ddl = [part for part in statements if part and not part.startswith("--")]
    assert sum("ON CLUSTER `main`" in part for part in ddl) >= 20
    ours = [on_every_node(sql, cluster="main") for sql in all_statements().values()]
    settings = WarehouseSettings.model_validate({"clickhouse_url": clickhouse_database.url})
    with Writer(settings) as writer:
        for sql in (*ddl, *ours):
            formatted = writer.value("parse", {"sql": sql}, sql="SELECT formatQuery({sql:String})")
            assert ("ON CLUSTER main" in formatted) == ("ON CLUSTER `main`" in sql)


def test_what_is_about_the_table_of_one_node_runs_on_every_node_of_a_cluster() -> None:
    local = {name: sql for name, sql in all_statements().items() if "{table:Identifier}" in sql}
    altered = {name: sql for name, sql in local.items() if "ALTER TABLE" in sql}
    assert altered
    for name, sql in altered.items():
        assert "ALTER TABLE {table:Identifier} ON CLUSTER `main`" in on_every_node(
            sql, cluster="main"
        ), name
        assert on_every_node(sql, cluster="") == sql


def test_garbage_is_looked_for_on_every_node() -> None:
    assert "FROM clusterAllReplicas('main', system.parts)" in preview("main")
    assert "FROM system.parts" in preview("")
    # Statements that ask a system table for the tables of all nodes ask through that view.
    direct = [name for name, sql in all_statements().items() if "FROM system." in sql]
    assert direct == []


def test_a_table_without_a_shard_key_is_whole_on_every_node() -> None:
    (statement,) = Ddl("main").create_table("published", columns="day Date", order_by="day")
    assert "'/clickhouse/tables/all/{database}/{table}', '{shard}-{replica}'" in statement
