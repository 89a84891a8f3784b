"""What the OpenAPI document says beyond the routes: how to log in, limits, numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api.http.error_schema import HEADERS, Problem
from api.settings import LimitSettings

DESCRIPTION = """Statistics of a Telegram LLM bot: exact, fast, honest about their age.

Log in with HTTP Basic, or exchange the password for a bearer token at `/api/v1/auth/token`.
Every answer states `data_through` (everything received before is counted), `lag_seconds` and
whether the period reaches beyond (`is_partial`). Times are UTC, intervals half-open. Answers to
GET carry a weak `ETag` of their content; send it back in `If-None-Match`, and an unchanged answer
is a 304 whose headers state its age now. CSV and Arrow: `format=` or `Accept`.

**Rate limits**: {default} per account (per address before login), {dashboard} for tokens that the
dashboard asked for (`client_id=dashboard`). Every answer under `/api` carries `RateLimit`,
`RateLimit-Policy` and `X-RateLimit-*`; a 429 carries `Retry-After`.

**Errors** all have one shape: `code` (stable), `message`, `details`, `request_id`.
"""


def describe(app: FastAPI, limits: LimitSettings, *, scopes: Mapping[str, str]) -> None:
    """Replace the framework's document by ours, made once."""

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
            }
            schema["components"]["headers"] = HEADERS
            schema["components"]["schemas"][Problem.__name__] = Problem.model_json_schema()
            app.openapi_schema = _numbers(schema)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign] # FastAPI's documented way


def _numbers(node: Any) -> Any:
    """Decimals are written as JSON numbers with all their digits, not as strings."""
    if isinstance(node, dict):
        if node.get("type") == "string" and "\\d" in str(node.get("pattern", "")):
            kept = {key: value for key, value in node.items() if key not in {"type", "pattern"}}
            return {**kept, "type": "number"}
        return {key: _numbers(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_numbers(value) for value in node]
    return node
