"""Errors and headers of responses in the OpenAPI document."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, Field


class Problem(BaseModel):
    """An error. `code` is stable, `message` is for people."""

    code: str = Field(examples=["rate_limited"])
    message: str
    details: list[dict[str, Any]] = []
    request_id: str = Field(description="Also in the header `X-Request-Id` and in the log.")


PROBLEM_REFERENCE = f"#/components/schemas/{Problem.__name__}"
"""Routes refer to the schema. With `model=Problem` FastAPI would build it for each status of each
route, which takes half of the start-up time."""


def _header(description: str, type_: str = "string", **schema: str) -> dict[str, Any]:
    return {"description": description, "schema": {"type": type_, **schema}}


HEADERS = {
    "X-RateLimit-Limit": _header("Requests allowed per window.", "integer"),
    "X-RateLimit-Remaining": _header("Requests left.", "integer"),
    "X-RateLimit-Reset": _header(
        "Unix time at which the oldest counted request leaves the window.", "integer"
    ),
    "RateLimit": _header('`"account";r=<left>;t=<seconds until one more is free>`.'),
    "RateLimit-Policy": _header('`"account";q=<requests>;w=<window in seconds>`.'),
    "Retry-After": _header("Seconds to wait.", "integer"),
    "ETag": _header(
        "Weak. Changes with the content (figures, period, format, names), not with its age."
    ),
    "X-Lag-Seconds": _header("Age of the data when served; also on CSV, Arrow and 304.", "number"),
    "X-Data-Through": _header("As `data_through`; also on CSV, Arrow and 304.", format="date-time"),
    "X-Newest-Through": _header("As `newest_through`.", format="date-time"),
    "X-Snapshot": _header("As `snapshot`."),
    "X-Is-Partial": _header("As `is_partial`."),
    "X-Period": _header("`<since>/<until>`, UTC."),
    "X-Timezone": _header("The resolved zone."),
    "X-Truncated": _header("Streamed exports: whether rows are left out."),
}
"""All response headers; OpenAPI's `components.headers`."""


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
    401: "No credentials, or invalid ones.",
    403: "The account may not do this.",
    404: "Not found.",
    413: "The body is above 1 MiB; the connection is closed.",
    422: "Invalid arguments, or a query that cannot be answered.",
    429: "Too many requests of this account or address, or too many failed logins.",
    503: "A database is unavailable or busy, or no statistics have been published yet.",
}


def _headers(status: int) -> dict[str, Any]:
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return {}
    return RATE_HEADERS | (RETRY_AFTER if status in {429, 503} else {})


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route with these error statuses, plus 413, 429 and 503."""
    return {
        status: {
            "content": {"application/json": {"schema": {"$ref": PROBLEM_REFERENCE}}},
            "description": DESCRIPTIONS[status],
            "headers": _headers(status),
        }
        for status in sorted({*statuses, 413, 429, 503})
    }
