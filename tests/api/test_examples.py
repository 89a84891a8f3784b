"""Runs the examples of docs/api.md and README.md unchanged against a running API."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.api.running import ADMIN_TOKEN, PASSWORD, RunningApi
from tests.programs import program

PROJECT = Path(__file__).parent.parent.parent
PAGE = (PROJECT / "docs" / "api.md").read_text(encoding="utf-8")
README = (PROJECT / "README.md").read_text(encoding="utf-8")


def examples(page: str) -> dict[str, str]:
    return {
        name: code for _, name, code in re.findall(r"```(\w+) (\w+)\n(.*?)```", page, re.DOTALL)
    }


EXAMPLES = examples(PAGE)
FIRST_QUERIES = examples(README)
NODE = Path(sys.executable).parent / "node"


def run(name: str, code: str, url: str, *, username: str = "ann", key: str = "") -> str:
    code = (
        code.replace('"ann"', f'"{username}"')
        .replace("demo:PASSWORD", f"ann:{PASSWORD}")
        .replace("http://127.0.0.1:8000", url)
        .replace("ADMIN_REGISTRATION_TOKEN", ADMIN_TOKEN)
        .replace("API_KEY", key)
    )
    commands = {
        "pandas": [sys.executable, "-c", code],
        "node": [str(NODE), "--input-type=module", "--eval", code],
    }
    if name not in commands:
        program("curl")
    command = commands.get(name, ["sh", "-c", code])
    outcome = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    assert outcome.returncode == 0, outcome.stderr
    return outcome.stdout


@pytest.fixture(scope="module")
def key(week_api: RunningApi) -> str:
    """An API key, as the page creates it."""
    made: str = json.loads(run("key", EXAMPLES["key"], week_api.url))["key"]
    return made


@pytest.mark.parametrize(
    ("name", "shows"),
    [
        ("curl", '"user_messages":8'),
        ("pandas", "user_messages"),
        ("node", "messages, known 5 seconds ago"),
        ("query", '"results":[{"metrics":['),
    ],
)
def test_the_example_works_as_it_stands(
    week_api: RunningApi, key: str, name: str, shows: str
) -> None:
    assert shows in run(name, EXAMPLES[name], week_api.url, key=key)


def test_the_registration_works_as_it_stands(week_api: RunningApi) -> None:
    assert '"username":"eve"' in run("register", EXAMPLES["register"], week_api.url, username="eve")


@pytest.mark.parametrize(("name", "shows"), [("curl", '"user_messages":8'), ("pandas", "start")])
def test_the_first_queries_of_the_readme_work(week_api: RunningApi, name: str, shows: str) -> None:
    assert shows in run(name, FIRST_QUERIES[name], week_api.url)


def test_every_example_is_run() -> None:
    assert set(EXAMPLES) == {"register", "key", "curl", "pandas", "node", "query"}
    assert PAGE.count("```") == 2 * len(EXAMPLES)
    assert set(FIRST_QUERIES) == {"curl", "pandas"}


def test_every_code_of_an_error_is_documented() -> None:
    sources = [path.read_text(encoding="utf-8") for path in (PROJECT / "api").rglob("*.py")]
    codes = {code for text in sources for code in re.findall(r'code="([a-z_]+)"', text)}
    assert codes - set(re.findall(r"`([a-z_]+)`", PAGE)) == set()
