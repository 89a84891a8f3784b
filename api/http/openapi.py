"""Adds descriptions, security schemes and headers to the OpenAPI document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api.http.error_schema import HEADERS, Problem
from api.settings import RateLimitSettings

DESCRIPTION = """Statistics of a Telegram LLM bot.

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
            app.openapi_schema = _numbers(schema)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign] # FastAPI's documented way


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
