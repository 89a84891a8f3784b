"""Adds descriptions, examples, security schemes and headers to the OpenAPI document."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api.http.error_schema import HEADERS, Problem
from api.settings import RateLimitSettings
from warehouse.catalogue import METRICS

TEXTS = Path(__file__).with_name("openapi.toml")
MIN_SUMMARY_WORDS = 2
OF_FASTAPI = "Successful Response"
DONE = {"200": "The answer.", "201": "It was created.", "204": "Done; there is no body."}
CURL = """

```sh
curl -fsS -H 'Authorization: Bearer API_KEY' 'http://127.0.0.1:8000{path}{query}'
```"""
DESCRIPTION = """Statistics of a Telegram LLM bot. [Back to the dashboard](/).

Scripts use an API key (`Authorization: Bearer dly_...`, created at `/api/v1/keys`). Log in with
HTTP Basic, or exchange the password for a bearer token at `/api/v1/auth/token`.
Every answer states `data_through` (everything received before it is counted), `lag_seconds` and
`is_partial` (whether the period ends later). Times are UTC, intervals half-open. Responses to GET
have a weak `ETag` of their content: sent back in `If-None-Match`, an unchanged answer is a 304
whose headers state its current age. CSV and Arrow: `format=` or `Accept`.

**Rate limits**: {default} per account (per address without credentials), {dashboard} for tokens
issued to the dashboard (`client_id=dashboard`). A key may have a limit of its own. Every response
under `/api` has `RateLimit`, `RateLimit-Policy` and `X-RateLimit-*`; a 429 has `Retry-After`.

**Errors** have the fields `code` (stable), `message`, `details` and `request_id`.
"""


def customize_openapi(
    app: FastAPI, limits: RateLimitSettings, *, scopes: Mapping[str, str]
) -> None:
    """Replace FastAPI's document with an extended one, which is built once."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = get_openapi(
                title=app.title,
                version=app.version,
                description=DESCRIPTION.format(
                    default=limits.stats_api_rate_limit,
                    dashboard=limits.stats_dashboard_rate_limit,
                ),
                routes=app.routes,
                servers=[{"url": "/"}],
            )
            schema["components"]["securitySchemes"] = {
                "basic": {"type": "http", "scheme": "basic"},
                "bearer": {
                    "type": "oauth2",
                    "flows": {
                        "password": {
                            "tokenUrl": "/api/v1/auth/token",
                            "scopes": dict(scopes),
                        }
                    },
                },
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": "__Host-dialytics_session",
                    "description": "Of `POST /api/v1/auth/session`. Over plain HTTP the name is"
                    " `dialytics_session`. Requests that change something need an `Origin`.",
                },
                "key": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "dly_...",
                    "description": "An API key, created at `/api/v1/keys`.",
                },
            }
            schema["components"]["headers"] = HEADERS
            schema["components"]["schemas"][Problem.__name__] = Problem.model_json_schema()
            _describe(schema)
            app.openapi_schema = _numbers(schema)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign] # FastAPI's documented way


@cache
def _texts() -> dict[str, dict[str, Any]]:
    return tomllib.loads(TEXTS.read_text(encoding="utf-8"))


def _describe(schema: dict[str, Any]) -> None:
    tags = _texts()["tags"]
    schema["tags"] = [{"name": name, "description": text} for name, text in tags.items()]
    for method, path, operation in operations(schema):
        _describe_operation(method, path, operation)
    for name, model in schema["components"]["schemas"].items():
        for field, declared in model.get("properties", {}).items():
            _describe_field(f"{name}.{field}", declared)


def _describe_operation(method: str, path: str, operation: dict[str, Any]) -> None:
    summary = _texts()["summaries"].get(f"{method} {path}")
    operation["summary"] = summary or operation["summary"].capitalize()
    parameters = operation.get("parameters", ())
    if path.startswith("/api/v1/stats"):
        examples = _texts()["examples"]
        given = [
            f"{parameter['name']}={examples[parameter['name']]}"
            for parameter in parameters
            if parameter["name"] == "period" or parameter["required"]
        ]
        operation["description"] += CURL.format(
            path=path, query=f"?{'&'.join(given)}" if given else ""
        )
    for parameter in parameters:
        parameter.setdefault("description", _text_of(parameter["name"]))
    for status, answer in operation["responses"].items():
        if answer.get("description") == OF_FASTAPI:
            answer["description"] = DONE[status]


def _describe_field(name: str, declared: dict[str, Any]) -> None:
    declared.setdefault("description", _text_of(name))
    if example := _texts()["examples"].get(name):
        declared["examples"] = [example]


def _text_of(name: str) -> str:
    """Text of a field (`Schema.field`) or parameter; empty: there is none."""
    texts, field = _texts()["fields"], name.rpartition(".")[2]
    metrics = {metric.name: metric.definition for metric in METRICS}
    return str(texts.get(name) or metrics.get(field) or texts.get(field, ""))


def operations(schema: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Method, path and description of every operation of a document."""
    for path, found in schema["paths"].items():
        for method, operation in found.items():
            yield method.upper(), path, operation


def undescribed(schema: Mapping[str, Any]) -> Iterator[str]:
    """Parts of a document that lack a text for readers, or an example."""
    tags = {tag["name"] for tag in schema["tags"]}
    for method, path, operation in operations(schema):
        where = f"{method} {path}"
        if len(operation["summary"].split()) < MIN_SUMMARY_WORDS:
            yield f"{where}: summary"
        if not operation.get("description"):
            yield f"{where}: description"
        yield from (f"{where}: tag {tag}" for tag in set(operation["tags"]) - tags)
        for parameter in operation.get("parameters", ()):
            if not parameter["description"]:
                yield f"{where}: parameter {parameter['name']}"
    yield from _undescribed_fields(schema)


def _undescribed_fields(schema: Mapping[str, Any]) -> Iterator[str]:
    models = schema["components"]["schemas"]
    for name, model in models.items():
        for field, declared in model.get("properties", {}).items():
            if not declared["description"]:
                yield f"{name}.{field}"
    for name in request_schemas(schema):
        for field in () if "examples" in models[name] else models[name].get("required", ()):
            if not models[name]["properties"][field].get("examples"):
                yield f"example of {name}.{field}"


def request_schemas(schema: Mapping[str, Any]) -> set[str]:
    """Names of the schemas of request bodies."""
    bodies = (operation.get("requestBody", {}) for _, _, operation in operations(schema))
    contents = (content for body in bodies for content in body.get("content", {}).values())
    references = (content["schema"].get("$ref", "") for content in contents)
    return {reference.rpartition("/")[2] for reference in references if reference}


def _numbers(node: Any) -> Any:
    """Declare decimals as numbers: they are written as exact JSON numbers, not as strings."""
    if isinstance(node, dict):
        if node.get("type") == "string" and "\\d" in str(node.get("pattern", "")):
            kept = {key: value for key, value in node.items() if key not in {"type", "pattern"}}
            return {**kept, "type": "number"}
        return {key: _numbers(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_numbers(value) for value in node]
    return node
