"""Runs the examples of docs/api.md and README.md unchanged against a running API."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from api.http.openapi import operations as operations_of
from api.openapi import SNAPSHOT
from common.postgres import create_engine
from tests.api.running import ADMIN_TOKEN, PASSWORD, RunningApi
from tests.api.scopes import grant_now
from tests.programs import program

PROJECT = Path(__file__).parent.parent.parent
PAGE = (PROJECT / "docs" / "api.md").read_text(encoding="utf-8")
README = (PROJECT / "README.md").read_text(encoding="utf-8")


def examples(page: str) -> dict[str, str]:
    return {
        name: code for _, name, code in re.findall(r"```(\w+) (\w+)\n(.*?)```", page, re.DOTALL)
    }


EXAMPLES = examples(PAGE)
DOCUMENT = json.loads(SNAPSHOT.read_text(encoding="utf-8"))
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


async def make_admin(api: RunningApi) -> None:
    engine = create_engine(api.settings.database, application_name="tests")
    try:
        async with api.client() as client:
            await grant_now(engine, client, ["admin", "stats:read"])
    finally:
        await engine.dispose()


@pytest.mark.parametrize(
    ("name", "shows"), [("invite", '"kind":"bot"'), ("rule", '"daily_messages":50')]
)
def test_what_an_admin_does_works_as_it_stands(week_api: RunningApi, name: str, shows: str) -> None:
    asyncio.run(make_admin(week_api))
    assert shows in run(name, EXAMPLES[name], week_api.url)


@pytest.mark.parametrize(("name", "shows"), [("curl", '"user_messages":8'), ("pandas", "start")])
def test_the_first_queries_of_the_readme_work(week_api: RunningApi, name: str, shows: str) -> None:
    assert shows in run(name, FIRST_QUERIES[name], week_api.url)


def test_the_examples_of_the_document_work_as_they_stand(week_api: RunningApi, key: str) -> None:
    found = re.findall(r"```sh\n(.*?)```", descriptions(), re.DOTALL)
    assert len(found) >= 17
    answers = run("document", "set -e\n" + "echo\n".join(found), week_api.url, key=key)
    assert answers.count('"data_through"') >= len(found)


def descriptions() -> str:
    operations = operations_of(DOCUMENT)
    return "".join(operation["description"] for _, _, operation in operations)


@pytest.mark.parametrize(
    ("path", "schema", "status"),
    [
        ("/auth/register", "Registration", 201),
        ("/auth/session", "SessionLogin", 201),
        ("/auth/token", "TokenForm", 200),
        ("/keys", "NewKeyRequest", 201),
        ("/query", "QueryBody", 200),
    ],
)
def test_the_example_of_a_body_is_accepted(
    week_api: RunningApi, path: str, schema: str, status: int
) -> None:
    model = DOCUMENT["components"]["schemas"][schema]
    body = model.get("examples", [None])[0] or {
        name: declared["examples"][0]
        for name, declared in model["properties"].items()
        if "examples" in declared
    }
    if schema == "Registration":
        body |= {"username": "kim", "admin_token": ADMIN_TOKEN}
    url = f"{week_api.url}/api/v1"
    login = None if path.startswith("/auth") else ("ann", PASSWORD)
    kind = "data" if schema == "TokenForm" else "json"
    # A page that logs in says where it is from.
    answer = httpx.post(
        url + path, auth=login, timeout=90, headers={"Origin": week_api.url}, **{kind: body}
    )
    assert answer.status_code == status, answer.text


def test_every_example_is_run() -> None:
    assert set(EXAMPLES) == {"register", "key", "invite", "rule", "curl", "pandas", "node", "query"}
    assert PAGE.count("```") == 2 * len(EXAMPLES)
    assert set(FIRST_QUERIES) == {"curl", "pandas"}


def test_every_code_of_an_error_is_documented() -> None:
    sources = [path.read_text(encoding="utf-8") for path in (PROJECT / "api").rglob("*.py")]
    codes = {code for text in sources for code in re.findall(r'code="([a-z_]+)"', text)}
    assert codes - set(re.findall(r"`([a-z_]+)`", PAGE)) == set()
