"""The shape of an error in the OpenAPI document, and which routes answer which."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, Field


class Problem(BaseModel):
    """What went wrong. `code` is stable, `message` is for people."""

    code: str = Field(examples=["rate_limited"])
    message: str
    details: list[dict[str, Any]] = []
    request_id: str = Field(description="Also in the header `X-Request-Id` and in the log.")


PROBLEM_REFERENCE = f"#/components/schemas/{Problem.__name__}"
"""Routes refer to the shape: with it as their `model` the framework would build it for each
status of each route, which is half of the time that the application takes to start."""

HEADERS: dict[str, dict[str, Any]] = {
    "X-RateLimit-Limit": {
        "description": "Requests that the window holds.",
        "schema": {"type": "integer"},
    },
    "X-RateLimit-Remaining": {
        "description": "Requests left now.",
        "schema": {"type": "integer"},
    },
    "X-RateLimit-Reset": {
        "description": "Unix time at which the oldest counted request leaves the window.",
        "schema": {"type": "integer"},
    },
    "RateLimit": {
        "description": '`"account";r=<left>;t=<seconds until one more is free>`.',
        "schema": {"type": "string"},
    },
    "RateLimit-Policy": {
        "description": '`"account";q=<requests>;w=<window in seconds>`.',
        "schema": {"type": "string"},
    },
    "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}},
    "ETag": {
        "description": "Weak. Changes with the content: figures, period, format, names shown; not"
        " with its age.",
        "schema": {"type": "string"},
    },
    "X-Lag-Seconds": {
        "description": "Age of the data when served; also on CSV, Arrow and 304.",
        "schema": {"type": "number"},
    },
    "X-Data-Through": {
        "description": "As `data_through`; also on CSV, Arrow and 304.",
        "schema": {"type": "string", "format": "date-time"},
    },
    "X-Newest-Through": {
        "description": "As `newest_through`.",
        "schema": {"type": "string", "format": "date-time"},
    },
    "X-Snapshot": {"description": "As `snapshot`.", "schema": {"type": "string"}},
    "X-Is-Partial": {"description": "As `is_partial`.", "schema": {"type": "string"}},
    "X-Period": {"description": "`<since>/<until>`, UTC.", "schema": {"type": "string"}},
    "X-Timezone": {"description": "The resolved zone.", "schema": {"type": "string"}},
    "X-Truncated": {
        "description": "Of a streamed export: whether rows are left out.",
        "schema": {"type": "string"},
    },
}
"""Every header that answers carry; OpenAPI's `components.headers`."""


def _refer(*names: str) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


RATE_HEADERS = _refer(
    "X-RateLimit-Limit",
    "X-RateLimit-Remaining",
    "X-RateLimit-Reset",
    "RateLimit",
    "RateLimit-Policy",
)
RETRY_AFTER = _refer("Retry-After")
ETAG = _refer("ETag")
ANSWER_HEADERS = _refer(
    "X-Lag-Seconds", "X-Data-Through", "X-Newest-Through", "X-Snapshot", "X-Is-Partial",
    "X-Period", "X-Timezone", "X-Truncated",
)  # fmt: skip
DESCRIPTIONS = {
    400: "The request contradicts the state or a rule.",
    401: "No credentials, or credentials that do not hold.",
    403: "The account may not do this.",
    404: "There is no such thing.",
    409: "Another change came first.",
    413: "The body is above 1 MiB; the connection ends.",
    422: "Understood, but cannot be answered as asked.",
    429: "Too many requests of this account or address, or too many failed logins.",
    503: "A database is away or busy, or nothing was published yet.",
}


def _headers(status: int) -> dict[str, Any]:
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return {}
    return RATE_HEADERS | (RETRY_AFTER if status in {429, 503} else {})


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that may fail in these ways. 413, 429 and 503 always belong."""
    return {
        status: {
            "content": {"application/json": {"schema": {"$ref": PROBLEM_REFERENCE}}},
            "description": DESCRIPTIONS[status],
            "headers": _headers(status),
        }
        for status in sorted({*statuses, 413, 429, 503})
    }
