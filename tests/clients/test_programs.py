"""Programs that speak to ClickHouse: dbt, an MCP server, a terminal."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.clickhouse_process import ClickHouseProcess

pytestmark = pytest.mark.long
DBT = Path(__file__).parent / "dbt"


def ask(server: ClickHouseProcess, statement: str) -> str:
    return httpx.post(server.url, content=statement, auth=("default", ""), timeout=60).text


def test_dbt_builds_a_project_twice(
    anyone: ClickHouseProcess, run_client: Callable[..., str], tmp_path: Path
) -> None:
    project = tmp_path / "project"
    shutil.copytree(DBT, project)
    arguments = ("dbt", "build", "--project-dir", project, "--profiles-dir", project)
    for _ in range(2):
        printed = run_client(*arguments, "--no-use-colors")
        assert "PASS=9 WARN=0 ERROR=0 SKIP=0" in printed, printed
    counts = {
        name: ask(anyone, f"SELECT count() FROM dbt_clients.{name}").strip()
        for name in ("named_turns", "daily", "appended", "replaced", "overwritten")
    }
    assert counts == {
        "named_turns": "3",
        "daily": "2",
        "appended": "3",
        "replaced": "3",
        "overwritten": "2",
    }
    history = "SELECT count(), countIf(dbt_valid_to IS NULL) FROM dbt_clients.people_history"
    assert ask(anyone, history) == "2\t2\n"


MCP = """
import asyncio, json
from mcp_clickhouse import mcp_server
from mcp_clickhouse.mcp_server import list_databases, run_query
async def call(function, *arguments):
    answer = getattr(function, "fn", function)(*arguments)
    return await answer if hasattr(answer, "__await__") else answer
async def main():
    return [await call(list_databases), await call(run_query, "SELECT 1 AS a, 'x' AS b")]
print("answer " + json.dumps(asyncio.run(main()), default=str))
"""


def test_an_mcp_server_lists_and_asks(run_client: Callable[..., str]) -> None:
    printed = run_client("python", "-c", MCP)
    answer = re.search("^answer (.*)$", printed, re.MULTILINE)
    assert answer is not None, printed
    databases, result = json.loads(answer[1])
    assert "default" in str(databases)
    assert '[1, "x"]' in str(result)


def test_the_terminal_client_asks_and_shows(
    anyone: ClickHouseProcess, run_client: Callable[..., str]
) -> None:
    printed = run_client(
        *("clickhouse-cli", "--host", "127.0.0.1", "--port", str(anyone.port)),
        *("--user", "default", "--format", "TabSeparated"),
        *("--query", "SELECT number, 'x' FROM numbers(3)"),
    )
    assert re.findall(r"(\d)\s+x", printed) == ["0", "1", "2"], printed
