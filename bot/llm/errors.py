"""Parses a provider's error responses: kind, code, message, Retry-After."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from bot.llm.completion import (
    NO_USAGE,
    ErrorKind,
    Usage,
    read_usage,
)
from common.text import clean_text

MAX_MESSAGE = 300
CONTEXT_LENGTH = re.compile(
    r"context.{0,3}(length|window)|maximum context|too many tokens", re.IGNORECASE
)
MODERATION = re.compile(r"moderat|flagged|content.?(policy|filter)|safety", re.IGNORECASE)
NO_MODEL = re.compile(
    r"model_not_found|(not a valid|unknown|invalid|no such) model"
    r"|model\b.{0,80}(not found|does not exist|not exist|deprecated|decommissioned|retired"
    r"|no longer|not available|unavailable)"
    r"|no (allowed |available )?(endpoints|providers)",
    re.IGNORECASE,
)
NO_MONEY = re.compile(
    r"insufficient|(key|credit|usage|spend\w*|total|daily|weekly|monthly) limit|quota|credits",
    re.IGNORECASE,
)
_BY_STATUS = {
    401: ErrorKind.UNAUTHORIZED,
    402: ErrorKind.PAYMENT,
    403: ErrorKind.UNAUTHORIZED,
    404: ErrorKind.NOT_FOUND,
    408: ErrorKind.TIMEOUT,
    410: ErrorKind.NOT_FOUND,
    413: ErrorKind.CONTEXT_LENGTH,
    429: ErrorKind.RATE_LIMITED,
}
_BY_WORDS = tuple(
    (status, re.compile(pattern, re.IGNORECASE))
    for status, pattern in (
        (429, r"rate.?limit|too many requests"),
        (402, r"insufficient|payment"),
        (401, r"authenticat|unauthori|api.?key"),
        (404, r"model_not_found"),
        (400, r"invalid_request|bad.?request|context_length|context length"),
    )
)
_CODE = re.compile(r"[\w.:/-]{1,64}", re.ASCII)
_MILLISECONDS = 10**11
"""Timestamps above this are in milliseconds."""


@dataclass(frozen=True)
class ProviderFailure:
    """An error response."""

    kind: ErrorKind
    status: int
    """The HTTP status, or the error's code if the status was 200."""
    text: str = ""
    """The whole body, for matching only; never stored."""
    parameter: str | None = None
    code: str | None = None
    message: str | None = None
    retry_after: float | None = None
    usage: Usage = NO_USAGE

    @property
    def is_refusal(self) -> bool:
        """Whether the provider rejected the request without processing it."""
        return 400 <= self.status < 500  # noqa: PLR2004 # the client's own class of errors


def parse_failure(
    body: Any, *, status: int | None = None, headers: Mapping[str, str] | None = None
) -> ProviderFailure:
    """Parse an error body. Without a `status` it is derived from the body."""
    outer = body if isinstance(body, dict) else {}
    stated = outer.get("error") or body
    error = stated if isinstance(stated, dict) else {"message": stated}
    code = error.get("code", error.get("type"))
    more = error.get("metadata")
    metadata = more if isinstance(more, dict) else {}
    text = stated if isinstance(stated, str) else json.dumps(stated, default=str)
    number = status or _status_of(code, text)
    kind = _kind(number, text)
    return ProviderFailure(
        kind=kind,
        status=number,
        text=text,
        parameter=error["param"] if isinstance(error.get("param"), str) else None,
        code=_code(code),
        message=None if kind is ErrorKind.MODERATION else _sentence(error, metadata),
        retry_after=_retry_after(headers or {}, metadata),
        usage=read_usage(outer.get("usage")),
    )


def _status_of(code: Any, text: str) -> int:
    """The status equivalent to an error sent with HTTP 200."""
    if str(code).isascii() and str(code).isdigit() and len(str(code)) == 3:  # noqa: PLR2004 # digits of a status
        return int(code)
    return next((status for status, said in _BY_WORDS if said.search(text)), 500)


def _kind(status: int, text: str) -> ErrorKind:
    kind = _BY_STATUS.get(status, ErrorKind.BAD_REQUEST)
    if status in {400, 413, 422} and CONTEXT_LENGTH.search(text):
        kind = ErrorKind.CONTEXT_LENGTH
    elif status in {400, 403, 422, 451} and MODERATION.search(text):
        kind = ErrorKind.MODERATION
    elif status in {400, 403, 422} and NO_MODEL.search(text):
        kind = ErrorKind.NOT_FOUND
    elif (status == 403 and NO_MONEY.search(text)) or (  # noqa: PLR2004 # forbidden
        status == 429 and "insufficient_quota" in text  # noqa: PLR2004 # too many requests
    ):
        kind = ErrorKind.PAYMENT
    elif status >= 500:  # noqa: PLR2004 # the server's own class of errors
        is_long = CONTEXT_LENGTH.search(text)
        kind = ErrorKind.CONTEXT_LENGTH if is_long else ErrorKind.SERVER_ERROR
    return kind


def _code(stated: Any) -> str | None:
    code = str(stated) if isinstance(stated, int | str) else ""
    return code if _CODE.fullmatch(code) else None


def _sentence(error: dict[str, Any], metadata: dict[str, Any]) -> str | None:
    # OpenRouter's own message is "Provider returned error"; the provider's is nested in it.
    parts = [part for part in (error.get("message"), metadata.get("raw")) if isinstance(part, str)]
    return clean_text(": ".join(parts).strip())[:MAX_MESSAGE] or None


def _retry_after(headers: Mapping[str, str], metadata: dict[str, Any]) -> float | None:
    """Seconds to wait before the next request."""
    stated = headers.get("retry-after", "").strip()
    try:
        seconds = float(stated)
    except ValueError:
        seconds = math.nan
        if stated:
            seconds = _until_date(stated)
    if math.isnan(seconds):
        inner = metadata.get("headers")
        seconds = (
            _until_reset(inner.get("X-RateLimit-Reset")) if isinstance(inner, dict) else seconds
        )
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


def _until_date(stated: str) -> float:
    try:
        moment = parsedate_to_datetime(stated)
    except ValueError:
        return math.nan
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max((aware - datetime.now(UTC)).total_seconds(), 0)


def _until_reset(stated: Any) -> float:
    try:
        moment = float(stated)
    except (TypeError, ValueError):
        return math.nan
    moment = moment / 1000 if moment > _MILLISECONDS else moment
    return max(moment - datetime.now(UTC).timestamp(), 0)
