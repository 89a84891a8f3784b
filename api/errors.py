"""Every way a request can fail, by what the client should do about it.

ApiError
├── RefusedError            the request contradicts the state or a rule (a username that is taken)
├── NotAuthenticatedError   no credentials, or invalid ones
├── ForbiddenError          the account may not do this
├── NotFoundError
├── InvalidRequestError     understood, but cannot be answered as asked
├── TooManyAttemptsError    with the seconds to wait
├── InternalError           our fault; the cause stays in the log
└── UnavailableError        something it needs is unavailable; with the seconds to wait

`api.http.errors` turns them into responses.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from common.errors import DialyticsError


class ApiError(DialyticsError):
    """A failure with a stable code and a sentence for people."""

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
        asks_for_password: a browser may ask for username and password in a dialog of its own.
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


class TooManyAttemptsError(ApiError):
    code = "rate_limited"

    def __init__(self, message: str, *, code: str | None = None, retry_after: int) -> None:
        super().__init__(message, code=code, retry_after=max(1, retry_after))


class InternalError(ApiError):
    code = "internal_error"


class UnavailableError(ApiError):
    code = "unavailable"

    def __init__(self, message: str, *, code: str | None = None, retry_after: int = 5) -> None:
        super().__init__(message, code=code, retry_after=retry_after)
