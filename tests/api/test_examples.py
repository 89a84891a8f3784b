"""The examples of docs/api.md, run as they stand against a running API."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.api.running import ADMIN_TOKEN, RunningApi
from tests.programs import program

PROJECT = Path(__file__).parent.parent.parent
PAGE = (PROJECT / "docs" / "api.md").read_text(encoding="utf-8")
EXAMPLES = {
    name: code for _, name, code in re.findall(r"```(\w+) (\w+)\n(.*?)```", PAGE, re.DOTALL)
}
NODE = Path(sys.executable).parent / "node"


def run(name: str, url: str, *, username: str = "ann") -> str:
    code = (
        EXAMPLES[name]
        .replace('"ann"', f'"{username}"')
        .replace("http://127.0.0.1:8000", url)
        .replace("ADMIN_REGISTRATION_TOKEN", ADMIN_TOKEN)
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


@pytest.mark.parametrize(
    ("name", "shows"),
    [
        ("curl", '"user_messages":8'),
        ("pandas", "user_messages"),
        ("node", "messages, known 5 seconds ago"),
        ("query", '"results":[{"metrics":['),
    ],
)
def test_the_example_works_as_it_stands(week_api: RunningApi, name: str, shows: str) -> None:
    assert shows in run(name, week_api.url)


def test_the_registration_works_as_it_stands(week_api: RunningApi) -> None:
    assert '"username":"eve"' in run("register", week_api.url, username="eve")


def test_every_example_is_run() -> None:
    assert set(EXAMPLES) == {"register", "curl", "pandas", "node", "query"}
    assert PAGE.count("```") == 2 * len(EXAMPLES)


def test_every_code_of_an_error_is_documented() -> None:
    sources = [path.read_text(encoding="utf-8") for path in (PROJECT / "api").rglob("*.py")]
    codes = {code for text in sources for code in re.findall(r'code="([a-z_]+)"', text)}
    assert codes - set(re.findall(r"`([a-z_]+)`", PAGE)) == set()
