"""Errors of a request, by how the client should react.

ApiError
├── RefusedError              the request contradicts the state or a rule (a username that is taken)
├── NotAuthenticatedError     no credentials, or invalid ones
├── ForbiddenError            the account may not do this
├── NotFoundError
├── InvalidRequestError       invalid arguments, or a query that cannot be answered
├── TooManyAttemptsError      with the seconds to wait
├── InternalError             a bug; the cause is logged and not shown
└── ServiceUnavailableError   a dependency is unavailable; with the seconds to wait

`api.http.errors` turns them into responses.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from common.errors import DialyticsError


class ApiError(DialyticsError):
    """A failure with a stable code and a message for people."""

    code = "internal_error"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        details: Sequence[dict[str, Any]] = (),
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or type(self).code
        self.details = list(details)
        self.retry_after = retry_after
        """Seconds to wait."""


class RefusedError(ApiError):
    code = "bad_request"


class NotAuthenticatedError(ApiError):
    """No credentials, or invalid ones.

    Args:
        asks_for_password: a browser may show its own login dialog.
    """

    code = "not_authenticated"

    def __init__(
        self, message: str, *, code: str | None = None, asks_for_password: bool = False
    ) -> None:
        super().__init__(message, code=code)
        self.asks_for_password = asks_for_password


class ForbiddenError(ApiError):
    code = "forbidden"


class NotFoundError(ApiError):
    code = "not_found"


class InvalidRequestError(ApiError):
    code = "unprocessable"


def invalid_arguments(
    problems: Iterable[Mapping[str, Any]], *, where: tuple[str, ...] = ()
) -> InvalidRequestError:
    """The error for problems that pydantic found.

    Args:
        problems: each with `loc` and `msg`.
        where: the part of the request, if `loc` does not begin with it.
    """
    details = [
        {"where": [*where, *(str(step) for step in problem["loc"])], "problem": problem["msg"]}
        for problem in problems
    ]
    first = details[0]
    field = ".".join(first["where"][1:]) or first["where"][0]
    return InvalidRequestError(
        f"{field}: {first['problem']}.", code="invalid_request", details=details
    )


def unknown_field(permitted: Iterable[str]) -> str:
    """The problem with a field or an argument that does not exist."""
    names = ", ".join(permitted)
    return f"unknown; permitted: {names}" if names else "unknown; there are none here"


class TooManyAttemptsError(ApiError):
    code = "rate_limited"

    def __init__(self, message: str, *, code: str | None = None, retry_after: int) -> None:
        super().__init__(message, code=code, retry_after=max(1, retry_after))


class InternalError(ApiError):
    code = "internal_error"


class ServiceUnavailableError(ApiError):
    code = "unavailable"

    def __init__(self, message: str, *, code: str | None = None, retry_after: int = 5) -> None:
        super().__init__(message, code=code, retry_after=retry_after)
