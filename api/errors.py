"""Every way a request can fail, as the client sees it. Knows no driver's error.

ApiError
├── BadRequest        400  the request contradicts the state (a username that is taken)
├── Unauthenticated   401  nobody, or credentials that do not hold
├── Forbidden         403  somebody, but not allowed
├── NotFound          404
├── Unprocessable     422  understood, but cannot be answered as asked
├── TooManyRequests   429  with the seconds to wait
├── Broken            500  our fault; the cause stays in the log
└── Unavailable       503  a database is away; with the seconds to wait

`render` is the only place that turns one into a response.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any

import orjson
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as SQLAlchemyTimeoutError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from api.limits import CountersUnavailableError
from common.errors import DialyticsError
from common.log import get_logger
from warehouse.errors import QueryTooExpensiveError, WarehouseUnavailableError
from warehouse.moments import PeriodError
from warehouse.query import QueryError
from warehouse.reports import CursorError

log = get_logger(__name__)


class ApiError(DialyticsError):
    """A failure with a status, a stable code and a sentence for people."""

    status = 500
    code = "internal_error"
    challenges: tuple[str, ...] = ()
    """Ways to log in, each in a header of its own: browsers misread a list."""

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        details: Sequence[dict[str, Any]] = (),
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or type(self).code
        self.details = list(details)
        self.headers = headers or {}


class BadRequest(ApiError):  # noqa: N818 # named as HTTP names it
    status = 400
    code = "bad_request"


class Unauthenticated(ApiError):  # noqa: N818 # named as HTTP names it
    status = 401
    code = "not_authenticated"

    def __init__(
        self, message: str, *, code: str | None = None, challenges: tuple[str, ...]
    ) -> None:
        super().__init__(message, code=code)
        self.challenges = challenges


class Forbidden(ApiError):  # noqa: N818 # named as HTTP names it
    status = 403
    code = "forbidden"


class NotFound(ApiError):  # noqa: N818 # named as HTTP names it
    status = 404
    code = "not_found"


class Unprocessable(ApiError):  # noqa: N818 # named as HTTP names it
    status = 422
    code = "unprocessable"


class TooManyRequests(ApiError):  # noqa: N818 # named as HTTP names it
    status = 429
    code = "rate_limited"

    def __init__(self, message: str, *, code: str | None = None, retry_after: int) -> None:
        super().__init__(message, code=code, headers={"Retry-After": str(max(1, retry_after))})


class Broken(ApiError):  # noqa: N818 # named as HTTP names it
    status = 500
    code = "internal_error"


class Unavailable(ApiError):  # noqa: N818 # named as HTTP names it
    status = 503
    code = "unavailable"

    def __init__(self, message: str, *, code: str | None = None, retry_after: int = 5) -> None:
        super().__init__(message, code=code, headers={"Retry-After": str(retry_after)})


def _invalid_request(error: RequestValidationError) -> ApiError:
    return Unprocessable(
        "The request has wrong or missing parts.",
        code="invalid_request",
        details=[
            {"where": [str(step) for step in problem["loc"]], "problem": problem["msg"]}
            for problem in error.errors()
        ],
    )


def _invalid_period(error: PeriodError) -> ApiError:
    return Unprocessable(
        f"The period cannot be answered: {error}.",
        code="invalid_period",
        details=[{"where": ["query", error.field], "problem": str(error)}],
    )


def _invalid_query(error: QueryError) -> ApiError:
    return Unprocessable(
        f"The query is not valid: {error}.",
        code="invalid_query",
        details=[{"where": ["body", error.path], "problem": str(error)}],
    )


# Python has renamed the phrase of this one.
_OWN_CODES = {413: "body_too_large"}


def _http_error(error: HTTPException) -> ApiError:
    headers = dict(error.headers or {})
    if headers.get("Allow") == "GET":
        headers["Allow"] = "GET, HEAD"
    failure = ApiError(
        str(error.detail),
        code=_OWN_CODES.get(error.status_code)
        or HTTPStatus(error.status_code).phrase.lower().replace(" ", "_"),
        headers=headers,
    )
    failure.status = error.status_code
    return failure


def _database_away(_error: Exception) -> ApiError:
    return Unavailable("The database is away for a moment.", code="database_unavailable")


# The first that fits. What is not here is our own fault.
_TRANSLATIONS: tuple[tuple[type[Exception], Callable[[Any], ApiError]], ...] = (
    (ApiError, lambda error: error),
    (RequestValidationError, _invalid_request),
    (HTTPException, _http_error),
    (PeriodError, _invalid_period),
    (QueryError, _invalid_query),
    (
        CursorError,
        lambda _: Unprocessable("This cursor was not issued here.", code="invalid_cursor"),
    ),
    (
        QueryTooExpensiveError,
        lambda _: Unprocessable(
            "The question costs too much. Ask for a shorter period, wider buckets or fewer"
            " dimensions.",
            code="too_expensive",
        ),
    ),
    (
        WarehouseUnavailableError,
        lambda _: Unavailable("The statistics are away for a moment.", code="warehouse_away"),
    ),
    (
        CountersUnavailableError,
        lambda _: Unavailable("Logins are closed for a moment.", code="logins_closed"),
    ),
    (InterfaceError, _database_away),
    (OperationalError, _database_away),
    (SQLAlchemyTimeoutError, _database_away),
    (OSError, _database_away),
)


def as_api_error(error: Exception) -> ApiError:
    """What the client may know about any exception."""
    for kind, translate in _TRANSLATIONS:
        if isinstance(error, kind):
            return translate(error)
    return Broken("Something broke on our side. The request id names it in the log.")


def render(error: Exception, *, request_id: str) -> Response:
    """The one shape of every error: `{code, message, details, request_id}`."""
    failure = as_api_error(error)
    if isinstance(failure, Broken):
        log.error("request_failed", request_id=request_id, exc_info=error)
    response = Response(
        orjson.dumps(
            {
                "code": failure.code,
                "message": failure.message,
                "details": failure.details,
                "request_id": request_id,
            }
        ),
        status_code=failure.status,
        media_type="application/json",
        headers={"Cache-Control": "no-store", **failure.headers},
    )
    for challenge in failure.challenges:
        response.headers.append("WWW-Authenticate", challenge)
    return response


async def handle(request: Request, error: Exception) -> Response:
    """FastAPI's exception handler for all of them."""
    return render(error, request_id=request.state.request_id)
