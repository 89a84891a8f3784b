"""Turns exceptions into error responses. The only module that knows status codes of errors."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import orjson
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import InternalError as SQLAlchemyInternalError
from sqlalchemy.exc import TimeoutError as SQLAlchemyTimeoutError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from api.errors import (
    ApiError,
    ForbiddenError,
    InternalError,
    InvalidRequestError,
    NotAuthenticatedError,
    NotFoundError,
    RefusedError,
    ServiceUnavailableError,
    TooManyAttemptsError,
    invalid_arguments,
)
from api.http.rate_limit import CountersUnavailableError
from api.permitted_fields import with_permitted_fields
from common.log import get_logger
from warehouse.errors import QueryTooExpensiveError, WarehouseUnavailableError
from warehouse.moments import PeriodError
from warehouse.query import InvalidQueryError
from warehouse.reports import CursorError

log = get_logger(__name__)

STATUSES: dict[type[ApiError], int] = {
    RefusedError: 400,
    NotAuthenticatedError: 401,
    ForbiddenError: 403,
    NotFoundError: 404,
    InvalidRequestError: 422,
    TooManyAttemptsError: 429,
    ServiceUnavailableError: 503,
    ApiError: 500,
}
# Each in a header of its own: browsers misread a list.
BASIC_OR_BEARER = ('Basic realm="dialytics", charset="UTF-8"', "Bearer")
BEARER_ONLY = ('Bearer error="invalid_token"',)
"""For pages: with it a browser shows no login dialog of its own."""


class _FrameworkError(ApiError):
    """An error of FastAPI or Starlette, with its status and headers."""

    def __init__(self, message: str, *, code: str, status: int, headers: dict[str, str]) -> None:
        super().__init__(message, code=code)
        self.status = status
        self.headers = headers


def _invalid_period(error: PeriodError) -> ApiError:
    return InvalidRequestError(
        f"Invalid period: {error}.",
        code="invalid_period",
        details=[{"where": ["query", error.field], "problem": str(error)}],
    )


def _invalid_query(error: InvalidQueryError) -> ApiError:
    return InvalidRequestError(
        f"Invalid query: {error}.",
        code="invalid_query",
        details=[{"where": ["body", error.path], "problem": str(error)}],
    )


# Python versions name this status differently.
_OWN_CODES = {413: "body_too_large"}


def _http_error(error: HTTPException) -> ApiError:
    headers = dict(error.headers or {})
    if headers.get("Allow") == "GET":
        headers["Allow"] = "GET, HEAD"
    return _FrameworkError(
        str(error.detail),
        code=_OWN_CODES.get(error.status_code)
        or HTTPStatus(error.status_code).phrase.lower().replace(" ", "_"),
        status=error.status_code,
        headers=headers,
    )


def _database_unavailable(_error: Exception) -> ApiError:
    return ServiceUnavailableError(
        "The database is temporarily unavailable.", code="database_unavailable"
    )


# The first match wins. Any other exception is a bug: 500.
_TRANSLATIONS: tuple[tuple[type[Exception], Callable[[Any], ApiError]], ...] = (
    (ApiError, lambda error: error),
    (RequestValidationError, lambda error: invalid_arguments(error.errors())),
    (HTTPException, _http_error),
    (PeriodError, _invalid_period),
    (InvalidQueryError, _invalid_query),
    (
        CursorError,
        lambda _: InvalidRequestError("Invalid cursor.", code="invalid_cursor"),
    ),
    (
        QueryTooExpensiveError,
        lambda _: InvalidRequestError(
            "The query is too expensive. Use a shorter period, wider buckets or fewer dimensions.",
            code="too_expensive",
        ),
    ),
    (
        WarehouseUnavailableError,
        lambda _: ServiceUnavailableError(
            "Statistics are temporarily unavailable.", code="warehouse_away"
        ),
    ),
    (
        CountersUnavailableError,
        lambda _: ServiceUnavailableError(
            "Logins are temporarily unavailable.", code="logins_closed"
        ),
    ),
    (InterfaceError, _database_unavailable),
    # The driver's: the server closed the connection between two statements.
    (SQLAlchemyInternalError, _database_unavailable),
    (OperationalError, _database_unavailable),
    (SQLAlchemyTimeoutError, _database_unavailable),
    (OSError, _database_unavailable),
)


def as_api_error(error: Exception) -> ApiError:
    """The error to show the client for any exception."""
    for kind, translate in _TRANSLATIONS:
        if isinstance(error, kind):
            return translate(error)
    return InternalError("Internal error.")


def render(error: Exception, *, request_id: str) -> Response:
    """The response for any exception: `{code, message, details, request_id}`."""
    failure = as_api_error(error)
    message = failure.message
    if isinstance(failure, InternalError):
        log.error("request_failed", request_id=request_id, exc_info=error)
        message += f" Check the API log for request {request_id}."
    response = Response(
        orjson.dumps(
            {
                "code": failure.code,
                "message": message,
                "details": failure.details,
                "request_id": request_id,
            }
        ),
        status_code=_status_of(failure),
        media_type="application/json",
        headers={"Cache-Control": "no-store", **_headers_of(failure)},
    )
    if isinstance(failure, NotAuthenticatedError):
        for challenge in BASIC_OR_BEARER if failure.asks_for_password else BEARER_ONLY:
            response.headers.append("WWW-Authenticate", challenge)
    return response


def _status_of(failure: ApiError) -> int:
    if isinstance(failure, _FrameworkError):
        return failure.status
    return next(status for kind, status in STATUSES.items() if isinstance(failure, kind))


def _headers_of(failure: ApiError) -> dict[str, str]:
    if isinstance(failure, _FrameworkError):
        return failure.headers
    return {} if failure.retry_after is None else {"Retry-After": str(failure.retry_after)}


async def handle(request: Request, error: Exception) -> Response:
    """FastAPI's exception handler."""
    if isinstance(error, RequestValidationError):
        error = with_permitted_fields(error, request.scope.get("route"))
    return render(error, request_id=request.state.request_id)
