"""The OpenAPI document is current, and the API keeps to it under any input."""

from __future__ import annotations

import asyncio
import os
import tomllib
from typing import Any

import asyncpg
import httpx
import orjson
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from api.accounts.scopes import Scope
from api.http.error_schema import Problem
from api.http.openapi import TEXTS, undescribed
from api.http.openapi import operations as operations_of
from api.openapi import SNAPSHOT, document
from tests.api.running import PASSWORD, RunningApi

EXAMPLES = int(os.environ.get("API_CONTRACT_EXAMPLES", "0"))
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]
# Routes that would disable or change the account of the test.
LEFT_OUT = ("/api/v1/auth/password", "/disable", "/scopes", "/sessions/end")


def test_the_document_of_the_dashboard_is_current() -> None:
    assert SNAPSHOT.read_bytes() == document(), "run python -m api.openapi"


def test_the_document_is_for_readers() -> None:
    schema = orjson.loads(document())
    # The document is refused while a part of it has no text; here is how one is noticed.
    assert list(undescribed(schema)) == []
    found = list(operations_of(schema))
    summaries = [operation["summary"] for _, _, operation in found]
    assert len(set(summaries)) == len(summaries)
    descriptions = [operation["description"] for _, _, operation in found]
    assert [text for text in descriptions if len(text) < 25] == []
    answers = [answer for _, _, operation in found for answer in operation["responses"].values()]
    assert {answer["description"] for answer in answers}.isdisjoint({"", "Successful Response"})
    assert "(/)" in schema["info"]["description"]
    schema["components"]["schemas"]["Totals"]["properties"]["new"] = {"description": ""}
    schema["paths"]["/health"]["get"] |= {"summary": "Health", "tags": ["untold"]}
    assert set(undescribed(schema)) == {
        "Totals.new", "GET /health: summary", "GET /health: tag untold"
    }  # fmt: skip


def test_the_texts_of_the_document_are_about_parts_that_it_has() -> None:
    schema = orjson.loads(document())
    texts = tomllib.loads(TEXTS.read_text(encoding="utf-8"))
    fields = {
        f"{name}.{field}"
        for name, model in schema["components"]["schemas"].items()
        for field in model.get("properties", {})
    }
    found = list(operations_of(schema))
    parameters = {
        one["name"] for _, _, operation in found for one in operation.get("parameters", ())
    }
    names = {field.partition(".")[2] for field in fields} | parameters
    assert texts["summaries"].keys() <= {f"{method} {path}" for method, path, _ in found}
    assert texts["examples"].keys() <= fields | parameters
    assert texts["fields"].keys() <= fields | names
    assert texts["tags"].keys() == {tag for _, _, operation in found for tag in operation["tags"]}


def test_every_route_names_its_errors_and_limits(week_api: RunningApi) -> None:
    schema = httpx.get(f"{week_api.url}/openapi.json", timeout=90).json()
    for path, operations in schema["paths"].items():
        if not path.startswith("/api/"):
            continue
        for operation in operations.values():
            assert operation["description"] or operation["summary"]
            for status in ("422", "429", "503") if "get" in operations else ("429", "503"):
                if status == "422" and not operation.get("parameters"):
                    continue
                problem = operation["responses"][status]
                assert problem["content"]["application/json"]["schema"]["$ref"].endswith(
                    Problem.__name__
                )
                assert "X-RateLimit-Remaining" in problem["headers"]
            assert "Retry-After" in operation["responses"]["429"]["headers"]


def operations() -> list[tuple[str, str]]:
    schema = orjson.loads(document())
    return [
        (method.upper(), path)
        for path, found in sorted(schema["paths"].items())
        for method in sorted(found)
        if not any(part in path for part in LEFT_OUT)
    ]


@pytest.fixture(scope="module")
def token(week_api: RunningApi) -> str:
    """A token with all scopes: with fewer, most responses would be refusals."""
    asyncio.run(grant_everything(week_api.settings.database.libpq_url))
    answer = httpx.post(
        f"{week_api.url}/api/v1/auth/token",
        data={"username": "ann", "password": PASSWORD},
        timeout=90,
    )
    return str(answer.json()["access_token"])


async def grant_everything(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute("UPDATE api_users SET scopes = $1", [scope.value for scope in Scope])
    await connection.close()


@pytest.fixture(scope="module")
def schema(week_api: RunningApi) -> Any:
    return schemathesis.openapi.from_url(f"{week_api.url}/openapi.json")


@pytest.mark.no_cover  # other tests run the same lines
@pytest.mark.parametrize("examples", [6, pytest.param(20, marks=pytest.mark.long)])
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
@pytest.mark.parametrize(("method", "path"), operations())
def test_any_input_gets_a_documented_answer(
    schema: Any, token: str, *, examples: int, mode: GenerationMode, method: str, path: str
) -> None:
    operation = schema[path][method]
    if mode is GenerationMode.NEGATIVE and not (operation.body or operation.query):
        return  # nothing that could be wrong

    @settings(
        max_examples=EXAMPLES or examples,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def check(case: Any) -> None:
        case.call_and_validate(headers={"Authorization": f"Bearer {token}"}, checks=CHECKS)

    check()
