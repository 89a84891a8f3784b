"""Checks of ClickHouse's files and migrations with the engine itself.

Every name is known to it, every statement parses, for one machine and for a cluster.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing
from io import StringIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from alembic import command
from alembic.config import Config

from deploy.clickhouse_users import users_file
from deploy.problem import PROJECT, DeployProblem
from embedded.clickhouse.engine.engine import Engine
from embedded.clickhouse.errors import QueryError

HERE = PROJECT / "deploy"
SERVER_FILE = HERE / "clickhouse" / "config.d" / "server.xml"
# Made by the entry script from a loop, and set by compose for a keeper.
OF_ENTRYPOINT = {"CLICKHOUSE_WRITER_SHA256", "CLICKHOUSE_READER_SHA256", "KEEPER_ID"}
# Sections of a server's configuration that are no single settings.
STRUCTURE = frozenset(
    {
        "listen_host",
        "timezone",
        "merge_tree",
        "query_log",
        "part_log",
        "prometheus",
        "backups",
        "storage_configuration",
        "logger",
        "macros",
        "access_control_improvements",
        "remote_url_allow_hosts",
        "remote_servers",
        "zookeeper",
        "distributed_ddl",
        "keeper_server",
    }
)
MUST_BE_OFF = frozenset(
    {
        "trace_log",
        "text_log",
        "metric_log",
        "asynchronous_metric_log",
        "latency_log",
        "opentelemetry_span_log",
        "processors_profile_log",
    }
)
MEMORY_BYTES = 512 * 1024 * 1024
CLUSTERS = ("", "dialytics")


def problems(environment: Mapping[str, Any]) -> Iterator[DeployProblem]:
    """Problems of files and migrations. `environment`: of the cluster's server container."""
    trees = {}
    for path in sorted(HERE.rglob("*.xml")):
        try:
            trees[path] = ET.parse(path).getroot()  # noqa: S314 # our own files
        except ET.ParseError as error:
            yield DeployProblem(str(path.relative_to(PROJECT)), f"is not XML: {error}")
    with tempfile.TemporaryDirectory() as directory:
        engine = Engine(Path(directory), memory_bytes=MEMORY_BYTES)
        try:
            yield from _configuration(engine, trees, environment)
            yield from _migrations(engine)
        finally:
            engine.close()


def _configuration(
    engine: Engine, trees: Mapping[Path, ET.Element], environment: Mapping[str, Any]
) -> Iterator[DeployProblem]:
    server = _names(engine, "server_settings") | STRUCTURE
    merge_tree = _names(engine, "merge_tree_settings")
    query = _names(engine, "settings")
    for path, root in trees.items():
        where = str(path.relative_to(PROJECT))
        yield from _variables(where, root, environment)
        if path.name == "users.xml":
            yield from _profiles(where, root, query)
            yield from _grants(engine, where, root)
        else:
            yield from _server(where, root, server=server, merge_tree=merge_tree, query=query)
    removed = {element.tag for element in trees[SERVER_FILE] if element.get("remove")}
    for log in sorted(MUST_BE_OFF - removed):
        yield DeployProblem(str(SERVER_FILE.relative_to(PROJECT)), f"leaves {log} on")


def _variables(
    where: str, root: ET.Element, environment: Mapping[str, Any]
) -> Iterator[DeployProblem]:
    exported = set(re.findall(r"CLICKHOUSE_[A-Z_0-9]+", _entrypoint())) | OF_ENTRYPOINT
    for element in root.iter():
        variable = element.get("from_env")
        if variable and variable not in exported | set(environment):
            yield DeployProblem(where, f"takes {variable}, which nothing sets")


def _server(
    where: str,
    root: ET.Element,
    *,
    server: frozenset[str],
    merge_tree: frozenset[str],
    query: frozenset[str],
) -> Iterator[DeployProblem]:
    for element in root:
        if element.tag not in server and not element.get("remove"):
            yield DeployProblem(where, f"{element.tag} is no setting of a server")
        if element.tag in query - server:
            yield DeployProblem(where, f"{element.tag} does nothing here: it belongs to users.d")
    for element in root.findall("merge_tree/*"):
        if element.tag not in merge_tree:
            yield DeployProblem(where, f"{element.tag} is no setting of MergeTree")


def _profiles(where: str, root: ET.Element, known: frozenset[str]) -> Iterator[DeployProblem]:
    for profile in root.findall("profiles/*"):
        names = {element.tag for element in profile} - {"constraints"}
        names |= {element.tag for element in profile.findall("constraints/*")}
        for name in sorted(names - known):
            yield DeployProblem(where, f"profile {profile.tag}: the engine knows no {name}")
    if (PROJECT / where).read_text(encoding="utf-8") != users_file(cluster="cluster" in where):
        yield DeployProblem(where, "is not what `python -m deploy.clickhouse_users` writes")


def _grants(engine: Engine, where: str, root: ET.Element) -> Iterator[DeployProblem]:
    for element in root.findall("users/*/grants/query"):
        problem = _refused(engine, f"{element.text} TO somebody")
        if problem:
            yield DeployProblem(where, f"{element.text}: {problem}")


def _refused(engine: Engine, statement: str) -> str | None:
    """The syntax error of a statement; None if there is none."""
    with closing(engine.connect()) as connection:
        try:
            connection.run(b"EXPLAIN AST " + statement.encode())
        except QueryError as error:
            return str(error)
    return None


def _migrations(engine: Engine) -> Iterator[DeployProblem]:
    for cluster in CLUSTERS:
        for statement in migration_statements(cluster):
            problem = _refused(engine, statement)
            if problem:
                first = statement.splitlines()[0]
                yield DeployProblem(f"migrations {cluster or 'one machine'}", f"{first}: {problem}")


def migration_statements(cluster: str) -> list[str]:
    """The statements that `python -m migrations clickhouse --sql` prints."""
    printed = StringIO()
    config = Config(PROJECT / "migrations" / "clickhouse" / "alembic.ini", output_buffer=printed)
    config.attributes["cluster"] = cluster
    command.upgrade(config, "head", sql=True)
    statements = (part.strip() for part in printed.getvalue().split(";\n"))
    return [
        lines
        for part in statements
        if (lines := "\n".join(line for line in part.splitlines() if not line.startswith("--")))
    ]


def _names(engine: Engine, table: str) -> frozenset[str]:
    with closing(engine.connect()) as connection:
        listed = connection.run(b"SELECT name FROM system." + table.encode())
    return frozenset(bytes(listed).decode().split())


def _entrypoint() -> str:
    return (HERE / "clickhouse" / "entrypoint.sh").read_text(encoding="utf-8")
