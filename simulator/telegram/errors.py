"""How the Bot API refuses. Knows nothing about HTTP beyond the status it names."""

from __future__ import annotations

from common.errors import DialyticsError


class ApiError(DialyticsError):
    """A refused method call, rendered as `{"ok": false, …}`.

    Args:
        status: also `error_code` of the body.
        description: as Telegram words it, prefix included.
        retry_after: whole seconds, stated in `parameters`.
    """

    def __init__(self, status: int, description: str, *, retry_after: int | None = None) -> None:
        super().__init__(description)
        self.status = status
        self.description = description
        self.retry_after = retry_after


def bad_request(problem: str) -> ApiError:
    return ApiError(400, f"Bad Request: {problem}")


def conflict(problem: str) -> ApiError:
    return ApiError(409, f"Conflict: {problem}")


def forbidden(problem: str) -> ApiError:
    return ApiError(403, f"Forbidden: {problem}")


def too_many_requests(seconds: int) -> ApiError:
    return ApiError(429, f"Too Many Requests: retry after {seconds}", retry_after=seconds)
