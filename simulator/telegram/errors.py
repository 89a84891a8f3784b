"""Errors of the Bot API."""

from __future__ import annotations

from common.errors import DialyticsError


class BotApiError(DialyticsError):
    """A refused method call, rendered as `{"ok": false, …}`.

    Args:
        status: HTTP status and `error_code`.
        description: Telegram's text, with prefix.
        retry_after: seconds, in `parameters`.
    """

    def __init__(self, status: int, description: str, *, retry_after: int | None = None) -> None:
        super().__init__(description)
        self.status = status
        self.description = description
        self.retry_after = retry_after


def bad_request(problem: str) -> BotApiError:
    return BotApiError(400, f"Bad Request: {problem}")


def conflict(problem: str) -> BotApiError:
    return BotApiError(409, f"Conflict: {problem}")


def forbidden(problem: str) -> BotApiError:
    return BotApiError(403, f"Forbidden: {problem}")


def too_many_requests(seconds: int) -> BotApiError:
    return BotApiError(429, f"Too Many Requests: retry after {seconds}", retry_after=seconds)
